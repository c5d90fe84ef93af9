/** The cost of observability: tracing and access logs per request through gateway and sidecar, and Prometheus' memory per series. */
import {
  applyObjects,
  baseline,
  envoyAdmin,
  gatewayPods,
  kubectl,
  stackFile,
  until,
  up,
} from "../lab/harness";
import { JAEGER, OBSERVED, observing, PrometheusClient } from "../lab/prometheus";
import { GATEWAYS, istioObjects } from "./gateway";
import { median, type Result } from "./measure";
import { imageOf, NAMESPACE, pod, podAddress, PORT, rate, type Rate, shown, startUpstream } from "./upstream";

/** Tag that distinguishes the spans, and so the proxies' configuration, of one case from another. */
const TAG = "bench";
const tracing = (sampling: number): object => ({
  tracing: { provider: "jaeger", sampling, tags: { [TAG]: { value: `bench-${sampling}` } } },
});

interface Case {
  readonly name: string;
  readonly settings: object;
  /** Text that is in the listeners of a proxy only if it has the settings. */
  readonly mark?: string;
}
const OFF: Case = { name: "nothing", settings: {} };
const CASES: readonly Case[] = [
  { name: "tracing at 0 %", settings: tracing(0) },
  ...[1, 10, 100].map((share) => ({
    name: `tracing at ${share} %`,
    settings: tracing(share),
    mark: `"bench-${share}"`,
  })),
  { name: "access logs of all requests", settings: { accessLogs: { enabled: true } }, mark: "/dev/stdout" },
];
const MARKS = CASES.flatMap(({ mark }) => mark ?? []);

/** Series of the pod that Prometheus scrapes to measure their memory. */
const SERIES = 50_000;
const METRICS = `const text = Array.from({ length: ${SERIES} }, (_, i) => "bench_value{series=\\"" + i + "\\"} " + i).join("\\n");
require("node:http").createServer((_, res) => res.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(text + "\\n")).listen(${PORT})`;

/** Requests per second and p99 with tracing and access logs, against none of it; memory of Prometheus per 1,000 series. */
export async function observabilityCost(): Promise<Result[]> {
  await baseline(observing({ metrics: OBSERVED.metrics, jaeger: JAEGER }));
  try {
    await startUpstream({ "istio-injection": "enabled" });
    await applyObjects(...istioObjects({ name: "observability" }));
    const gateway = await podAddress(GATEWAYS.namespace, "istio=ingressgateway");
    // The case without observability is measured before, between and after, so that other load affects both.
    const rates: { readonly of: Case; readonly rate: Rate }[] = [];
    const middle = CASES.length / 2;
    for (const of of [OFF, ...CASES.slice(0, middle), OFF, ...CASES.slice(middle), OFF])
      rates.push({ of, rate: await measured(of, gateway) });
    const without = rates.filter(({ of }) => of === OFF).map(({ rate }) => rate);
    const theirs: Rate = {
      perSecond: median(without.map(({ perSecond }) => perSecond)),
      p50: median(without.map(({ p50 }) => p50)),
      p99: median(without.map(({ p99 }) => p99)),
    };
    const results = rates
      .filter(({ of }) => of !== OFF)
      .map(({ of, rate }) => ({
        name: `requests through gateway and sidecar, ${of.name}, against none`,
        ours: shown(rate),
        against: shown(theirs),
        ratio: (rate.perSecond / theirs.perSecond).toFixed(2),
        target: "reported",
        met: undefined,
      }));
    return [...results, await memoryOfSeries()];
  } finally {
    await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found");
    await baseline();
  }
}

async function measured({ settings, mark }: Case, gateway: string): Promise<Rate> {
  stackFile(observing({ metrics: OBSERVED.metrics, jaeger: JAEGER, ...settings }));
  await up();
  const [pod] = await gatewayPods();
  for (const [namespace, name] of [
    [GATEWAYS.namespace, pod?.metadata.name ?? ""],
    [NAMESPACE, "upstream"],
  ] as const) {
    await until(`the settings in the proxy of ${name}`, async () => {
      const listeners = await envoyAdmin(namespace, name, "config_dump?resource=dynamic_listeners");
      return MARKS.every((other) => listeners.includes(other) === (other === mark));
    });
  }
  return rate(gateway);
}

async function memoryOfSeries(): Promise<Result> {
  stackFile(observing(OBSERVED));
  await up();
  const prometheus = await PrometheusClient.open();
  const value = async (name: string): Promise<number> => {
    const [sample] = await prometheus.query(`max_over_time(${name}{job="prometheus"}[20s])`);
    return Number(sample?.value[1]);
  };
  const state = async (least: number): Promise<{ series: number; bytes: number }> => {
    const reached = performance.now();
    let series = 0;
    // At least twenty seconds of scrapes, so that both numbers include the memory of a scrape.
    await until(`${least} series`, async () => {
      series = await value("prometheus_tsdb_head_series");
      return series >= least && performance.now() - reached > 25_000;
    });
    return { series, bytes: await value("process_resident_memory_bytes") };
  };
  const before = await state(1);
  const labels = { app: "metrics", "sidecar.istio.io/inject": "false" };
  const annotations = { "prometheus.io/scrape": "true", "prometheus.io/port": String(PORT) };
  const server = pod("metrics", await imageOf("category"), ["node", "-e", METRICS]) as { metadata: object };
  await applyObjects({ ...server, metadata: { ...server.metadata, labels, annotations } });
  const after = await state(before.series + SERIES);
  const perThousand = (after.bytes - before.bytes) / (after.series - before.series) / 2 ** 20;
  return {
    name: "memory of Prometheus per 1,000 series",
    ours: `${(perThousand * 1000).toFixed(2)} MiB`,
    against: "-",
    ratio: "-",
    target: "reported",
    met: undefined,
  };
}
