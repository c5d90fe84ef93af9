import { appendFileSync } from "node:fs";
import { reporters, type MochaOptions, type Runner } from "mocha";

/** Mocha's own report, and a line with the counts in the file that COUNTS_FILE names, for tests/run.ts to sum. */
export default class CountingReporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const file = process.env.COUNTS_FILE;
    runner.once("end", () => {
      const { passes, failures, pending } = this.stats;
      if (file) appendFileSync(file, `${JSON.stringify({ passes, failures, pending })}\n`);
    });
  }
}
module.exports = CountingReporter;
