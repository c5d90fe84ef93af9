import fc from "fast-check";
import assert from "node:assert/strict";
import { parseSettings, SettingsError, type Reported, type Settings } from "../../stacks/config/settings";
import { BLOCKS, generatedSettings, settingPaths, unquotedText, unwritten } from "./generated-settings";
import { stackFileConfig } from "./wrong-settings";

describe("generated settings", () => {
  it("contain almost every setting of the schema", () => {
    for (const block of BLOCKS) assert.ok(settingPaths(block).length > 10, block);
    const all = BLOCKS.flatMap(settingPaths);
    // Settings that few checks allow are rare: tests/proof/generated-settings.test.ts draws until none is missing.
    const missing = unwritten(all, 0);
    assert.ok(missing.length < all.length / 8, missing.join("\n"));
  });

  it("have the same meaning in every notation", () => {
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

  it("keep text as it is written, or are refused with its place, whatever YAML reads", function () {
    this.timeout("1m");
    const outcome = (text: string, source: string): Settings | readonly Reported[] => {
      try {
        return parseSettings(stackFileConfig(text), "dev", source);
      } catch (error) {
        if (error instanceof SettingsError) return error.problems;
        throw error;
      }
    };
    const refusals = { "as the stack file": 0, "as another file": 0 };
    fc.assert(
      fc.property(unquotedText, ({ path, plain, quoted }) => {
        const meantAs = outcome(quoted, quoted);
        for (const [source, file] of [
          ["as the stack file", plain],
          ["as another file", ""],
        ] as const) {
          const found = outcome(plain, file);
          const refused = Array.isArray(found) && found.some((problem: Reported) => problem.path === path);
          if (refused) refusals[source]++;
          else assert.deepEqual(found, meantAs, source);
        }
      }),
      { numRuns: 100 },
    );
    assert.ok(refusals["as the stack file"] < refusals["as another file"], JSON.stringify(refusals));
  });
});
