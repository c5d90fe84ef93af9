/** What changes beside where requests go: the fields of objects that are on both sides. */
import { isDeepStrictEqual } from "node:util";
import { keyOf, type KubernetesObject } from "../side";
import { except, fieldChanges, isObject } from "./fields";
import { byKey } from "./istio-objects";
import type { SettingChange } from "./report";

/** Marks that the package and Pulumi write for themselves: they change with what they mark. */
const OWN_MARK = /^(x-shopzier-mesh-rule-|shopzier-mesh\/|pulumi\.com\/|shopzier-mesh\.)/;

/** The kinds whose fields decide about requests, the most important first. Those of other kinds come after them. */
const ORDER = [
  ...["VirtualService", "AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "Gateway"],
  ...["DestinationRule", "EnvoyFilter", "Deployment", "HorizontalPodAutoscaler", "Service", "Release"],
];
export const rank = (kind: string): number => (ORDER.indexOf(kind) + ORDER.length + 1) % (ORDER.length + 1);

/** By object. Weights and matches of rules are left out: see `ruleChanges`. */
export function settingChanges(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): SettingChange[] {
  const earlier = byKey(before);
  return [...after]
    .sort((a, b) => rank(a.kind) - rank(b.kind))
    .flatMap((object) => {
      const old = earlier.get(keyOf(object));
      if (!old || isDeepStrictEqual(old, object)) return [];
      return changesOf(old, object).map((change) => ({ object: keyOf(object), ...change }));
    });
}

function changesOf(before: KubernetesObject, after: KubernetesObject): Omit<SettingChange, "object">[] {
  return fieldChanges(compared(before), compared(after))
    .map((change) => ({ ...change, field: change.field.replace(/^spec\./, "") }))
    .filter(({ field }) => field !== "");
}

/** An object as it is compared. */
function compared(object: KubernetesObject): Record<string, unknown> {
  const { kind, metadata } = object;
  const { labels, annotations } = metadata;
  const rest = except(object, "apiVersion", "kind", "metadata", "status");
  const all = withoutMarks({ ...rest, labels, annotations }) as Record<string, unknown>;
  return kind === "VirtualService" && isObject(all.spec) ? { ...all, spec: withoutRouting(all.spec) } : all;
}

/** The rules of a VirtualService without what `ruleChanges` says of them. */
function withoutRouting(spec: Record<string, unknown>): Record<string, unknown> {
  const { http } = spec;
  if (!Array.isArray(http)) return spec;
  const rules = http.map((rule: unknown) => {
    if (!isObject(rule)) return rule;
    const others = except(rule, "match", "route", "redirect", "delegate");
    return { ...others, ...(Array.isArray(rule.route) && { route: withHeaders(rule.route) }) };
  });
  return { ...spec, http: rules };
}

/** Of destinations only the headers, which change what a version gets. */
function withHeaders(route: readonly unknown[]): unknown[] {
  return route.flatMap((one) =>
    isObject(one) && one.headers && isObject(one.destination)
      ? [{ name: one.destination.subset ?? one.destination.host, headers: one.headers }]
      : [],
  );
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
