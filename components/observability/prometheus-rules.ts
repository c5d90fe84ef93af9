/** A recording rule or an alert rule of Prometheus (Prometheus docs, "Recording rules" and "Alerting rules"). */
export type Rule =
  | { readonly record: string; readonly expr: string; readonly labels?: Readonly<Record<string, string>> }
  | {
      readonly alert: string;
      readonly expr: string;
      readonly for?: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    };

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** File name → its content, a file for each group. JSON is valid YAML. */
export function ruleFiles(groups: readonly RuleGroup[]): Readonly<Record<string, string>> {
  const files = new Map<string, RuleGroup[]>();
  for (const group of groups) {
    // Only characters that a key of a ConfigMap may have. Groups whose names become one share a file.
    const file = `${group.name.replaceAll(/[^\w.]+/g, "-")}.yml`;
    files.set(file, [...(files.get(file) ?? []), group]);
  }
  return Object.fromEntries(
    [...files].map(([file, of]) => [file, JSON.stringify({ groups: of }, undefined, 2)]),
  );
}
