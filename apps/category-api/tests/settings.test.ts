import assert from "node:assert/strict";
import { parseSettings, SettingsError } from "../src/settings";

describe("settings of the category service", () => {
  it("have defaults for all but the version", () => {
    assert.deepEqual(parseSettings({ CATEGORY_VERSION: "v1", PORT: "", UNRELATED: "x" }), {
      version: "v1",
      contract: "3.2.5",
      port: 8080,
      shutdownGrace: 25,
      logLevel: "info",
    });
  });

  for (const [name, value] of [
    ["CATEGORY_VERSION", "v1\r\nx: y"],
    ["CATEGORY_VERSION", "x".repeat(64)],
    ["CATEGORY_VERSION", "v1-"],
    ["CATEGORY_CONTRACT", "Main"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", "1e3"],
    ["SHUTDOWN_GRACE", "3601"],
    ["SHUTDOWN_GRACE", "1.5"],
    ["LOG_LEVEL", "INFO"],
  ] as const) {
    it(`refuse ${name}=${JSON.stringify(value)}`, () => {
      assert.throws(
        () => parseSettings({ CATEGORY_VERSION: "v1", [name]: value }),
        (error: unknown) =>
          error instanceof SettingsError &&
          error.message.startsWith(`the environment is wrong:\n  ${name} is "${value}"; allowed: `) &&
          !error.message.slice(26).includes("\n  "),
      );
    });
  }
});
