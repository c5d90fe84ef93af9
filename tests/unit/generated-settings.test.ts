import fc from "fast-check";
import assert from "node:assert/strict";
import { parseSettings } from "../../stacks/settings";
import { BLOCKS, generatedSettings, settingPaths, writtenPaths } from "./generated-settings";

describe("generated settings", () => {
  it("have every setting that a stack file may have", function () {
    this.timeout("3m");
    const { seed = 0 } = fc.readConfigureGlobal();
    let missing = BLOCKS.flatMap((block) => {
      const paths = settingPaths(block);
      assert.ok(paths.length > 10, block);
      return paths;
    });
    // What few rules allow is rare: how many it takes is no matter.
    for (let round = 0; missing.length > 0 && round < 100; round++) {
      const sample = fc.sample(generatedSettings, { numRuns: 100, seed: seed + round });
      const written = new Set(sample.flatMap(({ config }) => writtenPaths(config, missing)));
      missing = missing.filter((path) => !written.has(path));
    }
    assert.deepEqual(missing, []);
  });

  it("mean the same whichever way they are written", () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    for (const { config, settings } of fc.sample(generatedSettings, 100)) {
      assert.deepEqual(parseSettings(reversed(config) as Record<string, unknown>, "dev"), settings);
    }
  });
});
