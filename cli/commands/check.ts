/** `shopzier check`: before `pulumi up`, whether a report that was approved still holds. */
import type { Command } from "commander";
import { readFileSync } from "node:fs";
import { diff } from "../diff/diff";
import { changedSince } from "../report/changed-since";
import { parseReports } from "../report/report-file";
import { SourceError } from "../sources/source-error";
import { comparisons, withSides, type SideOptions } from "./sides";

interface Options extends SideOptions {
  readonly report: string;
}

export const checkCommand = (program: Command): Command =>
  withSides(
    program
      .command("check")
      .description("compare both sides with a report that was approved; exit code 1 if one differs"),
  )
    .requiredOption("--report <file>", "what `shopzier diff --json` wrote for the same sides")
    .action(run);

async function run(before: string | undefined, after: string | undefined, options: Options): Promise<void> {
  const approved = new Map(read(options.report).map((report) => [report.title, report]));
  const found: string[] = [];
  for (const comparison of await comparisons(before, after, options)) {
    const { title } = comparison;
    const report = approved.get(title);
    if (!report) {
      const titles = [...approved.keys()].join(", ");
      throw new SourceError(`${options.report} has no report of ${title}. It has ${titles}.`);
    }
    const changes = changedSince(report, diff(comparison));
    if (changes.length > 0) found.push(`${title}: the report no longer holds.`, ...changes);
    else console.log(`${title}: as approved. ${report.headline}`);
  }
  if (found.length === 0) return;
  throw new SourceError(
    [...found, "  repair:  make a new report with `shopzier diff`, and have it approved"].join("\n"),
  );
}

function read(file: string): ReturnType<typeof parseReports> {
  try {
    return parseReports(readFileSync(file, "utf8"), file);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? ""}`);
  }
}
