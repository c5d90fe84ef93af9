import { writeFileSync } from "node:fs";
import path from "node:path";
import { reporters, type MochaOptions, type Runner, type Suite } from "mocha";

/** Files that take less, in seconds, say nothing about where the time of a run goes. */
const NOTED = 2;

/**
 * Mocha's own report with the times of the slow files, the slowest first; and the counts and what failed in the file that
 * COUNTS_FILE names, for tests/run.ts to sum.
 */
export default class CountingReporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const file = process.env.COUNTS_FILE;
    const failed: string[] = [];
    runner.on("fail", (test, error: Error) => {
      failed.push(`${test.fullTitle()}: ${error.message.replaceAll(/\s+/g, " ").slice(0, 1000)}`);
    });
    const seconds = new Map<string, number>();
    let started = 0;
    const isOfFile = ({ parent }: Suite): boolean => parent?.root === true;
    runner.on("suite", (suite) => {
      if (isOfFile(suite)) started = performance.now();
    });
    runner.on("suite end", (suite) => {
      const file = path.basename(suite.file ?? "");
      if (isOfFile(suite)) seconds.set(file, (seconds.get(file) ?? 0) + (performance.now() - started) / 1000);
    });
    runner.once("end", () => {
      for (const [name, time] of [...seconds].sort(([, a], [, b]) => b - a))
        if (time >= NOTED) reporters.Base.consoleLog(`  ${name}: ${time.toFixed(1)} s`);
      const { passes, failures, pending } = this.stats;
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending, failed }));
    });
  }
}
module.exports = CountingReporter;
