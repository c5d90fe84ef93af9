/** Requests that an edit treats differently, in words. */
import type { Decision, RoutedDestination } from "../../components/simulator";
import { isUnroutable } from "../requests/outcomes";
import type { RequestGroup as Decided, RequestReport } from "../requests/compare";
import { serviceOf } from "./pods";
import type { RequestChanges, RequestGroup, Risk, RuleChange } from "./report";
import { risk } from "./risks";
import { number } from "./words";

/** Nobody outside sees it. */
const UNSEEN = "same by another rule";

/**
 * @param rules that differ.
 * @param file that has the requests. Default: they follow from the objects.
 */
export function requestChanges(
  found: RequestReport,
  rules: readonly RuleChange[],
  file?: string,
): RequestChanges {
  const said = new Set(rules.map(({ rule }) => rule));
  const shown = found.groups.filter(
    ({ kind, ruleBefore, ruleAfter }) =>
      // Without a file, that a rule sends its requests elsewhere is said by the rules.
      kind !== UNSEEN &&
      !(file === undefined && kind === "moved" && ruleBefore === ruleAfter && said.has(ruleAfter)),
  );
  const proxies = new Set(found.groups.map(({ proxy }) => proxy));
  const { total, unchanged, changed } = found;
  return {
    ...(file !== undefined && { file: { name: file, total, unchanged: unchanged + (changed[UNSEEN] ?? 0) } }),
    groups: shown.map((group) => inWords(group, proxies.size > 1)),
  };
}

/** Of requests that nobody answers any more, or that are refused or let in otherwise than before. */
export function requestRisks(changes: RequestChanges | undefined): Risk[] {
  const all = changes?.groups ?? [];
  const of = (...kinds: readonly RequestGroup["kind"][]): RequestGroup[] =>
    all.filter(({ kind }) => kinds.includes(kind));
  const [lost, judged] = [of("unroutable"), of("newly denied", "let in")];
  const example = ([first]: readonly RequestGroup[]): string =>
    first ? `${first.what}: ${first.before} → ${first.after}` : "";
  return [
    ...(lost.length > 0
      ? [risk("W016", "requests", `Requests lead nowhere that were answered, such as ${example(lost)}.`)]
      : []),
    ...(judged.length > 0
      ? [risk("W017", "requests", `Requests are refused or let in otherwise, such as ${example(judged)}.`)]
      : []),
  ];
}

function inWords(group: Decided, several: boolean): RequestGroup {
  const { kind, proxy, method, host, path, before, after, count, curl } = group;
  return {
    kind,
    what: `${method} ${host}${path}${several ? ` at ${proxy}` : ""}`,
    before: decisionWords(before, after),
    after: decisionWords(after, before),
    count,
    example: curl,
  };
}

/** `v1 80  v2 20 (rule category)`; `other` is the fate on the other side, whose services count for the names. */
function decisionWords(decision: Decision, other: Decision): string {
  switch (decision.kind) {
    case "routed": {
      if (isUnroutable(decision)) return `nowhere (rule ${decision.rule})`;
      const all = [decision, other].flatMap((one) => (one.kind === "routed" ? one.destinations : []));
      const several = new Set(all.map(({ host }) => host)).size > 1;
      return `${sharesWords(decision.destinations, several)}${decision.rule ? ` (rule ${decision.rule})` : ""}`;
    }
    case "redirected":
      return `${decision.status} to ${decision.location}`;
    case "answered":
      return `${decision.status} (rule ${decision.rule})`;
    case "preflight":
      return decision.allowed ? "preflight allowed" : "preflight refused";
    case "denied":
      return `${decision.status} ${decision.reason === "denied" ? `by ${decision.policy}` : decision.reason}`;
    default:
      return decision.kind;
  }
}

function sharesWords(destinations: readonly RoutedDestination[], several: boolean): string {
  const named = destinations.map(({ host, subset, percent }) => {
    const service = serviceOf(host, "");
    const name = service ? service.name : host;
    const own = subset ? (several ? `${name} ${subset}` : subset) : name;
    return percent === 100 ? own : `${own} ${number(percent)}`;
  });
  return named.join("  ");
}
