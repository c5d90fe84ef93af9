import type { AuthorizationRule, Condition } from "../istio/authorization-policy";
import { toOperation } from "./request-condition";

/** More rules than this make every request of the gateway slower. */
const MOST_RULES = 100;

/** What a condition on one field looks at, and the values with which it holds. */
interface Literal {
  readonly field: string;
  readonly values: readonly string[];
}

/** Field → values of which it may have none. */
type Negation = ReadonlyMap<string, ReadonlySet<string>>;

/** The fields that {@link allBut} can turn round. */
const NEGATED = { remoteIpBlocks: "notRemoteIpBlocks", methods: "notMethods", paths: "notPaths" } as const;

/**
 * Rules that match every request which none of `rules` matches: for each way of choosing one condition of every rule, the
 * requests that meet none of those chosen.
 *
 * @throws RangeError where that takes more than a hundred rules, or for a condition that Istio cannot turn round.
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

/** Without those that another one covers: what has fewer conditions matches more. */
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
