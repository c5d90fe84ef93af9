import assert from "node:assert/strict";
import { dashboards } from "../../components/observability/dashboards";
import {
  baseline,
  Client,
  countByVersion,
  failures,
  get,
  kubectl,
  NAMESPACE,
  setConfig,
  stackFile,
  up,
  until,
} from "./lab";
import { OBSERVED, observing, PrometheusClient, restart, scale } from "./prometheus";

const CALLER =
  'sum by (version) (label_replace(envoy_cluster_upstream_rq{app="istio-ingressgateway",cluster_name=~"outbound.8080.v[0-9]+.category.*",response_code!=""}, "version", "$1", "cluster_name", "outbound.8080.([^|]+).*"))';
const CALLEE = `sum by (version) (envoy_cluster_upstream_rq{namespace="${NAMESPACE}",cluster_name=~"inbound.8080.*",response_code!=""})`;
const SERVICE = "sum by (version) (http_request_duration_seconds_count)";

describe("metrics of the versions in Prometheus", function () {
  this.timeout("5m");
  let prometheus: PrometheusClient;
  let client: Client;

  before(async () => {
    stackFile(observing(OBSERVED));
    await up();
    prometheus = await PrometheusClient.open();
    client = await Client.open();
    // A pod takes its choice of statistics when it starts; one of another test's stack may be older.
    const counted = async (): Promise<boolean> => {
      await client.sample(20);
      return Object.keys(await prometheus.byVersion(`${CALLER} and ${CALLEE}`)).length === 2;
    };
    await until("the statistics of requests", counted, 15).catch(async () => {
      await restart("istio-ingress", "istio-ingressgateway");
      for (const version of ["v1", "v2"]) await restart(NAMESPACE, `category-${version}`);
      await until("the statistics of requests", counted);
    });
  });
  after(async () => {
    await client.close();
    await baseline();
  });

  it("come from istiod, gateway and sidecars, though the mesh is strict and denies by default", async () => {
    const { items } = await get<{ items: { spec: { mtls?: { mode?: string } } }[] }>(
      "peerauthentications.security.istio.io",
      "-n",
      "istio-system",
    );
    assert.equal(items[0]?.spec.mtls?.mode, "STRICT");
    for (const target of [
      'up{app="istiod"}',
      'up{istio="ingressgateway"}',
      `up{namespace="${NAMESPACE}",version="v1"}`,
      `up{namespace="${NAMESPACE}",version="v2"}`,
      'up{job="kubernetes-apiservers"}',
    ]) {
      await until(target, async () => (await prometheus.query(`${target} == 1`)).length > 0, 30);
    }
  });

  it("count exactly the requests that the client sent, seen from caller, callee and service", async () => {
    // What one pod counted before it ended is gone: two looks at the same pods.
    await client.sample(40);
    const settled = async (): Promise<Record<string, Record<string, number>>> => ({
      caller: await prometheus.byVersion(CALLER),
      callee: await prometheus.byVersion(CALLEE),
      service: await prometheus.byVersion(SERVICE),
    });
    // Counts that stand still for longer than two scrapes are whole.
    let before: Record<string, Record<string, number>> = {};
    let since = performance.now();
    await until("counts that stand still", async () => {
      const now = await settled();
      // The service's own count goes on with the kubelet's probes.
      const still = (["caller", "callee"] as const).every(
        (view) => JSON.stringify(now[view]) === JSON.stringify(before[view]),
      );
      if (!still) since = performance.now();
      before = now;
      return "v2" in (now.callee ?? {}) && performance.now() - since > 6000;
    });
    const answers = await client.sample(500, { path: "/api/v1/category?lang=en" });
    assert.deepEqual(failures(answers), {});
    const sent = countByVersion(answers);
    let seen: Record<string, Record<string, number>> = {};
    await until(
      `counts of ${JSON.stringify(sent)}`,
      async () => {
        const now = await settled();
        seen = Object.fromEntries(
          Object.entries(now).map(([view, counts]) => [
            view,
            Object.fromEntries(
              Object.entries(counts).map(([version, n]) => [version, n - (before[view]?.[version] ?? 0)]),
            ),
          ]),
        );
        return Object.values(seen).every((counts) =>
          Object.entries(sent).every(([version, n]) => (counts[version] ?? 0) >= n),
        );
      },
      30,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; seen ${JSON.stringify(seen)}`);
    });
    assert.deepEqual(seen.caller, sent);
    assert.deepEqual(seen.callee, sent);
    // Probes of the kubelet come on the same route table; only they may be more.
    for (const [version, n] of Object.entries(sent)) assert.ok((seen.service?.[version] ?? 0) >= n);
  });

  it("fill every panel of every dashboard", async () => {
    const boards = dashboards(
      { name: "category", namespace: NAMESPACE, port: 8080, versions: ["v1", "v2"] },
      "envoy",
    );
    const load = client.load(20);
    const empty: string[] = [];
    for (const [file, board] of Object.entries(boards)) {
      for (const panel of board.panels ?? []) {
        const { title = "", targets = [] } = panel as { title?: string; targets?: { expr?: string }[] };
        for (const { expr = "" } of targets) {
          const query = expr.replaceAll("$__rate_interval", "20s");
          await until(`${file}: ${title}`, async () => (await prometheus.query(query)).length > 0, 20).catch(
            () => empty.push(`${file}: ${title}: ${query}`),
          );
        }
      }
    }
    assert.deepEqual(failures(await load.stop()), {});
    assert.deepEqual(empty, []);
  });

  it("raise an alert for a version that fails, and only for it; it ends with the shift back", async () => {
    assert.deepEqual(await prometheus.firing(), []);
    await scale(NAMESPACE, "category-v2", 0);
    const load = client.load(50);
    const broken = performance.now();
    await until(
      "the alert",
      async () => (await prometheus.firing()).includes("VersionErrorBudgetBurn v2"),
      90,
    );
    const fired = performance.now();
    await setConfig("traffic.weights.v2", 0);
    await up();
    const shifted = performance.now();
    await until(
      "the end of the alert",
      async () => !(await prometheus.firing()).some((a) => a.includes("BudgetBurn")),
      90,
    );
    const ended = performance.now();
    const answers = await load.stop();
    assert.ok((failures(answers)["503"] ?? 0) > 0);
    assert.deepEqual(failures(answers.filter(({ at }) => at > shifted)), {});
    console.log(
      `      fired ${((fired - broken) / 1000).toFixed(1)} s after the failure, ended ${((ended - shifted) / 1000).toFixed(1)} s after the shift back`,
    );
    await scale(NAMESPACE, "category-v2", 1);
    await setConfig("traffic.weights.v2", 20);
    await up();
  });

  it("carry no secret of a request", async () => {
    await client.sample(20, {
      path: "/api/v1/category?token=query-that-is-secret",
      headers: { authorization: "Bearer header-that-is-secret" },
    });
    await until("a scrape after those", async () => {
      const [sample] = await prometheus.query("time() - max(timestamp(up)) < 3");
      return sample !== undefined;
    });
    const all = await prometheus.everything();
    assert.ok(all.includes("outbound|8080|v2"));
    assert.ok(!all.includes("that-is-secret"));
  });

  it("cost no request when Prometheus is down, and leave nothing when it is taken out", async () => {
    await scale("prometheus", "prometheus", 0);
    assert.deepEqual(failures(await client.sample(300)), {});
    await baseline();
    assert.equal(
      (await kubectl("get", "namespaces", "prometheus", "--ignore-not-found", "-o", "name")).trim(),
      "",
    );
    assert.equal(
      (await kubectl("get", "clusterroles", "prometheus", "--ignore-not-found", "-o", "name")).trim(),
      "",
    );
  });
});
