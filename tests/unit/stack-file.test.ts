import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { alteredScalars } from "../../stacks/settings/stack-file";
import { stackFileConfig } from "./wrong-settings";

describe("scalars of a stack file that Pulumi alters", () => {
  const file = (written: string, key = "env") =>
    `# a comment\nconfig:\n  shopzier:traffic:\n    ${key}: { A: ${written} }\n`;
  const found = (written: string, given: unknown, key = "env") =>
    alteredScalars(file(written, key), { traffic: JSON.stringify({ [key]: { A: given } }) }, "dev");

  for (const [written, given] of [
    ["1.10", 1.1],
    ["2.0", 2],
    ["2026-01-31", "2026-01-31 00:00:00 +0000 UTC"],
    ["0123", 83],
    ["0o20", 16],
    ["1_000", 1000],
    ["TRUE", true],
    ["1e3", 1000],
  ] as const) {
    it(`are refused with their line and the quoted form: ${written}`, () => {
      const [problem] = found(written, given);
      assert.equal(problem?.path, "shopzier:traffic.env.A");
      assert.equal(problem.found, `${written}, without quotes, in line 4`);
      assert.equal(problem.repairs[0], `write it in quotes in line 4 of the stack file: "${written}"`);
      assert.deepEqual(found(`"${written}"`, written), []);
      assert.deepEqual(found(written, "from the command line"), []);
    });
  }

  it("are refused as weights, where a fraction may end in zero", () => {
    assert.equal(found("020", 16, "weights").length, 1);
    assert.equal(found("1e1", 10, "weights").length, 1);
    assert.deepEqual(found("20.50", 20.5, "weights"), []);
  });

  it("are in no stack file of ours", () => {
    const root = path.join(__dirname, "../..");
    for (const name of readdirSync(root).filter((file) => /^Pulumi\..+\.yaml$/.test(file))) {
      const text = readFileSync(path.join(root, name), "utf8");
      assert.deepEqual(alteredScalars(text, stackFileConfig(text), "dev"), [], name);
    }
  });
});
