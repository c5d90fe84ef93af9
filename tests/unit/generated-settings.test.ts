import fc from "fast-check";
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { parseSettings, SettingsError, type Reported, type Settings } from "../../stacks/config/settings";
import {
  BLOCKS,
  generatedSettings,
  settingPaths,
  UNQUOTED,
  unquotedText,
  unwritten,
} from "../support/generated-settings";
import { RIGHT_SETTINGS, stackFileConfig } from "../../docs/wrong-settings";

describe("generated settings", () => {
  it("contain most settings of the schema", () => {
    for (const block of BLOCKS) assert.ok(settingPaths(block).length > 10, block);
    const all = BLOCKS.flatMap(settingPaths);
    // Settings that few checks allow are rare: one draw misses 38 to 75 of 385 by its seed, and
    // tests/proof/generated-settings.test.ts draws until none is missing.
    const missing = unwritten(all, 0);
    assert.ok(missing.length < all.length / 4, missing.join("\n"));
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

  const outcome = (text: string, source: string): Settings | readonly Reported[] => {
    try {
      return parseSettings(stackFileConfig(text), "dev", source);
    } catch (error) {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    }
  };
  const refuses = (found: Settings | readonly Reported[], path: string): boolean =>
    Array.isArray(found) && found.some((problem: Reported) => problem.path === path);

  it("keep text as it is written, or are refused with its place, whatever YAML reads", function () {
    this.timeout("1m");
    fc.assert(
      fc.property(unquotedText, ({ path, plain, quoted }) => {
        const meantAs = outcome(quoted, quoted);
        for (const [source, file] of [
          ["as the stack file", plain],
          ["as another file", ""],
        ] as const) {
          const found = outcome(plain, file);
          if (!refuses(found, path)) assert.deepEqual(found, meantAs, source);
        }
      }),
      { numRuns: 100 },
    );
  });

  // Most places refuse most texts, however they are written. This one takes any.
  it("take text without quotes from the stack file where every YAML reader agrees, and from no other source", () => {
    const { category, traffic } = RIGHT_SETTINGS.dev;
    const match = { headers: { "x-api": { exact: "the text" } } };
    const file = stringify({
      config: {
        "shopzier:category": category,
        "shopzier:traffic": { ...(traffic as object), rules: [{ name: "one", match, to: "v2" }] },
      },
    });
    const refused = (source: (text: string) => string): string[] =>
      UNQUOTED.filter((written) => {
        const text = file.replace("the text", written);
        return refuses(outcome(text, source(text)), "shopzier:traffic.rules[0].match.headers.x-api.exact");
      });
    const fromTheFile = refused((text) => text);
    const fromElsewhere = refused(() => "");
    assert.deepEqual(
      fromTheFile.filter((written) => !fromElsewhere.includes(written)),
      [],
    );
    assert.deepEqual(
      fromElsewhere.filter((written) => !fromTheFile.includes(written)),
      ["5", "0", "-7", "true"],
    );
  });
});
