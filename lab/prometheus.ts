/** The lab's Prometheus and Jaeger as the tests ask them. */
import assert from "node:assert/strict";
import { request } from "undici";
import { dashboards } from "../components/observability/dashboards";
import type { MetricsSource } from "../components/observability/queries";
import { failures, type Client } from "./client";
import { kubectl, NAMESPACE, readyPods, until, type stackFile } from "./harness";

/** Settings that put both into the lab; windows short enough for a test. */
export const OBSERVED = {
  metrics: { source: "envoy" },
  prometheus: { charts: "lab/charts", image: "lab.internal/prometheus:v3.14.0", interval: "2s" },
  objectives: { fast: { long: "30s", short: "10s" }, slow: { long: "1m", short: "20s" } },
} as const;
export const JAEGER = { charts: "lab/charts", image: "lab.internal/jaeger:2.13.0" } as const;

/** An edit of the stack file that sets the block `observability`. */
export function observing(block: object): NonNullable<Parameters<typeof stackFile>[0]> {
  return (config) => {
    config["shopzier:observability"] = block;
  };
}

async function podAddress(namespace: string, selector: string): Promise<string> {
  let address: string | undefined;
  await until(`a ready pod in ${namespace}`, async () => {
    address = (await readyPods(namespace, selector))[0]?.status.podIP;
    return address !== undefined;
  });
  return address ?? "";
}

async function json<T>(url: string): Promise<T> {
  const { statusCode, body } = await request(url);
  const text = await body.text();
  assert.equal(statusCode, 200, `${url}: ${text}`);
  return JSON.parse(text) as T;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export class PrometheusClient {
  private constructor(private readonly url: string) {}

  static async open(url?: string): Promise<PrometheusClient> {
    return new PrometheusClient(
      url ?? `http://${await podAddress("prometheus", "app.kubernetes.io/name=prometheus")}:9090`,
    );
  }

  async query(expr: string): Promise<readonly Sample[]> {
    const { data } = await json<{ data: { result: readonly Sample[] } }>(
      `${this.url}/api/v1/query?query=${encodeURIComponent(expr)}`,
    );
    return data.result;
  }

  /** Value by version. */
  async byVersion(expr: string): Promise<Record<string, number>> {
    return Object.fromEntries(
      (await this.query(expr)).map(({ metric, value }) => [metric.version ?? "", Number(value[1])]),
    );
  }

  /** Names of the alerts that fire now, with the version that they are about. */
  async firing(): Promise<readonly string[]> {
    const { data } = await json<{
      data: { alerts: readonly { state: string; labels: Readonly<Record<string, string>> }[] };
    }>(`${this.url}/api/v1/alerts`);
    return data.alerts
      .filter(({ state }) => state === "firing")
      .map(({ labels }) => [labels.alertname, labels.version].filter(Boolean).join(" "))
      .sort();
  }

  /** Every name and value of a label that there is, of all series together. */
  async everything(): Promise<string> {
    const { data } = await json<{ data: readonly object[] }>(
      `${this.url}/api/v1/series?match[]=${encodeURIComponent('{__name__=~".+"}')}`,
    );
    return JSON.stringify(data);
  }
}

type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What `read` gives as soon as it is the same for longer than two scrapes, and so whole. */
export async function standingStill(read: () => Promise<Counts>): Promise<Counts> {
  let counts: Counts = {};
  let since = performance.now();
  await until("counts that stand still", async () => {
    const now = await read();
    if (JSON.stringify(now) !== JSON.stringify(counts)) since = performance.now();
    counts = now;
    return performance.now() - since > 6000;
  });
  return counts;
}

/** Panels of the dashboards whose query finds nothing. */
export async function emptyPanels(prometheus: PrometheusClient, source: MetricsSource): Promise<string[]> {
  const service = { name: "category", namespace: NAMESPACE, port: 8080, versions: ["v1", "v2"] };
  const empty: string[] = [];
  for (const [file, { panels = [] }] of Object.entries(dashboards(service, source))) {
    for (const panel of panels) {
      const { title = "", targets = [] } = panel as { title?: string; targets?: { expr?: string }[] };
      for (const { expr = "" } of targets) {
        const query = expr.replaceAll("$__rate_interval", "20s");
        await until(`${file}: ${title}`, async () => (await prometheus.query(query)).length > 0, 20).catch(
          () => empty.push(`${file}: ${title}: ${query}`),
        );
      }
    }
  }
  return empty;
}

export interface Span {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly processID: string;
  /** What it is part of. */
  readonly references: readonly { readonly spanID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}
export interface Trace {
  readonly traceID: string;
  readonly spans: readonly Span[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

export class JaegerClient {
  private constructor(
    private readonly url: string,
    private readonly limit: number,
  ) {}

  /** One that asks for `limit` traces at most, which may not be more than Jaeger keeps. */
  static async open(limit = 1500, url?: string): Promise<JaegerClient> {
    return new JaegerClient(
      url ?? `http://${await podAddress("jaeger", "app.kubernetes.io/name=jaeger")}:16686`,
      limit,
    );
  }

  async services(): Promise<readonly string[]> {
    return (await json<{ data: readonly string[] | null }>(`${this.url}/api/services`)).data ?? [];
  }

  /** Traces with spans of a service; with a tag, those that have it. */
  async traces(service: string, tags: Readonly<Record<string, string>> = {}): Promise<readonly Trace[]> {
    const query = `service=${encodeURIComponent(service)}&tags=${encodeURIComponent(JSON.stringify(tags))}&limit=${this.limit}&lookback=1h`;
    return (await json<{ data: readonly Trace[] | null }>(`${this.url}/api/traces?${query}`)).data ?? [];
  }
}

/** Sets the pods of a deployment to a number and waits until it is so. */
export async function scale(namespace: string, deployment: string, replicas: number): Promise<void> {
  await kubectl("scale", `deployment/${deployment}`, "-n", namespace, `--replicas=${replicas}`);
  await kubectl("rollout", "status", `deployment/${deployment}`, "-n", namespace, "--timeout=90s");
}

/** Replaces the pods of a deployment. */
export async function restart(namespace: string, deployment: string): Promise<void> {
  await kubectl("rollout", "restart", `deployment/${deployment}`, "-n", namespace);
  await kubectl("rollout", "status", `deployment/${deployment}`, "-n", namespace, "--timeout=90s");
}

/** Latency in milliseconds of requests one after the other, beside a hundred others per second; none may fail. */
export async function underLoad(
  client: Client,
  seconds: number,
): Promise<{ readonly p50: number; readonly p99: number; readonly text: string }> {
  const load = client.load(100);
  const times: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
    const started = performance.now();
    assert.equal((await client.ask()).status, 200);
    times.push(performance.now() - started);
  }
  assert.deepEqual(failures(await load.stop()), {});
  times.sort((a, b) => a - b);
  const [p50 = NaN, p99 = NaN] = [0.5, 0.99].map((part) => times[Math.floor(times.length * part)]);
  return { p50, p99, text: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms` };
}
