/** A report of `shopzier watch` as text. */
import { about, duration, percent } from "../../components/evidence/verdict-words";
import { number } from "../diff/words";
import { columns } from "../report/columns";
import type { VersionRow, WatchReport } from "./model";

/** What a line is about, for its colour. */
export type Tone = "plain" | "bad" | "good" | "unclear";
export interface Line {
  readonly text: string;
  readonly tone: Tone;
}

const toneOf = ({ verdict }: VersionRow): Tone =>
  verdict === "worse" ? "bad" : verdict === "good enough" ? "good" : "plain";

export function watchLines(report: WatchReport): Line[] {
  const { versions, drift, unclear, baseline } = report;
  const declared = versions.some((row) => row.declared !== null);
  const criteria = Object.keys(versions[0]?.criteria ?? {});
  const head = [
    "version",
    ...(declared ? ["declared"] : []),
    ...[
      "configured",
      "in Envoy",
      "measured",
      "rate",
      ...criteria,
      "evidence worse",
      "good enough",
      "verdict",
    ],
  ];
  const rows = versions.map((row) => [
    row.version,
    ...(declared ? [share(row.declared)] : []),
    share(row.configured),
    share(row.envoy),
    share(row.measured),
    row.rate === null ? "?" : `${about(row.rate)}/s`,
    ...criteria.map((name) => ratio(row.criteria[name])),
    strength(row.worse),
    strength(row.good),
    row.version === baseline
      ? "baseline"
      : row.left === null
        ? (row.verdict ?? "")
        : `in ${duration(row.left)}`,
  ]);
  const [first = "", ...table] = columns([head, ...rows]);
  return [
    { text: `${report.virtualService}, rule ${report.rule}, ${report.at.slice(11, 19)} UTC`, tone: "plain" },
    { text: "", tone: "plain" },
    { text: `  ${first}`, tone: "plain" },
    ...table.map((text, i): Line => ({
      text: `  ${text}`,
      tone: versions[i] ? toneOf(versions[i]) : "plain",
    })),
    { text: "", tone: "plain" },
    ...versions.flatMap((row): Line[] =>
      row.words === null ? [] : [{ text: row.words, tone: toneOf(row) }],
    ),
    ...drift.map((text): Line => ({ text, tone: "bad" })),
    ...unclear.map((text): Line => ({ text, tone: "unclear" })),
  ];
}

/** For logs: a line for the numbers, and one for each sentence. */
export function plainLines(report: WatchReport): string[] {
  const time = report.at.slice(11, 19);
  const of = (row: VersionRow): string =>
    [
      `${row.version} ${share(row.envoy ?? row.configured)} (measured ${share(row.measured)})`,
      row.rate === null ? "" : `${about(row.rate)}/s`,
      ...Object.entries(row.criteria).map(([name, counts]) => `${name} ${ratio(counts)}`),
      row.verdict ?? "",
    ]
      .filter((text) => text !== "")
      .join(", ");
  return [
    `${time} ${report.versions.map(of).join("; ")}`,
    ...[...report.drift, ...report.unclear].map((text) => `${time} ${text}`),
  ];
}

const share = (value: number | null): string => (value === null ? "?" : `${number(value)} %`);
const ratio = (counts: { readonly bad: number; readonly of: number } | undefined): string =>
  counts === undefined || counts.of === 0 ? "–" : percent(counts.bad / counts.of);
const strength = (found: VersionRow["worse"]): string =>
  found === null ? "" : `${about(found.evidence)} of ${about(found.needed)}`;
