/** `shopzier diff`: what an edit does to requests. */
import { Option, type Command } from "commander";
import { writeFileSync } from "node:fs";
import { diff, type DiffOptions, type RequestsOfFile } from "../diff/diff";
import { LEVELS, type Level, type Report } from "../diff/report";
import { isAtLeast } from "../diff/risks";
import { counted } from "../diff/words";
import { readRequests } from "../requests/read";
import { defined } from "../../components/istio/without-undefined";
import { html } from "../report/html";
import { json } from "../report/json";
import { markdown } from "../report/markdown";
import { text } from "../report/text";
import type { Comparison } from "../side";
import { measuredRates } from "../sources/measured-rates";
import { messageOf, SourceError } from "../sources/source-error";
import { prometheusOf } from "../watch/connection";
import { withPrometheus, type PrometheusOptions } from "./route-options";
import { comparisons, positive, withSides, type SideOptions } from "./sides";

const FORMATS = ["text", "markdown", "json", "html"] as const;

interface Options extends SideOptions, DiffOptions, PrometheusOptions {
  readonly format: (typeof FORMATS)[number];
  readonly json?: true;
  readonly output?: string;
  readonly failOn?: Level;
  readonly requests?: string;
}

export const diffCommand = (program: Command): Command =>
  withPrometheus(
    withSides(
      program
        .command("diff")
        .description("say what an edit does to requests: who goes where, what is risky, which requests move"),
    ),
    "whose counts give the load of each pod: URL, or namespace/service:port",
  )
    .addOption(new Option("--requests <file>", "requests that are decided before and after"))
    .addOption(new Option("--rate <n>", "requests per second, for the load of each pod").argParser(positive))
    .addOption(
      new Option("--max-step <points>", "percent by which a share may rise (default: the stack's)").argParser(
        positive,
      ),
    )
    .addOption(
      new Option("--fail-on <level>", "exit code 2 for a risk of this level or above").choices(LEVELS),
    )
    .addOption(new Option("--format <format>").choices(FORMATS).default("text"))
    .addOption(new Option("--json", "the same as --format json"))
    .addOption(new Option("--output <file>", "writes there, and the first lines to the terminal"))
    .action(run);

async function run(before: string | undefined, after: string | undefined, options: Options): Promise<void> {
  const requests = options.requests === undefined ? undefined : requestsOf(options.requests);
  const compared = await comparisons(before, after, options);
  const rated = await Promise.all(
    compared.map(async (comparison) => ({ comparison, rates: await ratesOf(comparison, options) })),
  );
  const reports = rated.map(({ comparison, rates }) => diff(comparison, { ...options, rates }, requests));
  const { output, failOn } = options;
  const format = options.json ? "json" : options.format;
  if (output === undefined) process.stdout.write(inFormat(reports, format, terminal()));
  else {
    write(output, inFormat(reports, format, {}));
    process.stdout.write(`${reports.map(({ headline }) => headline).join("\n")}\n`);
  }
  const risky =
    failOn !== undefined && reports.some(({ risks }) => risks.some(({ level }) => isAtLeast(level, failOn)));
  const whole = reports.every(({ error, unread }) => error === undefined && unread === undefined);
  process.exitCode = whole ? (risky ? 2 : 0) : 1;
}

/** Requests per second by VirtualService, where a Prometheus is named. */
async function ratesOf({ after }: Comparison, options: Options): Promise<Record<string, number>> {
  if (options.prometheus === undefined) return {};
  const { kubeconfig, context } = options;
  const api = prometheusOf(options, undefined, defined({ kubeconfig, context }));
  const rates = await measuredRates(after.objects, api, options.metrics);
  if (Object.keys(rates).length === 0)
    console.error("--prometheus: no requests of any VirtualService were counted in the last 5 minutes");
  return rates;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new SourceError(`--output ${file || '""'} cannot be written: ${messageOf(error)}`);
  }
}

function requestsOf(file: string): RequestsOfFile {
  try {
    const { requests, skipped, firstSkipped } = readRequests(file);
    if (skipped > 0) {
      const lines = firstSkipped.map(({ line, problem }) => `  line ${line}: ${problem}`);
      console.error([`${file}: ${counted(skipped, "line")} without a request`, ...lines].join("\n"));
    }
    return { file, requests };
  } catch (error) {
    throw new SourceError(messageOf(error));
  }
}

/** Colours where the output is a terminal, unless `NO_COLOR` is set (no-color.org). */
function terminal(): { width?: number; color?: boolean } {
  const { isTTY, columns } = process.stdout;
  return isTTY ? { width: columns, color: !process.env.NO_COLOR } : {};
}

function inFormat(
  reports: readonly Report[],
  format: Options["format"],
  options: { width?: number; color?: boolean },
): string {
  switch (format) {
    case "text":
      return `${reports.map((report) => text(report, options)).join("\n\n")}\n`;
    case "markdown":
      return reports.map(markdown).join("\n");
    case "json":
      return json(reports);
    case "html":
      return html(reports);
  }
}
