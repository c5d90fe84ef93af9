import Table from "cli-table3";
import { execa } from "execa";
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { must, ROOT } from "../lab/harness";
import type { Result } from "./measure";

/** The rest of the report is written by hand, and kept. */
const BY_HAND = "## Where the time goes";

/** Prints the results as a table and, with `write`, writes them to docs/benchmarks.md. */
export async function report(
  results: readonly Result[],
  { write }: { readonly write: boolean },
): Promise<void> {
  const rows = results.map((r) => [
    r.name,
    r.ours,
    r.against,
    r.ratio,
    r.target,
    r.met === undefined ? "-" : r.met ? "met" : "missed",
  ]);
  const head = ["measure", "ours", "against", "ratio", "target", ""];
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  console.log(table.toString());
  if (write) {
    const markdown = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
    const istio = await must("pulumi", "config", "get", "--path", "shopzier:istio.version", "--stack", "lab");
    const versions = `Node ${process.version}, Pulumi ${(await must("pulumi", "version")).trim()}, Istio ${istio.trim()}`;
    const file = path.join(ROOT, "docs/benchmarks.md");
    const written = readFileSync(file, "utf8");
    writeFileSync(
      file,
      `# Benchmarks\n\nWritten by \`npm run bench\` on the lab: both sides of a ratio in one run. ` +
        `Times of a ratio are medians, both sides in turn. A rate of requests is that of one load of eight seconds, ` +
        `one side after the other; the rate without observability is the median of three.\n\n` +
        `Machine: ${os.cpus().length} cores (${os.cpus()[0]?.model ?? "unknown"}), ` +
        `${Math.round(os.totalmem() / 2 ** 30)} GiB; ${versions}.\n\n${markdown}\n\n` +
        written.slice(written.indexOf(BY_HAND)),
    );
    await execa("prettier", ["--write", "docs/benchmarks.md"], { cwd: ROOT, preferLocal: true });
  }
}
