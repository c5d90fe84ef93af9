/** A Prometheus for tests: an HTTP server that answers queries with the samples that it was given. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Series } from "../../components/observability/prometheus-api";

/** Counters of one version at a pod, since its start. */
export interface Served {
  readonly requests: number;
  readonly failed?: number;
  readonly slow?: number;
}

export class StandInPrometheus {
  now = 1_800_000_000;
  /** Of each question. */
  readonly asked: { readonly url: string; readonly headers: IncomingMessage["headers"] }[] = [];
  /** Answers in place of samples. */
  instead: { readonly status: number; readonly body: string } | undefined;
  private series: Series[] = [];
  private constructor(
    readonly url: string,
    readonly close: () => void,
  ) {}

  static async open(): Promise<StandInPrometheus> {
    const server = createServer((request, response) => {
      prometheus.asked.push({ url: request.url ?? "", headers: request.headers });
      const { status, body } = prometheus.instead ?? {
        status: 200,
        body: prometheus.answer(request.url ?? ""),
      };
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const prometheus: StandInPrometheus = new StandInPrometheus(`http://127.0.0.1:${port}`, () => {
      server.closeAllConnections();
      server.close();
    });
    return prometheus;
  }

  /** A scrape of a gateway pod now: version → counters. */
  scrape(
    pod: string,
    versions: Readonly<Record<string, Served>>,
    labels: Readonly<Record<string, string>> = {},
  ): void {
    for (const [version, { requests, failed = 0, slow = 0 }] of Object.entries(versions)) {
      const cluster = { cluster_name: `outbound|8080|${version}|shop.web.svc.cluster.local` };
      const add = (name: string, more: Readonly<Record<string, string>>, value: number): void => {
        this.add(
          { __name__: name, namespace: "istio-ingress", pod, job: "pods", ...cluster, ...more, ...labels },
          value,
        );
      };
      add("envoy_cluster_upstream_rq", { response_code: "200" }, requests - failed);
      if (failed > 0) add("envoy_cluster_upstream_rq", { response_code: "503" }, failed);
      add("envoy_cluster_upstream_rq_time_bucket", { le: "+Inf" }, requests);
      add("envoy_cluster_upstream_rq_time_bucket", { le: "500" }, requests - slow);
    }
  }

  /** A sample now. */
  add(metric: Series["metric"], value: number): void {
    const key = JSON.stringify(metric);
    const known = this.series.find((one) => JSON.stringify(one.metric) === key);
    const sample = [this.now, String(value)] as const;
    if (known) this.series[this.series.indexOf(known)] = { metric, values: [...known.values, sample] };
    else this.series.push({ metric, values: [sample] });
  }

  forget(): void {
    this.series = [];
  }

  private answer(url: string): string {
    const query = new URL(url, this.url).searchParams.get("query") ?? "";
    return JSON.stringify({ status: "success", data: { result: this.result(query) } });
  }

  private result(query: string): unknown {
    if (query === "time()") return [this.now, String(this.now)];
    const [, name, matchers = "", seconds] = /^(\w+)\{(.*)\}\[(\d+)s\]$/.exec(query) ?? [];
    const tests = [...matchers.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)].map(
      ([, label = "", how, value = ""]) => {
        const pattern = how === "=~" ? new RegExp(`^(?:${value})$`) : undefined;
        return (metric: Series["metric"]): boolean => {
          const found = metric[label] ?? "";
          return pattern ? pattern.test(found) : (found === value) === (how === "=");
        };
      },
    );
    return this.series
      .filter(({ metric }) => metric.__name__ === name && tests.every((test) => test(metric)))
      .map(({ metric, values }) => ({
        metric,
        values: values.filter(([at]) => at > this.now - Number(seconds) && at <= this.now),
      }))
      .filter(({ values }) => values.length > 0);
  }
}
