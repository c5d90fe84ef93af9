import assert from "node:assert/strict";
import { execa } from "execa";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseDocument } from "yaml";
import { fromProgram } from "../cli/sources/program";
import { must, ROOT } from "../lab/harness";
import { stackEnvironment } from "../lab/stack";
import { atMost, inTurn, ratio, timed, type Result } from "./measure";

const COMMAND = path.join(ROOT, "components/dist/cli/shopzier.cjs");
/** Exit code 2 is a risk in the report. */
const shopzier = async (...args: string[]): Promise<string> => {
  const { exitCode, all } = await execa(process.execPath, [COMMAND, ...args], {
    ...{ cwd: ROOT, env: stackEnvironment(), all: true, reject: false },
  });
  assert.ok(exitCode === 0 || exitCode === 2, all);
  return all;
};

/** A working tree whose stack file has another weight than its commit. */
async function withEdit<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = path.join(mkdtempSync(path.join(os.tmpdir(), "shopzier-bench-")), "edited");
  const git = (...args: string[]) => execa("git", ["worktree", ...args], { cwd: ROOT });
  await git("add", "--detach", folder, "HEAD");
  try {
    for (const shared of ["node_modules", ".lab"])
      symlinkSync(path.join(ROOT, shared), path.join(folder, shared));
    const file = path.join(folder, "Pulumi.lab.yaml");
    const document = parseDocument(readFileSync(file, "utf8"));
    document.setIn(["config", "shopzier:traffic", "weights", "v2"], 30);
    writeFileSync(file, document.toString());
    return await work(folder);
  } finally {
    await git("remove", "--force", folder);
  }
}

/** The report of a weight edit without a cluster, against one run of the program in the same engine. */
export const offlineReport = (): Promise<Result> =>
  withEdit(async (folder) => {
    const diff = ["diff", "--from", "HEAD", "--stack", "lab", "-C", folder];
    assert.match(await shopzier(...diff), /20 % → 30 %/);
    const [ours, once] = await inTurn(
      7,
      () => timed(() => shopzier(...diff)),
      () => timed(() => fromProgram({ folder, stack: "lab" })),
    );
    const name = "`shopzier diff --from HEAD` of a weight edit, against one run of the program";
    return ratio(name, ours, once, 1.3);
  });

/** Beyond the start of the command. */
export async function largeReport(): Promise<Result> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "shopzier-bench-"));
  const file = (name: string, weight: number): string => {
    const made = path.join(folder, name);
    writeFileSync(made, Array.from({ length: 125 }, (_, i) => service(i, weight)).join("---\n"));
    return made;
  };
  const before = file("before.yaml", 5);
  const after = file("after.yaml", 20);
  assert.match(await shopzier("diff", before, after), /20 %/);
  const [report, start] = await inTurn(
    7,
    () => timed(() => shopzier("diff", before, after)),
    () => timed(() => shopzier("--version")),
  );
  rmSync(folder, { recursive: true });
  return atMost(
    "`shopzier diff` of 500 objects, all of whose routes change, beyond its start",
    report - start,
    0.3,
  );
}

/** Four objects of a service with two versions. */
const service = (index: number, weight: number): string => {
  const metadata = (name = ""): string => `metadata: { name: shop-${index}${name}, namespace: shop }`;
  const deployment = (version: string): string => `apiVersion: apps/v1
kind: Deployment
${metadata(`-${version}`)}
spec:
  selector: { matchLabels: { app: shop-${index}, version: ${version} } }
  template: { metadata: { labels: { app: shop-${index}, version: ${version} } } }
`;
  const destination = (version: string, share: number): string =>
    `{ destination: { host: shop-${index}, subset: ${version} }, weight: ${share} }`;
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
${metadata()}
spec:
  hosts: [shop-${index}.example.com]
  http:
    - route: [${destination("v1", 100 - weight)}, ${destination("v2", weight)}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
${metadata()}
spec:
  host: shop-${index}
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
${deployment("v1")}---
${deployment("v2")}`;
};

/** Both ask the engine for the same preview. */
export const previewReport = (): Promise<Result> =>
  withEdit(async (folder) => {
    const plain = ["-C", folder, "preview", "--json", "--stack", "lab", "--non-interactive"];
    const [ours, theirs] = await inTurn(
      7,
      () => timed(() => shopzier("diff", "--preview", "--stack", "lab", "-C", folder)),
      () => timed(() => must("pulumi", ...plain)),
    );
    return ratio("`shopzier diff --preview`, against `pulumi preview --json`", ours, theirs, 1.1);
  });
