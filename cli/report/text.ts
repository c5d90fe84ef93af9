/** A report for the terminal. */
import { styleText } from "node:util";
import type { Level, Report } from "../diff/report";
import { counted, settingRow } from "../diff/words";
import { columns } from "./columns";
import { byHosts, requestsTitle, ruleRow } from "./rows";

export interface TextOptions {
  /** Columns. Default: as wide as it gets. */
  readonly width?: number;
  /** Default false. */
  readonly color?: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** Ends without a line break. */
export function text(report: Report, { width = Infinity, color = false }: TextOptions = {}): string {
  const paint = (style: Style, words: string): string =>
    color ? styleText(style, words, { validateStream: false }) : words;
  const level = (of: Level): string => paint(of === "high" ? "red" : of === "medium" ? "yellow" : "cyan", of);
  const block = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", paint("bold", title), ...lines];
  const { error, risks, requests, settings, objects, unread = [], notShown } = report;
  const lines = [
    paint("bold", report.headline),
    ...(error === undefined ? [] : ["", ...error.split("\n").map((line) => paint("red", line))]),
    ...[...byHosts(report)].flatMap(([hosts, rules]) => {
      const rows = rules.map(ruleRow);
      const cells = columns(
        rows.map(({ match, rule, before, after, note }) => [match, `rule ${rule}`, before, "→", after, note]),
      );
      return block(
        hosts,
        rows.flatMap(({ pods }, index) => [
          `  ${cells[index] ?? ""}`,
          ...(pods ? [`    ${paint("dim", pods)}`] : []),
        ]),
      );
    }),
    ...block(
      "Risks",
      risks.flatMap(({ code, level: of, why, fix }) => [
        ...wrapped(`  ${level(of)} ${code}  `, why, width, of.length + code.length + 5),
        ...wrapped("    ", fix, width, 4),
      ]),
    ),
    ...block(
      requests ? requestsTitle(requests) : "",
      (requests?.groups ?? []).flatMap(({ kind, what, before, after, count, example }) => [
        `  ${kind}  ${what}  ${before} → ${after}${count > 1 ? `  (${counted(count, "request")})` : ""}`,
        `    ${paint("dim", example)}`,
      ]),
    ),
    ...block(
      "Settings",
      columns(settings.map(settingRow).map(({ object, field, change }) => [object, field, change])).map(
        (line) => `  ${line}`,
      ),
    ),
    ...block(
      "Objects",
      objects.map(({ operation, object }) => `  ${SIGNS[operation]} ${object}`),
    ),
    ...block(
      "Could not be read",
      unread.map((line) => `  ${line}`),
    ),
    ...block(
      "Not looked at",
      notShown.map((line) => `  ${line}`),
    ),
  ];
  return lines.map((line) => line.trimEnd()).join("\n");
}

const SIGNS = { create: "+", update: "~", replace: "±", delete: "-" } as const;

/** `indent`: columns of `start`, which may have colours. */
function wrapped(start: string, words: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one, index) => (index === 0 ? start : " ".repeat(indent)) + one);
}
