/** What an edit of a VirtualService does to requests, rule by rule. Takes the specs of any author. */
import { isDeepStrictEqual } from "node:util";
import type { HttpRoute, HttpRouteDestination } from "../istio/virtual-service";
import { unmarked } from "./rule-version";
import { isSticky, plainName } from "./sticky";
import { percentByWeight } from "./weights";

/** Stands for a value that is known only after `pulumi up` (Pulumi: `plugin.UnknownStringValue`). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A rule that may have fields that this package does not write. */
type WrittenRule = HttpRoute & {
  readonly delegate?: { readonly name: string; readonly namespace?: string };
};

/** The fields of a VirtualService's spec that are compared. */
export interface ComparedSpec {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly http?: readonly WrittenRule[];
}

/** A destination's share of the requests of a rule in percent, 0 where it is none. Undefined: known only after `pulumi up`. */
export interface ShareChange {
  /** The subset, or the host of a destination without one; both where the rule has destinations of several hosts. */
  readonly to: string;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** A field whose value differs; undefined where the field is absent. */
export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

export type RouteChange =
  /** Of the VirtualService itself: its hosts and gateways. */
  | { readonly kind: "object"; readonly fields: readonly FieldChange[] }
  | { readonly kind: "added" | "removed"; readonly rule: string; readonly target: string }
  | {
      readonly kind: "changed";
      readonly rule: string;
      /** Only those that differ, in the order of the rule. */
      readonly shares: readonly ShareChange[];
      /** All fields that differ, except the weights. */
      readonly fields: readonly FieldChange[];
    }
  /** Rules that exist before and after are tried in another order, the new one of which is here. */
  | { readonly kind: "reordered"; readonly rules: readonly string[] }
  /** Which rules there are is known only after `pulumi up`. */
  | { readonly kind: "unknown" };

/**
 * The differences of two specs; none if they are equal but for marks ({@link unmarked}). Rules are compared by name, and rules
 * without a name by what they match.
 */
export function routeChanges(before: ComparedSpec, after: ComparedSpec): RouteChange[] {
  const ofObject = fieldChanges(before, after, ["http"]);
  const object: RouteChange[] = ofObject.length > 0 ? [{ kind: "object", fields: ofObject }] : [];
  const [old, now] = [before.http ?? [], after.http ?? []];
  if (!isListOfObjects(old) || !isListOfObjects(now)) return [...object, { kind: "unknown" }];
  const [left, right] = [byKey(old), byKey(now)];
  const rules = [...right].flatMap(([key, own]): RouteChange[] => {
    const earlier = left.get(key);
    return earlier ? changed(earlier, own) : own.map(whole("added"));
  });
  const removed = [...left].flatMap(([key, own]) => (right.has(key) ? [] : own.map(whole("removed"))));
  const kept = (a: Rules, b: Rules): string[] => [...a.keys()].filter((key) => b.has(key));
  const order = kept(right, left);
  const reordered: RouteChange[] = isDeepStrictEqual(order, kept(left, right))
    ? []
    : [{ kind: "reordered", rules: order.flatMap((key) => right.get(key)?.[0]?.label ?? []) }];
  return [...object, ...rules, ...removed, ...reordered];
}

const isListOfObjects = (value: unknown): value is readonly object[] =>
  Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null);

/** Key → the rules that share it. A rule with policies that differ by method is written as two rules of one name. */
type Rules = ReadonlyMap<string, readonly LabelledRule[]>;
interface LabelledRule {
  readonly label: string;
  readonly rule: WrittenRule;
}

function byKey(written: readonly WrittenRule[]): Rules {
  const rules = new Map<string, LabelledRule[]>();
  for (const [index, rule] of written.map(unmarked).entries()) {
    const name = plainName(rule.name ?? "");
    const key = name ? `name ${name}` : `match ${JSON.stringify(rule.match ?? [])}`;
    const label = name || `rule ${index + 1}`;
    rules.set(key, [...(rules.get(key) ?? []), { label, rule }]);
  }
  return rules;
}

const whole =
  (kind: "added" | "removed") =>
  ({ label, rule }: LabelledRule): RouteChange => ({ kind, rule: label, target: target(rule) });

function changed(before: readonly LabelledRule[], after: readonly LabelledRule[]): RouteChange[] {
  const count = Math.max(before.length, after.length);
  const pairs = Array.from({ length: count }, (_, i) => [
    before[i] ?? before.at(-1),
    after[i] ?? after.at(-1),
  ]);
  const changes = pairs.flatMap(([old, now]): RouteChange[] => {
    if (!old || !now) return [];
    const shares = shareChanges(old.rule.route ?? [], now.rule.route ?? []);
    const fields = fieldChanges(unweighted(old.rule), unweighted(now.rule), ["name"]);
    // Destinations whose shares change are said by these.
    const others = shares.length > 0 ? fields.filter(({ field }) => field !== "route") : fields;
    return shares.length + others.length > 0
      ? [{ kind: "changed", rule: now.label, shares, fields: others }]
      : [];
  });
  return changes.filter((change, i) => changes.findIndex((other) => isDeepStrictEqual(other, change)) === i);
}

function fieldChanges(before: object, after: object, except: readonly string[]): FieldChange[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((field) => !except.includes(field) && !isDeepStrictEqual(old.get(field), now.get(field)))
    .map((field) => ({ field, before: old.get(field) as unknown, after: now.get(field) as unknown }));
}

function unweighted({ route, ...written }: WrittenRule): object {
  const rule = { ...written, sticky: isSticky(written.name) };
  if (!isRoute(route)) return { ...rule, route };
  return { ...rule, route: route.map(({ weight: _, ...to }) => to) };
}

type Route = readonly HttpRouteDestination[];

const isRoute = (route: unknown): route is Route =>
  isListOfObjects(route) && (route as Route).every(({ destination }) => typeof destination === "object");

function shareChanges(before: WrittenRule["route"], after: WrittenRule["route"]): ShareChange[] {
  const routes = [before ?? [], after ?? []];
  const hosts = new Set(
    routes.filter(isRoute).flatMap((route) => route.map(({ destination }) => destination.host)),
  );
  const [old, now] = routes.map((route) => shares(route, hosts.size > 1));
  // A rule that gets or loses its destinations as a whole, as a redirect does, changes in its fields.
  if (old?.size === 0 || now?.size === 0) return [];
  const names = new Set([...(now?.keys() ?? []), ...(old?.keys() ?? [])]);
  const share = (of: typeof old, name: string): number | undefined => (of ? (of.get(name) ?? 0) : undefined);
  return [...names]
    .map((to) => ({ to, before: share(old, to), after: share(now, to) }))
    .filter((change) => change.before !== change.after);
}

/** Destination → percent; undefined where something is unknown. Weights are relative, and a single destination needs none. */
function shares(route: unknown, several: boolean): ReadonlyMap<string, number> | undefined {
  if (!isRoute(route)) return undefined;
  const isKnown = (weight: unknown): boolean => typeof weight === "number";
  if (route.length > 1 && !route.every(({ weight }) => isKnown(weight ?? 0))) return undefined;
  const percents = percentByWeight(route);
  const found = new Map<string, number>();
  for (const [i, { destination }] of route.entries()) {
    const name = nameOf(destination, several);
    found.set(name, Number(((found.get(name) ?? 0) + (percents[i] ?? 0)).toFixed(2)));
  }
  return found;
}

function nameOf({ host, subset }: HttpRouteDestination["destination"], several: boolean): string {
  const [service = host] = host.split(".");
  return subset === undefined ? service : several ? `${service}/${subset}` : subset;
}

/** Where a rule sends its requests, in words. */
function target({ route = [], redirect, directResponse, delegate }: WrittenRule): string {
  if (redirect) return `redirect ${redirect.redirectCode ?? 301}`;
  if (directResponse) return `answer ${directResponse.status}`;
  if (delegate) return `delegate ${delegate.name}`;
  const found = shares(route, false);
  if (!found) return UNKNOWN;
  return [...found].map(([to, percent]) => (found.size === 1 ? to : `${to} ${percent} %`)).join(", ");
}

/** One line about a change: `category: v1 80 → 70 %, v2 20 → 30 %`. */
export function routeChangeText(change: RouteChange): string {
  return lineOf(change).replaceAll(UNKNOWN, "(known after up)");
}

function lineOf(change: RouteChange): string {
  if (change.kind === "unknown") return "the rules are known after up";
  if (change.kind === "object") return change.fields.map(fieldText).join("; ");
  if (change.kind === "reordered") return `the order of the rules changes: ${change.rules.join(", ")}`;
  if (change.kind !== "changed") return `${change.rule}: ${change.kind}, ${change.target}`;
  const { rule, shares, fields } = change;
  const percents = shares.map(({ to, before = UNKNOWN, after = UNKNOWN }) => `${to} ${before} → ${after} %`);
  const parts = [...(percents.length > 0 ? [percents.join(", ")] : []), ...fields.map(fieldText)];
  return `${rule}: ${parts.join("; ")}`;
}

function fieldText({ field, before, after }: FieldChange): string {
  const [old, now] = [before, after].map(shortText);
  if (old !== undefined && now !== undefined) return `${field} ${old} → ${now}`;
  if (before === undefined) return `${field} added`;
  return after === undefined ? `${field} removed` : `${field} changes`;
}

/** A value that fits into a line; undefined for others. */
function shortText(value: unknown): string | undefined {
  if (value === undefined) return "none";
  if (Array.isArray(value)) return value.every((v) => typeof v === "string") ? value.join(", ") : undefined;
  return typeof value === "object" ? undefined : JSON.stringify(value).replaceAll('"', "");
}
