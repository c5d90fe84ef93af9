import assert from "node:assert/strict";
import { parseSettings, SettingsError } from "../src/settings";

const SECRET = "a secret for tests ".repeat(4);

describe("settings of the category service", () => {
  it("have defaults for all except the version", () => {
    assert.deepEqual(parseSettings({ CATEGORY_VERSION: "v1", PORT: "", UNRELATED: "x" }), {
      version: "v1",
      contract: "3.2.5",
      port: 8080,
      shutdownGrace: 25,
      logLevel: "info",
      metricsPort: 9464,
      propagators: ["b3", "tracecontext"],
    });
  });

  it("have a database and administrators if they are set", () => {
    const { database, administration } = parseSettings({
      CATEGORY_VERSION: "v1",
      DATABASE_URL: "postgres://user:password@host/name",
      DATABASE_POOL_SIZE: "3",
      JWT_SECRET: SECRET,
    });
    assert.deepEqual(database, {
      url: "postgres://user:password@host/name",
      poolSize: 3,
      statementTimeout: 5000,
      seed: "none",
    });
    assert.deepEqual(administration, { jwtSecret: SECRET });
  });

  it("never show a secret", () => {
    for (const [name, value] of [
      ["DATABASE_URL", "mysql://user:hunter2@host/name"],
      ["DATABASE_URL", "hunter2"],
      ["JWT_SECRET", "hunter2"],
      ["ADMIN_PASSWORD", "hunter2"],
    ] as const) {
      assert.throws(
        () => parseSettings({ CATEGORY_VERSION: "v1", JWT_SECRET: SECRET, [name]: value }),
        (error: unknown) =>
          error instanceof SettingsError &&
          error.message.startsWith(`the environment is wrong:\n  ${name} is not allowed; allowed: `) &&
          !error.message.includes("hunter2"),
      );
    }
  });

  it("need a JWT secret if there is a password", () => {
    assert.throws(
      () => parseSettings({ CATEGORY_VERSION: "v1", ADMIN_PASSWORD: "a long password" }),
      new SettingsError("the environment is wrong:\n  JWT_SECRET is not set; with ADMIN_PASSWORD it must be"),
    );
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
    ["METRICS_PORT", "x"],
    ["DATABASE_POOL_SIZE", "0"],
    ["DATABASE_STATEMENT_TIMEOUT", "0.5"],
    ["DATABASE_SEED", "all"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
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
