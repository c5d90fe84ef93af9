/** The first line of a report: what a reviewer needs to know. */
import type { ObjectChange, Report, RuleChange } from "./report";
import { counted, number, sharesOf, targetWords } from "./words";

export function headline(report: Omit<Report, "headline">): string {
  const { title, error, rules, settings, risks, objects, requests } = report;
  if (error !== undefined) return `${title}: ${error.split("\n")[0] ?? ""}`;
  const heavy = risks.filter(({ level }) => level === "high").length;
  const warning = heavy > 0 ? ` ${counted(heavy, "high risk")}.` : "";
  return `${title}: ${traffic(rules, settings.length, requests)} ${objectWords(objects)}${warning}`;
}

function traffic(rules: readonly RuleChange[], settings: number, requests: Report["requests"]): string {
  const [first, ...others] = [...rules].sort((a, b) => weight(b) - weight(a));
  if (!first) {
    const moved = requests?.groups.reduce((sum, { count }) => sum + count, 0) ?? 0;
    if (moved > 0) return `${counted(moved, "request")} of ${requests?.total ?? 0} are treated differently.`;
    return settings > 0 ? "requests go where they went." : "nothing changes for requests.";
  }
  const own = changeWords(first);
  const rest = others.filter((rule) => changeWords(rule) !== own).length;
  return `${own}${rest > 0 ? `, and ${counted(rest, "more rule")} change${rest === 1 ? "s" : ""}` : ""}.`;
}

/** A rule without conditions, or the last, is what most requests meet. */
const weight = ({ kind, match }: RuleChange): number =>
  (kind === "changed" ? 2 : kind === "moved" ? 0 : 1) + (match === "all requests" ? 2 : 0);

function changeWords({ kind, rule, match, before, after }: RuleChange): string {
  if (kind === "added") return `new rule ${rule} (${match}) → ${targetWords(after)}`;
  if (kind === "removed") return `rule ${rule} (${match}) is gone`;
  if (kind === "moved") return `rule ${rule} stands elsewhere`;
  const [old, now] = [sharesOf(before), sharesOf(after)];
  const names = [...new Set([...now.keys(), ...old.keys()])];
  const parts = names
    .map((name) => [name, old.get(name)?.percent ?? 0, now.get(name)?.percent ?? 0] as const)
    .filter(([, a, b]) => a !== b)
    .sort(([, a, b], [, c, d]) => d - c - (b - a))
    .map(([name, a, b]) => `${name} ${number(a)} % → ${number(b)} %`);
  if (parts.length > 0 && before?.kind === "split" && after?.kind === "split") return parts.join(", ");
  const [from, to] = [targetWords(before), targetWords(after)];
  return from === to ? `rule ${rule} takes other requests (${match})` : `rule ${rule}: ${from} → ${to}`;
}

function objectWords(objects: readonly ObjectChange[]): string {
  if (objects.length === 0) return "No object changes.";
  const of = (operation: ObjectChange["operation"]): number =>
    objects.filter((change) => change.operation === operation).length;
  const [created, updated, replaced, deleted] = [of("create"), of("update"), of("replace"), of("delete")];
  const parts = [
    updated > 0 ? `${counted(updated, "object")} ${updated === 1 ? "changes" : "change"}` : "",
    created > 0 ? `${created} created` : "",
    replaced > 0 ? `${replaced} replaced` : "",
    deleted > 0 ? `${deleted} deleted` : "",
    replaced + deleted === 0 ? "nothing is replaced or deleted" : "",
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}
