/** Objects as they are compared: without marks, and with the parts that are hard to read as text. */
import type { WrittenMatch } from "../../components/simulator/written-objects";
import { isSticky, plainName, stickyWords } from "../../components/traffic/sticky";
import { matchWords } from "./match-words";
import { policyRuleWords, type WrittenSource } from "./policy-words";
import { except } from "./fields";
import { isObject, type KubernetesObject } from "../side";

type Fields = Record<string, unknown>;

/** Marks that the package and Pulumi write for themselves: they change with what they mark. */
const OWN_MARK = /^(x-shopzier-mesh-rule-|shopzier-mesh\/|pulumi\.com\/|shopzier-mesh\.)/;

/** The fields below `spec`, and what an object has in its place; labels and annotations. */
export function compared(object: KubernetesObject): Fields {
  const { kind, metadata } = object;
  const { labels, annotations } = metadata;
  const rest = except(object, "apiVersion", "kind", "metadata", "status", "spec");
  const spec = withoutMarks(object.spec);
  const own = isObject(spec) ? (READABLE[kind]?.(spec) ?? spec) : {};
  return { ...own, ...(withoutMarks({ ...rest, labels, annotations }) as Fields | undefined) };
}

/** An object without its marks and what the cluster adds, as it was written. */
export function unmarked({ metadata: { labels, annotations }, ...object }: KubernetesObject): unknown {
  return withoutMarks({ ...except(object, "status"), labels, annotations });
}

const READABLE: Readonly<Record<string, (spec: Fields) => Fields>> = {
  VirtualService: withoutRouting,
  AuthorizationPolicy: ({ action = "ALLOW", rules, ...spec }) => ({
    ...spec,
    rules: policyRules(rules).map((rule) => `${String(action)} ${rule}`),
  }),
  EnvoyFilter: withLimits,
};

/** Without rules a policy matches nothing: then ALLOW lets nobody in. */
const policyRules = (rules: unknown): string[] =>
  Array.isArray(rules) && rules.length > 0
    ? rules.map((rule: unknown) => policyRuleWords(rule as WrittenSource | null))
    : ["no request"];

/** The rules of a VirtualService by name, without what `ruleChanges` says of them. */
function withoutRouting(spec: Fields): Fields {
  if (!Array.isArray(spec.http)) return spec;
  const rules = new Map<string, Fields>();
  spec.http.filter(isObject).forEach((rule, index) => {
    // Without a name a rule is known by what it matches, as its place changes with those before it.
    const named = typeof rule.name === "string" && rule.name !== "";
    const name = named
      ? plainName(rule.name as string)
      : matchWords(rule.match as WrittenMatch[] | undefined);
    const { route } = rule;
    const headers = Array.isArray(route) ? headersOf(route) : {};
    const body = isObject(rule.directResponse) ? rule.directResponse.body : undefined;
    const own = {
      ...(named && isSticky(rule.name as string) && { sticky: true }),
      ...except(rule, "name", "match", "route", "redirect", "directResponse", "delegate"),
      ...headers,
      ...(body !== undefined && { body }),
      ...(Array.isArray(rule.mirrors) && { mirrors: rule.mirrors.filter(isObject).map(mirrorWords) }),
    };
    rules.set(rules.has(name) ? `${name}, ${index + 1}.` : name, own);
  });
  return {
    ...except(spec, "http"),
    ...Object.fromEntries([...rules].map(([name, own]) => [`rule ${name}`, own])),
  };
}

/** Of destinations only the headers, which change what a version gets. */
function headersOf(route: readonly unknown[]): Fields {
  return Object.fromEntries(
    route.flatMap((one) => {
      if (!isObject(one) || !one.headers || !isObject(one.destination)) return [];
      const { subset, host } = one.destination;
      return [[`headers for ${String(subset ?? host)}`, one.headers]];
    }),
  );
}

/** `reviews v2 10 %`. */
function mirrorWords({ destination, percentage }: Fields): string {
  const { subset, host, port } = isObject(destination) ? destination : {};
  const { value = 100 } = isObject(percentage) ? percentage : {};
  const at = isObject(port) ? `:${String(port.number)}` : "";
  return `${String(host)}${typeof subset === "string" ? ` ${subset}` : ""}${at} ${String(value)} %`;
}

/** Token buckets as `100 per 1s, burst 200`, by the rule that they are for. */
function withLimits(spec: Fields): Fields {
  const limits: Fields = {};
  const walk = (value: unknown, rule: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => walk(item, rule));
    if (typeof value === "string") return stickyWords(value) ?? value;
    if (!isObject(value)) return value;
    const { token_bucket: bucket, ...others } = value;
    const own = entryOf(value) ?? rule;
    if (isObject(bucket)) limits[own === "" ? "limit" : `limit of ${own}`] = bucketWords(bucket);
    return Object.fromEntries(Object.entries(others).map(([key, item]) => [key, walk(item, own)]));
  };
  return { ...(walk(spec, "") as Fields), ...limits };
}

function entryOf({ entries }: Fields): string | undefined {
  const [entry] = Array.isArray(entries) ? (entries as unknown[]) : [];
  return isObject(entry) ? `${String(entry.key)} ${String(entry.value)}` : undefined;
}

function bucketWords({
  tokens_per_fill: tokens = 1,
  fill_interval: interval,
  max_tokens: most,
}: Fields): string {
  const burst = typeof most !== "number" || most === tokens ? "" : `, burst ${most}`;
  return `${String(tokens)} per ${String(interval)}${burst}`;
}

/** What holds nothing but marks is left out with them; what was empty stays, as `rules: []` means something. */
function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.filter((item) => typeof item !== "string" || !OWN_MARK.test(item)).map(withoutMarks);
    return items.length > 0 || value.length === 0 ? items : undefined;
  }
  if (!isObject(value)) return value;
  const own = Object.entries(value);
  const entries = own
    .filter(([key]) => !OWN_MARK.test(key))
    .map(([key, item]) => [key, withoutMarks(item)] as const)
    .filter(([, item]) => item !== undefined);
  return entries.length > 0 || own.length === 0 ? Object.fromEntries(entries) : undefined;
}
