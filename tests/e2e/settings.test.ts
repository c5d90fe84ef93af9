import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { UNQUOTED } from "../support/generated-settings";
import { stackFileConfig } from "../../docs/wrong-settings";
import { editStackFile, must, pulumi, stackFile, tool } from "../../lab/harness";
import { kindOf, printedRepairs, tryRepair, type PrintedRepair } from "../support/repairs";

describe("a wrong stack file", () => {
  before(() => {
    stackFile();
  });

  for (const command of [["preview"], ["up", "--yes", "--skip-preview"]]) {
    it(`ends \`pulumi ${command.join(" ")}\` with every problem, without a stack trace, and changes nothing`, async () => {
      // In clear, since each export encrypts anew; and without the time at which the state was written.
      const state = async () => {
        const exported = await must("pulumi", "stack", "export", "--show-secrets", "--stack", "lab");
        return (JSON.parse(exported) as { deployment: { resources: unknown } }).deployment.resources;
      };
      const before = await state();
      editStackFile((config) => {
        config["shopzier:traffic"] = { weights: { v1: 80, v2: 19 } };
        config["shopzier:loadBalancer"] = "LEAST_CONN";
        config["shopzier:categroy"] = {};
      });
      const result = await pulumi(...command);
      assert.notEqual(result.exitCode, 0, result.all);
      assert.match(result.all, /has 3 problems/);
      assert.match(result.all, /shopzier:traffic\.weights \[SM0406\]\n\s+found: +weights that sum to 99/);
      assert.match(result.all, /pulumi config set --stack lab --path 'shopzier:traffic\.weights\.v2' 20/);
      assert.match(result.all, /LEAST_REQUEST/);
      assert.match(result.all, /did you mean category\?/);
      assert.doesNotMatch(result.all, /\n\s+at .*\(.*:\d+:\d+\)/, "a stack trace");
      assert.doesNotMatch(result.all, /from \$PATH/, "a warning that hides others");
      assert.deepEqual(await state(), before);
    });
  }

  it("that holds a secret is refused without showing it", async () => {
    stackFile();
    const key = "shopzier:category.versions.v1.env.TOKEN";
    const set = await pulumi("config", "set", "--secret", "--path", key, "hunter2-in-clear");
    assert.equal(set.exitCode, 0, set.all);
    const result = await pulumi("preview");
    assert.notEqual(result.exitCode, 0, result.all);
    assert.match(result.all, /shopzier:category: found a secret value/);
    assert.doesNotMatch(result.all, /hunter2-in-clear/);
  });
});

describe("the repairs that are printed", function () {
  this.timeout("3m");

  const folder = mkdtempSync(path.join(tmpdir(), "repairs-"));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  // All of them: tests/proof.
  it("repair a real file, and leave the rest of it alone, by the CLI: one of each kind and of each block", async () => {
    const blockOf = ({ problem }: PrintedRepair): string => /^[^.[]+/.exec(problem.path)?.[0] ?? "";
    const seen = new Set<string>();
    const sample = printedRepairs().filter((repair) => {
      const of = [kindOf(repair), blockOf(repair)];
      const isNew = of.some((name) => !seen.has(name));
      of.forEach((name) => seen.add(name));
      return isNew;
    });
    assert.ok(sample.length >= 20 && sample.length <= 40, `${sample.length} of ${seen.size}`);
    for (const repair of sample) await tryRepair(repair, path.join(folder, "Pulumi.lab.yaml"));
  });

  it("come from values as the CLI reads them", async () => {
    const file = path.join(folder, "Pulumi.lab.yaml");
    const values = Object.fromEntries(UNQUOTED.map((written, i) => [`v${i}`, written]));
    const lines = Object.entries(values).map(([key, written]) => `    ${key}: ${written}\n`);
    const text = `config:\n  shopzier:traffic:\n${lines.join("")}    copy: { <<: &a { a: 0123 }, b: *a }\n`;
    writeFileSync(file, text);
    const read = await tool("pulumi", "config", "get", "--stack", "lab", "--config-file", file, "traffic");
    assert.equal(read.exitCode, 0, read.all);
    assert.deepEqual(JSON.parse(read.stdout), JSON.parse(String(stackFileConfig(text).traffic)));
  });
});
