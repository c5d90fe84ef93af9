import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { reporters, type MochaOptions, type Runner } from "mocha";

/** Mocha's own report, with a summary for docs/proof.md. */
class ProofReporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const rows: string[] = [];
    const row = (title: string, result: string, ms = 0): void => {
      rows.push(`| ${title.replaceAll("|", "\\|")} | ${result} | ${(ms / 1000).toFixed(0)} s |`);
    };
    runner.on("pass", (test) => {
      row(test.fullTitle(), "passed", test.duration);
    });
    runner.on("fail", (test) => {
      row(test.fullTitle(), "failed", test.duration);
    });
    runner.once("end", () => {
      const { passes, failures } = this.stats;
      const lines = [
        ...[
          "# Proof",
          "",
          "Written by `make proof` on the lab that `make up` started: what is too long for `make test`.",
          "",
        ],
        ...[`${passes} passed, ${failures} failed; ${os.cpus().length} cores, Node ${process.version}.`, ""],
        ...["| test | result | time |", "| --- | --- | --- |", ...rows, ""],
      ];
      writeFileSync(path.join(__dirname, "../../docs/proof.md"), lines.join("\n"));
    });
  }
}
module.exports = ProofReporter;
