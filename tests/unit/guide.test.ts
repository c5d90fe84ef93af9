import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseSettings } from "../../stacks/config/settings";
import { wrongConfig } from "../../docs/wrong-settings";

describe("the guides", () => {
  for (const [file, count] of [
    ["traffic.md", 5],
    ["shared-cluster.md", 1],
    ["upgrading.md", 2],
    ["watch.md", 2],
  ] as const) {
    it(`show valid settings: docs/${file}`, () => {
      const guide = readFileSync(path.join(__dirname, "../../docs", file), "utf8");
      const blocks = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = ""]) => block);
      assert.ok(blocks.length >= count);
      for (const config of blocks.filter((block) => block.startsWith("shopzier:"))) {
        parseSettings(wrongConfig({ title: "", config, report: "" }), "dev");
      }
    });
  }
});
