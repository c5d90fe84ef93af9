import type { AuthorizationRule, Condition } from "../istio/authorization-policy";
import { toOperation } from "./request-condition";

/** Largest number of rules, since each request at the gateway is compared with all of them. */
const MOST_RULES = 100;

/** A condition on one field, with the values that fulfil it. */
interface Literal {
  readonly field: string;
  readonly values: readonly string[];
}

/** Field → values that it may not have. */
type Negation = ReadonlyMap<string, ReadonlySet<string>>;

/** The fields that {@link allBut} can negate. */
const NEGATED = { remoteIpBlocks: "notRemoteIpBlocks", methods: "notMethods", paths: "notPaths" } as const;

/**
 * Rules that match exactly the requests that none of `rules` matches. Such a request violates at least one condition of each
 * rule, so there is one result for each choice of one condition per rule, which negates all of the choice.
 *
 * @throws RangeError if the result has more than 100 rules, or if Istio cannot negate a condition.
 */
export function allBut(rules: readonly AuthorizationRule[]): AuthorizationRule[] {
  let negations: readonly Negation[] = [new Map()];
  for (const rule of rules) {
    const literals = literalsOf(rule);
    negations = simplest(
      negations.flatMap((negation) =>
        literals.map(({ field, values }) => {
          const none = new Set([...(negation.get(field) ?? []), ...values]);
          return new Map([...negation, [field, none]]);
        }),
      ),
    );
    if (negations.length > MOST_RULES)
      throw new RangeError(
        `the allow list takes more than ${MOST_RULES} rules when it is turned round; join its entries`,
      );
  }
  return negations.map(ruleOf);
}

function literalsOf({ from, to, when = [] }: AuthorizationRule): Literal[] {
  const fields = { ...from?.[0]?.source, ...to?.[0]?.operation };
  return [
    ...Object.entries(fields).map(([field, values]) => {
      if (!Object.hasOwn(NEGATED, field)) throw new RangeError(`field ${field} cannot be turned round`);
      return { field, values: values };
    }),
    ...when.map(({ key, values = [] }) => ({ field: key, values })),
  ];
}

/** Removes rules that another rule covers. A rule with a subset of the conditions matches more requests. */
function simplest(negations: readonly Negation[]): readonly Negation[] {
  const kept: Negation[] = [];
  const negates = (one: Negation, other: Negation): boolean =>
    [...one].every(([field, values]) => [...values].every((value) => other.get(field)?.has(value)));
  for (const negation of [...negations].sort((a, b) => size(a) - size(b)))
    if (!kept.some((one) => negates(one, negation))) kept.push(negation);
  return kept;
}

const size = (negation: Negation): number =>
  [...negation.values()].reduce((sum, values) => sum + values.size, 0);

function ruleOf(negation: Negation): AuthorizationRule {
  const negated = (field: keyof typeof NEGATED): Record<string, string[]> => {
    const values = negation.get(field);
    return values ? { [NEGATED[field]]: [...values] } : {};
  };
  const source = negated("remoteIpBlocks");
  const when = [...negation].flatMap(([key, values]): Condition[] =>
    Object.hasOwn(NEGATED, key) ? [] : [{ key, notValues: [...values] }],
  );
  return {
    ...(Object.keys(source).length > 0 && { from: [{ source }] }),
    ...toOperation({ ...negated("methods"), ...negated("paths") }),
    ...(when.length > 0 && { when }),
  };
}
