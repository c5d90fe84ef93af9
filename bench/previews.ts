/**
 * `npm run -s bench:previews -- <git ref ...>`: what `pulumi preview --diff` prints for usual edits of the lab's stack file, by
 * the program of each ref and by that of this folder. Each program is deployed first. Prints a Markdown table.
 */
import { execa } from "execa";
import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseDocument } from "yaml";
import { ROOT } from "../lab/harness";
import { stackEnvironment } from "../lab/stack";

type Key = readonly (string | number)[];

/** An edit of the stack file → keys below `config`, and their new values. */
const EDITS: Readonly<Record<string, readonly (readonly [Key, unknown])[]>> = {
  "weight of v2: 20 → 30": [[["shopzier:traffic", "weights", "v2"], 30]],
  "image of v2": [[["shopzier:category", "versions", "v2", "image"], "lab.internal/category-api:1.1.0"]],
  "replicas of v2: 1 → 2": [[["shopzier:category", "versions", "v2", "replicas"], 2]],
  "a rule added": [
    [["shopzier:traffic", "rules"], [{ name: "beta", match: { cookies: { beta: "1" } }, to: "v2" }]],
  ],
  "a timeout added": [[["shopzier:traffic", "timeout"], "5s"]],
  "a rate limit added": [[["shopzier:traffic", "rateLimit"], { requests: 100, per: "1s" }]],
  "an access list added": [
    [["shopzier:security"], { access: { deny: [{ addresses: ["203.0.113.0/24"] }] } }],
  ],
  "the host": [[["shopzier:category", "host"], "shop.example.com"]],
  "Istio's version": [
    [["shopzier:istio", "version"], "1.31.4"],
    [["shopzier:istio", "tag"], "1.31.4"],
  ],
  "sampling: 100 → 10 %": [[["shopzier:observability", "tracing", "sampling"], 10]],
};

interface Size {
  readonly lines: number;
  readonly objects: number;
  /** Objects that are replaced or deleted. */
  readonly lost: number;
}

const pulumi = async (folder: string, ...args: string[]): Promise<string> => {
  const { exitCode, all } = await execa(
    "pulumi",
    ["-C", folder, ...args, "--stack", "lab", "--non-interactive", "--color", "never", "--suppress-progress"],
    { env: stackEnvironment(), all: true, reject: false, stdin: "ignore" },
  );
  if (exitCode !== 0) throw new Error(all);
  return all;
};

/** The folder of a ref's program, with this folder's packages and lab. */
async function checkedOut(ref: string): Promise<string> {
  const folder = path.join(mkdtempSync(path.join(os.tmpdir(), "shopzier-previews-")), ref);
  await execa("git", ["worktree", "add", "--detach", folder, ref], { cwd: ROOT });
  for (const shared of ["node_modules", ".lab"])
    symlinkSync(path.join(ROOT, shared), path.join(folder, shared));
  return folder;
}

async function sizes(folder: string): Promise<Map<string, Size>> {
  const found = new Map<string, Size>();
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), "shopzier-previews-")), "Pulumi.lab.yaml");
  const committed = readFileSync(path.join(folder, "Pulumi.lab.yaml"), "utf8");
  writeFileSync(file, committed);
  await pulumi(folder, "up", "--yes", "--skip-preview", "--config-file", file);
  for (const [edit, settings] of Object.entries(EDITS)) {
    const document = parseDocument(committed);
    for (const [key, value] of settings) document.setIn(["config", ...key], value);
    writeFileSync(file, document.toString());
    const printed = await pulumi(folder, "preview", "--diff", "--config-file", file);
    const steps = [...printed.matchAll(/^\s*(\S+) kubernetes:\S+ \((.+)\)$/gm)].map(([, sign = ""]) => sign);
    found.set(edit, {
      lines: printed.trimEnd().split("\n").length,
      objects: steps.length,
      lost: steps.filter((sign) => sign.includes("-")).length,
    });
    process.stderr.write(`${edit}: ${JSON.stringify(found.get(edit))}\n`);
  }
  return found;
}

async function main(refs: readonly string[]): Promise<void> {
  const columns: (readonly [string, Map<string, Size>])[] = [];
  for (const ref of refs) {
    const folder = await checkedOut(ref);
    try {
      columns.push([ref, await sizes(folder)]);
    } finally {
      await execa("git", ["worktree", "remove", "--force", folder], { cwd: ROOT });
    }
  }
  columns.push(["now", await sizes(ROOT)]);
  const cell = ({ lines, objects, lost }: Size): string =>
    `${lines} | ${objects}${lost > 0 ? ` (${lost} lost)` : ""}`;
  const rows = Object.keys(EDITS).map((edit) => [
    edit,
    ...columns.map(([, of]) => cell(of.get(edit) as Size)),
  ]);
  const head = ["edit", ...columns.map(([ref]) => `lines, ${ref} | objects, ${ref}`)];
  for (const row of [head, head.map((_, i) => (i ? "--- | ---" : "---")), ...rows])
    console.log(`| ${row.join(" | ")} |`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
