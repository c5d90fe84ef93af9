import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { prometheusOf } from "../../cli/watch/connection";
import { StandInPrometheus } from "../support/stand-in-prometheus";

describe("a token for Prometheus", () => {
  const earlier = process.env.PROMETHEUS_TOKEN;
  let folder: string;
  let tokenFile: string;
  let prometheus: StandInPrometheus;
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-token-"));
    tokenFile = path.join(folder, "token");
    writeFileSync(tokenFile, "of-the-file\n");
    prometheus = await StandInPrometheus.open();
  });
  afterEach(() => {
    if (earlier === undefined) delete process.env.PROMETHEUS_TOKEN;
    else process.env.PROMETHEUS_TOKEN = earlier;
    prometheus.close();
    rmSync(folder, { recursive: true });
  });

  /** The header that a Prometheus gets, named by the user or by the VirtualService. */
  async function sent(by: "user" | "route", file?: string): Promise<string | undefined> {
    const written = { prometheus: prometheus.url, source: "istio" } as const;
    const options = {
      ...(by === "user" && { prometheus: prometheus.url }),
      ...(file !== undefined && { tokenFile: file }),
    };
    const api = prometheusOf(options, written, undefined as never);
    await api.now();
    return prometheus.asked.at(-1)?.headers.authorization;
  }

  it("goes only to one that the user named", async () => {
    process.env.PROMETHEUS_TOKEN = "of-the-environment";
    assert.equal(await sent("user"), "Bearer of-the-environment");
    assert.equal(await sent("user", tokenFile), "Bearer of-the-file");
    assert.equal(await sent("route"), undefined);
    await assert.rejects(
      sent("route", tokenFile),
      /^SourceError: --token-file: found no --prometheus\n {2}allowed: /,
    );
  });

  it("that is empty is none", async () => {
    process.env.PROMETHEUS_TOKEN = "";
    assert.equal(await sent("user"), undefined);
  });
});
