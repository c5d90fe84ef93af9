/** Whether what was approved is what would run. */
import type { Report } from "../diff/report";
import { settingRow } from "../diff/words";
import { ruleRow } from "./rows";

/**
 * What differs between a report that was approved and one of the same stack that was made just now. Empty: both sides decide
 * about requests as they did, by their digests.
 */
export function changedSince(approved: Report, today: Report): readonly string[] {
  const broken = [approved, today].find(({ error }) => error !== undefined);
  if (broken)
    return [
      `The ${broken === today ? "report of now" : "approved report"} is not whole: ${broken.error ?? ""}`,
    ];
  const sides = [
    approved.digests.before === today.digests.before
      ? ""
      : "What the stack has is no longer what the report began with.",
    approved.digests.after === today.digests.after
      ? ""
      : "What the program makes is no longer what was approved.",
  ].filter(Boolean);
  if (sides.length === 0) return [];
  const [old, now] = [lines(approved), lines(today)];
  const changes = [
    ...old.filter((line) => !now.includes(line)).map((line) => `  - ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `  + ${line}`),
  ];
  // Both sides may have moved alike.
  const same = "  The changes are the same. They begin with other objects than those that were approved.";
  return [...sides, ...(changes.length > 0 ? changes : [same])];
}

function lines({ rules, settings, objects }: Report): string[] {
  return [
    ...rules
      .map(ruleRow)
      .map(({ match, rule, before, after, note }) =>
        [`rule ${rule} (${match}): ${before} → ${after}`, note].filter(Boolean).join(", "),
      ),
    ...settings.map(settingRow).map(({ object, field, change }) => `${object} ${field}: ${change}`),
    ...objects.map(({ operation, object }) => `${operation} ${object}`),
  ];
}
