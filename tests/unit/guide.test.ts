import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseSettings } from "../../stacks/settings";
import { wrongConfig } from "./wrong-settings";

describe("docs/traffic.md", () => {
  it("shows settings that are right", () => {
    const guide = readFileSync(path.join(__dirname, "../../docs/traffic.md"), "utf8");
    const blocks = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = ""]) => block);
    assert.ok(blocks.length > 4);
    for (const config of blocks.filter((block) => block.startsWith("shopzier:"))) {
      parseSettings(wrongConfig({ title: "", config, report: "" }), "dev");
    }
  });
});
