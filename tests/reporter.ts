import { writeFileSync } from "node:fs";
import { reporters, type MochaOptions, type Runner } from "mocha";

/** Mocha's own report, and the counts and what failed in the file that COUNTS_FILE names, for tests/run.ts to sum. */
export default class CountingReporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const file = process.env.COUNTS_FILE;
    const failed: string[] = [];
    runner.on("fail", (test, error: Error) => {
      failed.push(`${test.fullTitle()}: ${error.message.replaceAll(/\s+/g, " ").slice(0, 1000)}`);
    });
    runner.once("end", () => {
      const { passes, failures, pending } = this.stats;
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending, failed }));
    });
  }
}
module.exports = CountingReporter;
