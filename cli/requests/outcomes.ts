/** Decisions of two sides about one request: whether they differ, and how. */
import type { Decision, RoutedDestination } from "../../components/simulator";

/** What an edit does to a request, the most urgent first. */
export const CHANGE_KINDS = [
  /** It passed, and is refused now. */
  "newly denied",
  /** It led to a destination or an answer, and to none now. */
  "unroutable",
  /** It was refused, and passes now. */
  "let in",
  /** Other destinations, or other shares of them. */
  "moved",
  /** No rule of the sidecars takes it any more, so it goes to the service as it is. */
  "no longer matched",
  /** It gets a redirect, or another one. */
  "redirected",
  /** The gateway answers, or answers otherwise. */
  "answered",
  /** It led to nothing, and leads to something now. */
  "newly matched",
  /** The same destinations get another path or host. */
  "rewritten",
  /** A limit counts it, or no longer does. */
  "limited",
  /** It got nothing and still gets nothing: another policy refuses it, or there is no longer, or not yet, a route. */
  "refused otherwise",
  /** Another rule decides, and the outcome is the same. */
  "same by another rule",
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Undefined where nothing changes that anybody could see. */
export function changeKind(before: Decision, after: Decision): ChangeKind | undefined {
  if (before === after) return undefined;
  if (before.kind === "denied" || after.kind === "denied") {
    if (before.kind !== "denied") return isUnroutable(before) ? "refused otherwise" : "newly denied";
    if (after.kind !== "denied") return isUnroutable(after) ? "refused otherwise" : "let in";
    return ruleOf(before) === ruleOf(after) && before.status === after.status
      ? undefined
      : "refused otherwise";
  }
  const [lost, leads] = [isUnroutable(before), !isUnroutable(after)];
  if (lost || !leads) {
    if (lost !== leads) return undefined;
    return lost ? "newly matched" : "unroutable";
  }
  switch (after.kind) {
    case "routed":
      if (before.kind !== "routed") return "moved";
      if (!sameDestinations(before.destinations, after.destinations)) return "moved";
      if (before.path !== after.path || before.host !== after.host) return "rewritten";
      if (before.limited !== after.limited) return "limited";
      break;
    case "redirected":
      if (
        before.kind !== "redirected" ||
        before.status !== after.status ||
        before.location !== after.location
      )
        return "redirected";
      break;
    case "answered":
      if (before.kind !== "answered" || before.status !== after.status || before.body !== after.body)
        return "answered";
      break;
    case "preflight":
      if (before.kind !== "preflight" || before.allowed !== after.allowed) return "answered";
      break;
  }
  return ruleOf(before) === ruleOf(after) ? undefined : "same by another rule";
}

/** Nothing that a client asked for comes back. */
export const isUnroutable = (decision: Decision): boolean =>
  decision.kind === "not found" ||
  decision.kind === "no listener" ||
  decision.kind === "bad request" ||
  (decision.kind === "routed" && decision.destinations.length === 0);

function sameDestinations(a: readonly RoutedDestination[], b: readonly RoutedDestination[]): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((one, i) => {
        const other = b[i];
        return (
          other !== undefined &&
          one.percent === other.percent &&
          one.subset === other.subset &&
          one.host === other.host &&
          one.port === other.port
        );
      }))
  );
}

/** Who decides: the rule, the policy, or why nobody does. */
export function ruleOf(decision: Decision): string {
  switch (decision.kind) {
    case "denied":
      return decision.reason === "denied" ? decision.policy : decision.reason;
    case "not found":
    case "no listener":
    case "bad request":
      return decision.kind;
    default:
      return decision.rule;
  }
}

/** Equal for requests that have the same fate, whatever path, query and host they come with. */
export function classOf(decision: Decision): string {
  const rule = `${decision.kind} ${ruleOf(decision)}`;
  switch (decision.kind) {
    case "routed":
      return `${rule} ${decision.limited ? "limited " : ""}${destinationsText(decision.destinations)}`;
    case "redirected":
    case "answered":
    case "denied":
      return `${rule} ${decision.status}`;
    case "preflight":
      return `${rule} ${decision.allowed}`;
    default:
      return rule;
  }
}

const known = new WeakMap<readonly RoutedDestination[], string>();

function destinationsText(destinations: readonly RoutedDestination[]): string {
  let text = known.get(destinations);
  if (text === undefined) known.set(destinations, (text = JSON.stringify(destinations)));
  return text;
}
