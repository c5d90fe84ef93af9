import assert from "node:assert/strict";
import { editStackFile, must, pulumi, stackFile } from "./lab";

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
      assert.match(result.all, /shopzier:traffic\.weights\n\s+found: +weights that sum to 99/);
      assert.match(result.all, /pulumi config set --stack lab --path 'shopzier:traffic\.weights\.v2' 20/);
      assert.match(result.all, /LEAST_REQUEST/);
      assert.match(result.all, /did you mean category\?/);
      assert.doesNotMatch(result.all, /\n\s+at .*\(.*:\d+:\d+\)/, "a stack trace");
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
