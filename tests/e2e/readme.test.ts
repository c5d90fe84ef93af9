import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { assertSplit, baseline, Client, ROOT } from "./lab";

describe("the README", () => {
  const stack = path.join(ROOT, "Pulumi.lab.yaml");
  const kept = path.join(ROOT, ".lab", "Pulumi.lab.yaml.kept");
  before(async () => {
    await baseline();
    copyFileSync(stack, kept);
  });
  after(async () => {
    copyFileSync(kept, stack);
    await baseline();
  });

  it("shifts the canary by the commands that it shows, and the edit is one line of the stack file", async () => {
    const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");
    const commands = /## A canary shift in a minute\n+```sh\n([\s\S]*?)```/.exec(readme)?.[1];
    assert.ok(commands, "the README shows a shift");
    const { exitCode, all } = await execa("bash", ["-euc", commands], {
      cwd: ROOT,
      all: true,
      reject: false,
    });
    assert.equal(exitCode, 0, all);
    const client = await Client.open();
    assertSplit(await client.sample(1000), { v1: 70, v2: 30 });
    await client.close();
    const lines = (file: string): string[] => readFileSync(file, "utf8").split("\n");
    const before = lines(kept);
    const changed = lines(stack).filter((line, i) => line !== before[i]);
    assert.deepEqual(
      changed.map((l) => l.trim()),
      ["v2: 30"],
    );
  });
});
