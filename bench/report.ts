import Table from "cli-table3";
import { execa } from "execa";
import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { must, ROOT } from "../lab/harness";
import type { Result } from "./measure";

/** The reason for each missed target, which is printed below the table. */
const REASONS: Readonly<Record<string, string>> = {
  "`pulumi up` after a weight edit, against `up` of an empty program":
    "An empty program starts no provider and has no resources. The difference is the start of the Kubernetes provider (about 0.4 s), the checks of 30 resources one after the other, the loading of this program, and the barrier.",
  "no-change `preview`, against `preview` of an empty program": "As above, without the barrier.",
  "install everything, against `helm install --wait` three times, `kubectl apply`, `rollout status`":
    "Pulumi's own start, and what the other side leaves out: waiting until istiod's webhook refuses what is wrong and until every gateway pod has the route with healthy endpoints.",
  "`preview` with 50 versions, against 2":
    "48 versions are 144 more resources, each checked by the provider in about 25 ms.",
};

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
    const missed = results.filter((r) => r.met === false);
    const reasons = missed
      .map((r) => `- ${r.name}: ${REASONS[r.name] ?? "no reason is known yet."}`)
      .join("\n");
    writeFileSync(
      path.join(ROOT, "docs/benchmarks.md"),
      `# Benchmarks\n\nWritten by \`npm run bench\` on the lab: both sides of a ratio in one run. ` +
        `Times of a ratio are medians, both sides in turn. A rate of requests is that of one load of eight seconds, ` +
        `one side after the other; the rate without observability is the median of three.\n\n` +
        `Machine: ${os.cpus().length} cores (${os.cpus()[0]?.model ?? "unknown"}), ` +
        `${Math.round(os.totalmem() / 2 ** 30)} GiB; ${versions}.\n\n${markdown}\n` +
        (missed.length > 0 ? `\nTargets that are missed, and why:\n\n${reasons}\n` : ""),
    );
    await execa("prettier", ["--write", "docs/benchmarks.md"], { cwd: ROOT, preferLocal: true });
  }
}
