import assert from "node:assert/strict";
import { Client, countByVersion, failures } from "../../lab/client";
import { baseline, kubectl, NAMESPACE, stackFile, up, until } from "../../lab/harness";
import {
  emptyPanels,
  OBSERVED,
  observing,
  PrometheusClient,
  scale,
  standingStill,
} from "../../lab/prometheus";

/** Counts by Envoy's own access logger what Istio's proxies count by a filter that the lab's lacks. */
const STAND_IN = "lab/istio-metrics.yaml";

const counted = (reporter: string): string =>
  `sum by (version) (label_replace(istio_requests_total{reporter="${reporter}",destination_service_name="category",destination_service_namespace="${NAMESPACE}",response_code="200"}, "version", "$1", "destination_version", "(.*)"))`;

describe("Istio's metrics, as the lab's stand-in counts them", function () {
  this.timeout("4m");
  let prometheus: PrometheusClient;
  let client: Client;

  before(async () => {
    await kubectl("apply", "-f", STAND_IN);
    stackFile(observing({ ...OBSERVED, metrics: { source: "istio" } }));
    await up();
    prometheus = await PrometheusClient.open();
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    // In this order: without the stand-in istiod sends the proxies a filter that they refuse.
    await baseline();
    await kubectl("delete", "-f", STAND_IN, "--ignore-not-found");
  });

  it("count exactly the requests that the client sent, by version, seen from caller and callee", async () => {
    const counts = async () => ({
      source: await prometheus.byVersion(counted("source")),
      destination: await prometheus.byVersion(counted("destination")),
    });
    await until("the metrics", async () => {
      await client.sample(20);
      return Object.values(await counts()).every((views) => Object.keys(views).length === 2);
    });
    const before: Readonly<Record<string, Readonly<Record<string, number>>>> = await standingStill(counts);
    const answers = await client.sample(300);
    assert.deepEqual(failures(answers), {});
    const expected = Object.fromEntries(
      Object.entries(before).map(([view, of]) => [
        view,
        Object.fromEntries(
          Object.entries(countByVersion(answers)).map(([version, n]) => [version, n + (of[version] ?? 0)]),
        ),
      ]),
    );
    await until("these requests", async () => JSON.stringify(await counts()) !== JSON.stringify(before));
    assert.deepEqual(await standingStill(counts), expected);
  });

  it("fill every recording rule and every panel of every dashboard", async () => {
    const load = client.load(20);
    const empty = await emptyPanels(prometheus, "istio");
    for (const series of [
      "requests:rate10s",
      "request_errors:ratio_rate10s",
      "slow_requests:ratio_rate10s",
    ]) {
      const versions = await prometheus.byVersion(`version:${series}{seen_by="caller"}`);
      assert.deepEqual(Object.keys(versions).sort(), ["v1", "v2"], series);
    }
    assert.deepEqual(failures(await load.stop()), {});
    assert.deepEqual(empty, []);
  });

  it("raise an alert for the version whose requests no pod answers, and only for it", async () => {
    const burning = async (): Promise<readonly string[]> =>
      (await prometheus.firing()).filter((name) => name.includes("BudgetBurn"));
    assert.deepEqual(await burning(), []);
    const load = client.load(50);
    await scale(NAMESPACE, "category-v2", 0);
    await until("the alert", async () => (await burning()).length > 0, 90);
    assert.deepEqual([...new Set(await burning())], ["VersionErrorBudgetBurn v2"]);
    assert.ok((failures(await load.stop())["503"] ?? 0) > 0);
    await scale(NAMESPACE, "category-v2", 1);
  });
});
