/** The lines that every format has, as cells. */
import type { Report, RequestChanges, RuleChange, Share } from "../diff/report";
import { counted, number, sharesOf, targetWords } from "../diff/words";

/** A rule: what it matches, its name, where it went and where it goes, and the pods that get it. */
export interface RuleRow {
  readonly match: string;
  readonly rule: string;
  readonly before: string;
  readonly after: string;
  /** `added`, `gone`, `moved`, `never reached`; empty for a rule that changed. */
  readonly note: string;
  /** `v1 2, v2 1 (40/s each)`; empty where the objects do not say. */
  readonly pods: string;
}

export function ruleRow({ kind, match, rule, before, after, renamedFrom, unreachable }: RuleChange): RuleRow {
  const notes = { added: "added", removed: "gone", moved: "moved", changed: "" };
  return {
    match,
    rule,
    before: targetWords(before),
    after: targetWords(after),
    note: unreachable ? "never reached" : renamedFrom ? `was ${renamedFrom}` : notes[kind],
    pods: [...sharesOf(after).values()].flatMap(podWords).join(", "),
  };
}

const podWords = ({ to, pods, perPod }: Share): string[] =>
  pods === undefined
    ? []
    : [`${to} ${counted(pods, "pod")}${perPod === undefined ? "" : ` (${number(perPod)}/s each)`}`];

/** Rules by their hosts, in the order of the report. */
export function byHosts({ rules }: Report): Map<string, RuleChange[]> {
  const found = new Map<string, RuleChange[]>();
  for (const rule of rules) {
    const hosts = rule.hosts.join(", ") || rule.virtualService;
    found.set(hosts, [...(found.get(hosts) ?? []), rule]);
  }
  return found;
}

/** Said once for all formats: how the sides were compared. */
export const sidesWords = ({ sides }: Report): string => `${sides.before} → ${sides.after}`;

/** The heading of the requests that change. */
export const requestsTitle = ({ file }: RequestChanges): string =>
  file
    ? `Requests of ${file.name}: ${file.total - file.unchanged} of ${file.total} are treated differently`
    : "Requests that are treated differently, an example of each";
