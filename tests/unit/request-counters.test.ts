import assert from "node:assert/strict";
import { begin, increase, judge, observe, type Reading } from "../../components/evidence";
import { podCounters } from "../../components/observability/counter-samples";
import { PrometheusApi } from "../../components/observability/prometheus-api";
import type { OwnCriterion } from "../../components/observability/own-criterion";
import { criteriaOf, PrometheusCounters } from "../../components/observability/prometheus-counters";
import { StandInPrometheus } from "../support/stand-in-prometheus";

const SERVICE = { name: "shop", namespace: "web", port: 8080, versions: ["v1", "v2"] };
const SHARES = { v1: 80, v2: 20 };

describe("counters of requests from Prometheus", () => {
  let prometheus: StandInPrometheus;
  let counters: PrometheusCounters;

  beforeEach(async () => {
    prometheus = await StandInPrometheus.open();
    counters = counting();
  });
  afterEach(() => {
    prometheus.close();
  });

  const counting = (own: Record<string, OwnCriterion> = {}): PrometheusCounters =>
    new PrometheusCounters(PrometheusApi.connect({ address: prometheus.url }), {
      service: SERVICE,
      source: "envoy",
      gatewayNamespace: "istio-ingress",
      own,
    });

  /** The next scrape of each pod. */
  const later = (seconds = 15): void => {
    prometheus.now += seconds;
  };

  it("are read by pod, version and criterion", async () => {
    await counters.read(SHARES);
    later();
    prometheus.scrape("gateway-a", { v1: { requests: 80, failed: 1 }, v2: { requests: 20, slow: 3 } });
    prometheus.scrape("gateway-b", { v1: { requests: 8 } });
    const { reading, unclear } = await counters.read(SHARES);
    assert.deepEqual(unclear, []);
    assert.deepEqual(reading, {
      at: prometheus.now,
      shares: SHARES,
      pods: {
        "gateway-a": {
          v1: { errors: { bad: 1, of: 80 }, latency: { bad: 0, of: 80 } },
          v2: { errors: { bad: 0, of: 20 }, latency: { bad: 3, of: 20 } },
        },
        "gateway-b": { v1: { errors: { bad: 0, of: 8 }, latency: { bad: 0, of: 8 } } },
      },
    });
  });

  it("of a scrape before the shares changed do not count", async () => {
    prometheus.scrape("gateway", { v1: { requests: 100 } });
    later(5);
    const first = await counters.read(SHARES);
    assert.equal(first.reading, undefined);
    assert.match(
      first.unclear.join(),
      /Pod gateway is not counted: its last scrape was at \S+, before \S+\.$/,
    );
    later();
    prometheus.scrape("gateway", { v1: { requests: 110 } });
    assert.notEqual((await counters.read(SHARES)).reading, undefined);
    later(5);
    assert.equal((await counters.read({ v1: 50, v2: 50 })).reading, undefined);
    later();
    prometheus.scrape("gateway", { v1: { requests: 120 } });
    assert.deepEqual((await counters.read({ v1: 50, v2: 50 })).reading?.shares, { v1: 50, v2: 50 });
  });

  it("of a pod that two jobs scrape count once", async () => {
    await counters.read(SHARES);
    later();
    prometheus.scrape("gateway", { v1: { requests: 100 } });
    later(5);
    prometheus.scrape("gateway", { v1: { requests: 105 } }, { job: "envoy-stats" });
    prometheus.scrape("gateway", { v1: { requests: 105 } }, { job: "envoy-stats", prometheus_replica: "b" });
    const { reading } = await counters.read(SHARES);
    assert.equal(reading?.pods.gateway?.v1?.errors?.of, 105);
  });

  it("are of one scrape, where another comes between two queries", () => {
    const series = (values: [number, string][], part: boolean) => ({
      metric: { pod: "gateway", cluster_name: "outbound|1|v1|h", ...(part && { response_code: "503" }) },
      values,
    });
    const samples = {
      name: "errors",
      versionLabel: "cluster_name",
      counts: "bad",
      all: [series([[10, "100"]], false)],
      part: [
        series(
          [
            [10, "1"],
            [15, "60"],
          ],
          true,
        ),
      ],
    } as const;
    assert.deepEqual(podCounters([samples], { notBefore: 0 }).pods, {
      gateway: { v1: { errors: { bad: 1, of: 100 } } },
    });
    const contradictory = { ...samples, part: [series([[10, "101"]], true)] };
    const { pods, unclear } = podCounters([contradictory], { notBefore: 0 });
    assert.deepEqual(pods, {});
    assert.deepEqual(unclear, [
      "Pod gateway is not counted: it has more bad than all requests of v1 for errors.",
    ]);
  });

  it("of a pod that restarted under its name are those of its new address", async () => {
    await counters.read(SHARES);
    later();
    prometheus.scrape("gateway-0", { v1: { requests: 1000 } }, { instance: "10.0.0.1" });
    const before = await counters.read(SHARES);
    later();
    prometheus.scrape("gateway-0", { v1: { requests: 3 } }, { instance: "10.0.0.2" });
    const after = await counters.read(SHARES);
    assert.ok(before.reading && after.reading);
    assert.match(increase(before.reading, after.reading).unclear.join(), /went back, so it restarted/);
  });

  it("that are not there are said, and are no error", async () => {
    const { reading, unclear } = await counters.read(SHARES);
    assert.equal(reading, undefined);
    assert.deepEqual(unclear, [
      "Prometheus has no counter of requests for errors from the last minutes.",
      "Prometheus has no counter of requests for latency from the last minutes.",
    ]);
    for (const [instead, words] of [
      [{ status: 400, body: '{"status":"error","error":"bad query"}' }, /answers 400: bad query/],
      [{ status: 403, body: '{"kind":"Status","message":"no right"}' }, /answers 403: no right/],
      [{ status: 401, body: "" }, /answers 401: it does not know the caller/],
      [{ status: 200, body: "<html>" }, /answers 200: no answer of Prometheus/],
    ] as const) {
      prometheus.instead = instead;
      const answer = await counters.read(SHARES);
      assert.equal(answer.reading, undefined);
      assert.match(answer.unclear.join(), words);
    }
    prometheus.close();
    assert.match((await counters.read(SHARES)).unclear.join(), /does not answer: .*ECONN/);
  });

  it("of your own are two selectors", async () => {
    counters = counting({
      orders: {
        objective: 0.1,
        good: 'orders_total{state="done"}',
        all: 'orders_total{state!=""}',
        words: "ended without an order",
      },
    });
    await counters.read(SHARES);
    later();
    for (const [state, value] of [
      ["done", 7],
      ["lost", 3],
    ] as const)
      prometheus.add({ __name__: "orders_total", pod: "shop-v2", version: "v2", state }, value);
    const { reading } = await counters.read(SHARES);
    assert.deepEqual(reading?.pods["shop-v2"]?.v2?.orders, { bad: 3, of: 10 });
  });

  it("of a time past lead to the same verdict as those read one by one", async () => {
    const total = { v1: 0, v2: 0, failed: 0 };
    let evidence = begin({ baseline: "v1", candidates: ["v2"], criteria: criteriaOf({}) });
    let last = (await counters.read(SHARES)).reading;
    for (let i = 0; i < 40; i++) {
      later();
      [total.v1, total.v2, total.failed] = [total.v1 + 80, total.v2 + 20, total.failed + 2];
      prometheus.scrape("gateway", {
        v1: { requests: total.v1 },
        v2: { requests: total.v2, failed: total.failed },
      });
      const { reading } = await counters.read(SHARES);
      const batch = last && reading && increase(last, reading).batch;
      if (batch) evidence = observe(evidence, batch);
      last = reading;
    }
    let again = begin({ baseline: "v1", candidates: ["v2"], criteria: criteriaOf({}) });
    const { readings } = await counters.history(SHARES, { seconds: 600, step: 15 });
    assert.equal(readings.length, 40);
    readings.slice(1).forEach((reading, i) => {
      const { batch } = increase(readings[i] as Reading, reading);
      if (batch) again = observe(again, batch);
    });
    assert.equal(judge(evidence).v2?.verdict, "worse");
    assert.deepEqual(again, evidence);
  });
});

describe("a Prometheus", () => {
  it("by URL gets the token, over TLS or on this machine alone", async () => {
    const prometheus = await StandInPrometheus.open();
    const api = PrometheusApi.connect({ address: `${prometheus.url}/`, token: "secret" });
    assert.equal(await api.now(), prometheus.now);
    const [asked] = prometheus.asked;
    assert.equal(asked?.headers.authorization, "Bearer secret");
    assert.match(asked.url, /^\/api\/v1\/query\?query=time/);
    prometheus.close();
    assert.throws(
      () => PrometheusApi.connect({ address: "http://prometheus.example.com", token: "secret" }),
      ({ message }: Error) => /https alone/.test(message) && !message.includes("secret"),
    );
    assert.throws(
      () => PrometheusApi.connect({ address: "ftp://x" }),
      /allowed: a URL, or namespace\/service:port/,
    );
  });

  it("with a password in its URL gets it, over TLS or on this machine alone, and nobody sees it", async () => {
    const prometheus = await StandInPrometheus.open();
    const address = prometheus.url.replace("://", "://user:s3cret@");
    const api = PrometheusApi.connect({ address });
    await api.now();
    assert.match(prometheus.asked[0]?.headers.authorization ?? "", /^Basic /);
    prometheus.close();
    const hidden = ({ message }: Error): boolean => !message.includes("s3cret") && message.includes("found");
    await assert.rejects(api.now(), ({ message }: Error) =>
      message.startsWith(`Prometheus (${prometheus.url}) `),
    );
    for (const wrong of [
      "http://user:s3cret@prometheus.example.com",
      "ftp://user:s3cret@x",
      "user:s3cret@x:1/",
    ])
      assert.throws(() => PrometheusApi.connect({ address: wrong }), hidden, wrong);
  });

  it("in the cluster is asked through the API server", async () => {
    const prometheus = await StandInPrometheus.open();
    const kubeconfig = JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: prometheus.url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: { token: "of-the-kubeconfig" } }],
    });
    const api = PrometheusApi.connect({ address: "monitoring/prometheus:web" }, { kubeconfig });
    await api.now();
    const [asked] = prometheus.asked;
    assert.ok(asked);
    assert.ok(
      asked.url.startsWith("/api/v1/namespaces/monitoring/services/http:prometheus:web/proxy/api/v1/query?"),
    );
    assert.equal(asked.headers.authorization, "Bearer of-the-kubeconfig");
    prometheus.close();
  });
});
