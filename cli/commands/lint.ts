/** `shopzier lint`: mistakes in the objects of a side. */
import { Option, type Command } from "commander";
import { styleText } from "node:util";
import { LEVELS, type Level } from "../diff/report";
import { isAtLeast } from "../diff/risks";
import { counted } from "../diff/words";
import { lint, type LintOptions, type LintResult } from "../lint/lint";
import type { Side } from "../side";
import { sideOf, withOneSide, type OneSideOptions } from "./sides";

export interface LintCommandOptions extends LintOptions {
  /** Default: text. */
  readonly format?: "text" | "json";
  /** Exit code 2 for a finding of this level or above. Default: none is. */
  readonly failOn?: Level;
  /** Of the text. Default false. */
  readonly color?: boolean;
}

interface Options extends OneSideOptions, Pick<LintOptions, "ignore"> {
  readonly json?: true;
  readonly failOn?: Level;
}

export const lintCommand = (program: Command): Command =>
  withOneSide(program.command("lint").description("find mistakes in the objects of a side"))
    .addOption(new Option("--ignore <code...>", "rules that are left out"))
    .addOption(
      new Option("--fail-on <level>", "exit code 2 for a finding of this level or above").choices(LEVELS),
    )
    .addOption(new Option("--json", "for programs"))
    .action(async ({ json: asJson, failOn, ignore, ...side }: Options) => {
      process.exitCode = printFindings(await sideOf(side), {
        format: asJson ? "json" : "text",
        color: process.stdout.isTTY && !process.env.NO_COLOR,
        ...(failOn && { failOn }),
        ...(ignore && { ignore }),
      });
    });

/** Prints what is found in a side, and returns the exit code: 0, or 2 where something is at or above `failOn`. */
export function printFindings(
  side: Side,
  { format = "text", failOn, color = false, ...options }: LintCommandOptions = {},
  print: (text: string) => void = (text) => process.stdout.write(text),
): 0 | 2 {
  const result = lint(side, options);
  print(format === "json" ? json(side.title, result) : text(side.title, result, color));
  return failOn !== undefined && result.findings.some(({ level }) => isAtLeast(level, failOn)) ? 2 : 0;
}

/** `version` is raised when a field changes its meaning or goes. */
const json = (title: string, result: LintResult): string =>
  `${JSON.stringify({ version: 1, title, ...result }, undefined, 2)}\n`;

const COLORS = { high: "red", medium: "yellow", low: "cyan" } as const;

function text(title: string, { findings, notLookedAt }: LintResult, color: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], words: string): string =>
    color ? styleText(style, words, { validateStream: false }) : words;
  const counts = [...LEVELS]
    .reverse()
    .map((level) => ({ level, count: findings.filter((finding) => finding.level === level).length }))
    .filter(({ count }) => count > 0)
    .map(({ level, count }) => `${count} ${level}`);
  const head =
    counts.length === 0 ? "nothing found" : `${counted(findings.length, "finding")}: ${counts.join(", ")}`;
  const lines = [
    paint("bold", `${title}: ${head}`),
    ...findings.flatMap(({ code, level, object, field, message, fix }) => [
      `${paint(COLORS[level], level)} ${code} ${object} ${field}: ${message}`,
      paint("dim", `  ${fix}`),
    ]),
    ...(notLookedAt.length === 0 ? [] : ["", paint("bold", "Not looked at")]),
    ...notLookedAt.map((one) => `  ${one}`),
  ];
  return `${lines.join("\n")}\n`;
}
