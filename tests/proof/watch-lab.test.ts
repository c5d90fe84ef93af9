import assert from "node:assert/strict";
import { RouteConnection } from "../../cli/watch/connection";
import { beginWatch, exitCodeOf, reportOf, withReading, type WatchReport } from "../../cli/watch/model";
import { Client } from "../../lab/client";
import {
  baseline,
  editStackFile,
  get,
  NAMESPACE,
  outputs,
  pulumi,
  STACK,
  until,
  up,
} from "../../lab/harness";
import { kubeconfig } from "../../lab/node";
import { observing, OBSERVED, scale } from "../../lab/prometheus";

interface Routed {
  readonly spec: { readonly http: readonly { readonly route?: readonly { readonly weight?: number }[] }[] };
}

describe("the evidence of a real Prometheus", function () {
  this.timeout("10m");
  let client: Client;
  let load: ReturnType<Client["load"]>;
  before(async () => {
    await baseline(observing(OBSERVED));
    client = await Client.open();
    load = client.load(100);
  });
  after(async () => {
    await load.stop();
    await client.close();
    await scale(NAMESPACE, "category-v2", 1);
  });

  const route = `${NAMESPACE}/category`;
  /** A look with the evidence of the last minutes, as `shopzier watch --once` has it. */
  async function look(): Promise<WatchReport> {
    const connection = await RouteConnection.open({ route, kubeconfig });
    try {
      let state = beginWatch(connection);
      for (const reading of await connection.history(600)) state = withReading(state, reading);
      const seen = await connection.observe();
      if (seen.counters.reading) state = withReading(state, seen.counters.reading);
      return reportOf(state, seen);
    } finally {
      await connection.close();
    }
  }
  const shiftTo = (v2: number, gate: object): void => {
    editStackFile((config) => {
      config["shopzier:traffic"] = { weights: { v1: "rest", v2 } };
      config["shopzier:gate"] = gate;
    });
  };
  const weights = async (): Promise<(number | undefined)[]> => {
    const { spec } = await get<Routed>("virtualservice", "category", "-n", NAMESPACE);
    return (spec.http.at(-1)?.route ?? []).map(({ weight }) => weight);
  };

  it("shows the shares that Envoy has and that were measured, without settings", async () => {
    let report: WatchReport | undefined;
    await until(
      "counted requests",
      async () => ((report = await look()).versions[1]?.criteria.errors?.of ?? 0) > 300,
      120,
    );
    assert.ok(report);
    const [v1, v2] = report.versions;
    assert.deepEqual([v1?.envoy, v2?.envoy, report.gateways.length], [80, 20, 1]);
    assert.ok(Math.abs((v2?.measured ?? 0) - 20) < 8, String(v2?.measured));
    assert.deepEqual(report.drift, []);
  });

  it("calls a version without pods worse, whose requests die at the gateway, and up refuses to raise its share", async () => {
    await scale(NAMESPACE, "category-v2", 0);
    await until("the verdict", async () => (await look()).versions[1]?.verdict === "worse", 120);
    const report = await look();
    assert.equal(exitCodeOf(report), 2);
    assert.match(report.versions[1]?.words ?? "", /^v2 is worse than v1: \S+ of \S+ requests of v2 failed/);

    shiftTo(40, {});
    const { exitCode, all } = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(exitCode, 0);
    assert.match(
      all,
      /The gate refuses more requests:\n\s+- v2 rises from 20 to 40 %: v2 is worse than v1: /,
    );
    assert.doesNotMatch(all, STACK);
    assert.deepEqual(await weights(), [80, 20]);
  });

  it("lets a share rise for a reason, which is in the outputs", async () => {
    await scale(NAMESPACE, "category-v2", 1);
    const override = { version: "v2", to: 40, reason: "its pods are back" };
    shiftTo(40, { override });
    await up();
    assert.deepEqual(await weights(), [60, 40]);
    assert.deepEqual(((await outputs()) as unknown as { gateOverride: unknown }).gateOverride, override);
  });
});
