/** The first line of a report: what a reviewer needs to know. */
import type { ObjectChange, Report, RuleChange } from "./report";
import { counted, number, settingRow, sharesOf, targetWords } from "./words";

export function headline(report: Omit<Report, "headline">): string {
  const { title, error, risks, objects, unread = [] } = report;
  if (error !== undefined) return `${title}: no report. ${(error.split("\n")[0] ?? "").replace(/:$/, ".")}`;
  const heavy = risks.filter(({ level }) => level === "high").length;
  const warnings = [
    heavy > 0 ? ` ${counted(heavy, "high risk")}.` : "",
    unread.length > 0 ? ` ${counted(unread.length, "object")} could not be read.` : "",
  ];
  return `${title}: ${subject(report)}. ${objectWords(objects)}${warnings.join("")}`;
}

/** Where requests go, or else what changes about them. */
function subject({ rules, settings, requests, objects }: Omit<Report, "headline">): string {
  const [first, ...others] = [...rules].reverse().sort((a, b) => WEIGHTS[b.kind] - WEIGHTS[a.kind]);
  if (first) {
    const several = new Set(rules.map(({ virtualService }) => virtualService)).size > 1;
    const own = changeWords(first);
    const at = several ? `${first.hosts[0] ?? first.virtualService}: ` : "";
    const rest = several ? others.length : others.filter((rule) => changeWords(rule) !== own).length;
    return `${at}${own}${rest > 0 ? `, and ${counted(rest, "more rule")} ${rest === 1 ? "changes" : "change"}` : ""}`;
  }
  if (requests?.file) {
    const { total, unchanged } = requests.file;
    const changed = total - unchanged;
    return `${counted(changed, "request")} of ${total} ${changed === 1 ? "is" : "are"} treated differently`;
  }
  const [setting, ...more] = settings.map(settingRow);
  if (setting) {
    const rest = more.length > 0 ? `, and ${counted(more.length, "more field")}` : "";
    return `${setting.object} ${setting.field} ${setting.change}${rest}`;
  }
  const [example] = requests?.groups ?? [];
  if (example) return `${example.what} ${example.before} → ${example.after}`;
  return objects.length > 0 ? "no rule or policy changes" : "nothing changes for requests";
}

/** A rule that is there on both sides comes first; of several the last, which takes what those before it leave. */
const WEIGHTS = { changed: 3, added: 2, removed: 1, moved: 0 } as const;

function changeWords({ kind, rule, match, before, after, renamedFrom, unreachable }: RuleChange): string {
  const named = `rule ${rule} (${match})`;
  if (kind === "added") return `new ${named} → ${targetWords(after)}`;
  if (kind === "removed") return `${named} is gone, before ${targetWords(before)}`;
  if (kind === "moved") return `${named} stands elsewhere among the rules`;
  const [from, to] = [targetWords(before), targetWords(after)];
  if (unreachable) return `${named} is never reached`;
  if (from === to)
    return renamedFrom
      ? `rule ${renamedFrom} is named ${rule}`
      : `rule ${rule} takes other requests (${match})`;
  if (before?.kind !== "split" || after?.kind !== "split") return `${named} ${from} → ${to}`;
  const [old, now] = [sharesOf(before), sharesOf(after)];
  // One version before and another after is no split.
  if (old.size < 2 && now.size < 2) return `${named} ${from} → ${to}`;
  const names = [...new Set([...now.keys(), ...old.keys()])];
  const parts = names
    .map((name) => [name, old.get(name)?.percent ?? 0, now.get(name)?.percent ?? 0] as const)
    .filter(([, a, b]) => a !== b)
    .sort(([, a, b], [, c, d]) => d - c - (b - a))
    .map(([name, a, b]) => `${name} ${number(a)} % → ${number(b)} %`);
  if (parts.length > 0) return parts.join(", ");
  const [joined, left] = [names.filter((name) => !old.has(name)), names.filter((name) => !now.has(name))];
  const words = [
    joined.length > 0 ? `${joined.join(", ")} joins with no requests` : "",
    left.length > 0 ? `${left.join(", ")}, which got no requests, is taken out` : "",
  ];
  return words.filter(Boolean).join(", ");
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
