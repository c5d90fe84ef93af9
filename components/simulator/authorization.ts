/**
 * What a proxy decides by its AuthorizationPolicies (Istio: "Authorization Policy"; what Envoy gets of them is in
 * pilot/pkg/security/authz).
 */
import { attributeOf, OPERATION_FIELDS, sourceFields, type Attribute } from "./policy-attributes";
import type { PolicyCondition, ProxyRequest } from "./proxy-request";
import type { WrittenPolicy, WrittenPolicyRule } from "./written-policies";

export type { ProxyRequest } from "./proxy-request";
export type { WrittenPolicy } from "./written-policies";

/** Why a request is refused. */
export type Refusal =
  | {
      readonly reason: "denied";
      /** Name of the DENY policy that matches, the first by namespace and name. */
      readonly policy: string;
    }
  /** There are ALLOW policies, and none of them matches. */
  | { readonly reason: "not allowed" };

/** The policies of one proxy. */
export interface Authorization {
  /** Why a request is refused; undefined where it passes. */
  readonly refusal: (request: ProxyRequest) => Refusal | undefined;
  /** What may decide otherwise about a request and was not looked at, in words. Undefined where that is nothing for all. */
  readonly notLookedAt: ((request: ProxyRequest) => readonly string[]) | undefined;
}

/** The policies of one proxy as a function. Those in dry run and with the action AUDIT refuse nothing. */
export const authorization = (
  policies: readonly WrittenPolicy[],
): ((request: ProxyRequest) => Refusal | undefined) => readPolicies(policies).refusal;

/**
 * What Istio cannot read of a policy counts as it does there, and is named: an ALLOW rule with a wrong value allows nothing, a
 * DENY rule is read without the value.
 */
export function readPolicies(policies: readonly WrittenPolicy[]): Authorization {
  const notes: string[] = [];
  const enforced = policies
    .filter(({ metadata }) => !/^(1|t|true)$/i.test(metadata.annotations?.["istio.io/dry-run"] ?? ""))
    .map((policy) => readPolicy(policy, notes))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const having = (action: string): ReadPolicy[] => enforced.filter((policy) => policy.action === action);
  const [deny, allow, custom] = [having("DENY"), having("ALLOW"), having("CUSTOM")];
  const allowed = allow.length === 0 ? () => true : any(allow.map(({ matches }) => matches));
  return {
    refusal: (request) =>
      deny.find(({ matches }) => matches(request))?.refusal ?? (allowed(request) ? undefined : NOT_ALLOWED),
    notLookedAt:
      notes.length + custom.length === 0
        ? undefined
        : (request) => [
            ...notes,
            ...custom.filter(({ matches }) => matches(request)).map(({ provider }) => provider),
          ],
  };
}

const NOT_ALLOWED = { reason: "not allowed" } as const;

interface ReadPolicy {
  readonly action: string;
  readonly matches: PolicyCondition;
  readonly refusal: Refusal;
  /** Who decides instead, in words. */
  readonly provider: string;
  /** Envoy tries `ns[namespace]-policy[name]-rule[i]` in the order of these texts. */
  readonly key: string;
}

function readPolicy(
  { metadata: { name, namespace = "" }, spec }: WrittenPolicy,
  notes: string[],
): ReadPolicy {
  const { action = "ALLOW", rules } = spec;
  const title = `AuthorizationPolicy ${namespace && `${namespace}/`}${name}`;
  const note = (what: string): void => void notes.push(`${what} in ${title}`);
  if (!ACTIONS.includes(action)) note(`action ${action}`);
  const matches = any(
    listOf(rules).flatMap((rule) => readRule(rule, { namespace, narrow: action === "ALLOW", note }) ?? []),
  );
  return {
    action,
    matches,
    refusal: { reason: "denied", policy: name },
    provider: `${title}: the external authorizer ${spec.provider?.name ?? ""} decides`,
    key: `${namespace}]-policy[${name}]`,
  };
}

const ACTIONS = ["ALLOW", "DENY", "AUDIT", "CUSTOM"];

interface Reading {
  readonly namespace: string;
  /** Whether a value that Istio cannot read takes its rule away, as in ALLOW policies. */
  readonly narrow: boolean;
  readonly note: (what: string) => void;
}

/** Undefined for a rule that Istio leaves out. */
function readRule(rule: WrittenPolicyRule | null, reading: Reading): PolicyCondition | undefined {
  if (!rule) return undefined;
  const { from, to, when } = rule;
  const operations = listOf(to).map((one) => fields(OPERATION_FIELDS, one.operation, reading));
  const sources = listOf(from).map((one) => fields(sourceFields(reading.namespace), one.source, reading));
  const others = listOf(when).map(({ key, values, notValues }): PolicyCondition | undefined => {
    const found = attributeOf(key, reading.namespace);
    if (found === "unknown") {
      reading.note(`condition ${key}`);
      return undefined;
    }
    if (found.undecidable) reading.note(`condition ${key}`);
    return both(
      compared(found.attribute, key, values, reading),
      compared(found.attribute, key, notValues, reading, "not"),
    );
  });
  const every = [...operations, ...others, ...sources];
  if (!every.every((condition) => condition !== undefined)) return undefined;
  const [ofOperations, ofSources] = [operations, sources] as PolicyCondition[][];
  return all([
    ...(ofOperations?.length ? [any(ofOperations)] : []),
    ...(others as PolicyCondition[]),
    ...(ofSources?.length ? [any(ofSources)] : []),
  ]);
}

/** Undefined where a value takes the rule away. */
function fields<T extends object>(
  known: { readonly [K in keyof Required<T>]: readonly [attribute: Attribute, not?: "not"] },
  given: T | null | undefined,
  reading: Reading,
): PolicyCondition | undefined {
  for (const field of Object.keys(given ?? {})) {
    if (!Object.hasOwn(known, field)) reading.note(`field ${field}`);
  }
  const conditions = (Object.entries(known) as [keyof T, readonly [Attribute, "not"?]][]).map(
    ([field, [attribute, not]]) =>
      compared(attribute, String(field), (given as T | null)?.[field] as readonly string[], reading, not),
  );
  return conditions.reduce(both, ANYTHING);
}

const ANYTHING: PolicyCondition = () => true;

function compared(
  { test, isReadable = () => true }: Attribute,
  name: string,
  values: readonly string[] | null | undefined,
  { narrow, note }: Reading,
  not?: "not",
): PolicyCondition | undefined {
  const all = listOf(values);
  const wrong = all.filter((value) => !isReadable(value));
  for (const value of wrong) note(`${name} ${value}`);
  const right = all.filter((value) => isReadable(value));
  if (wrong.length > 0 && narrow) return undefined;
  if (right.length === 0) return ANYTHING;
  const condition = test(right);
  return not ? (request) => !condition(request) : condition;
}

function both(a: PolicyCondition | undefined, b: PolicyCondition | undefined): PolicyCondition | undefined {
  if (!a || !b) return undefined;
  if (a === ANYTHING) return b;
  return b === ANYTHING ? a : (request) => a(request) && b(request);
}

/** What is null counts as absent. */
const listOf = <T>(list: readonly T[] | null | undefined): readonly T[] => list ?? [];

function all(conditions: readonly PolicyCondition[]): PolicyCondition {
  const [first] = conditions;
  return conditions.length === 1 && first
    ? first
    : (request) => conditions.every((condition) => condition(request));
}

function any(conditions: readonly PolicyCondition[]): PolicyCondition {
  const [first] = conditions;
  return conditions.length === 1 && first
    ? first
    : (request) => conditions.some((condition) => condition(request));
}
