/**
 * What is asked of Prometheus about the versions of a service: the one place for the PromQL of rules and dashboards.
 *
 * In two variants, by where the series come from. `istio`: Istio's standard metrics, of its own proxies, with the
 * tag {@link UPSTREAM_CLUSTER}. `envoy`: the
 * upstream statistics of any Envoy, which count attempts (a retried request counts twice) and need
 * {@link ENVOY_REQUEST_STATS} admitted.
 */

/** Seconds between two scrapes of a target and two evaluations of a rule, if nothing else is said. */
export const SCRAPE_INTERVAL_SECONDS = 15;

/** Which series requests are counted by. */
export type MetricsSource = "istio" | "envoy";

/** Who counted: the proxy of the caller (most often the gateway; sees also what never arrived), or that of the version itself. */
export type Viewpoint = "caller" | "callee";

/** A service in versions, as its series name it. */
export interface ObservedService {
  readonly name: string;
  readonly namespace: string;
  /** Port of the Service and of its containers. */
  readonly port: number;
  readonly versions: readonly string[];
}

/**
 * Envoy statistics of the variant `envoy`, for `proxyStatsMatcher.inclusionRegexps`: responses by code, their times, and
 * what circuit breakers refuse.
 */
export const ENVOY_REQUEST_STATS: readonly string[] = [
  "cluster\\.(outbound|inbound)\\|.*\\.upstream_rq_([0-9]{3}|time|(active|pending)_overflow)",
];

/** Envoy statistics of when the certificates that a gateway shows end, by `credentialName`; for the same list. */
export const GATEWAY_CERTIFICATE_STATS: readonly string[] = [
  "listener\\..*\\.ssl\\.certificate\\.kubernetes:.*\\.expiration_unix_time_seconds",
];

/**
 * Tag of what callers count, for the variant `istio` (`upstreamCluster` of `planMetrics` makes it): the cluster that the
 * route chose, which says the version. Istio's own tag `destination_version` comes from the proxy that answers, and is
 * `unknown` for what the caller's proxy failed itself: no healthy pod, no connection, overflow, time-out.
 */
export const UPSTREAM_CLUSTER = "upstream_cluster";

/** Istio's metrics and their tags that the queries of variant `istio` read: without one of them rules and dashboards are empty. */
export const ISTIO_QUERIED = {
  metrics: ["REQUEST_COUNT", "REQUEST_DURATION"],
  tags: [
    "reporter",
    "response_code",
    "destination_service_name",
    "destination_service_namespace",
    "destination_version",
    UPSTREAM_CLUSTER,
  ],
} as const;

/** Upper bounds of the latency histogram in milliseconds: Istio's and Envoy's default buckets. */
export const LATENCY_BUCKETS_MS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
];

/** Whether each pod of the ingress gateway answers: others of the cluster may have a gateway of the same label. */
export function gatewayUp(
  namespace: string,
  labels: Readonly<Record<string, string>> = { istio: "ingressgateway" },
): string {
  // Prometheus has labels of pods under names of its own alphabet.
  const selectors = Object.entries(labels).map(
    ([key, value]) => `${key.replace(/\W/g, "_")}=${JSON.stringify(value)}`,
  );
  return `up{${[...selectors, `namespace="${namespace}"`].join(",")}}`;
}

/** A duration in PromQL, in the largest unit that fits. */
export function promDuration(seconds: number): string {
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
  ] as const) {
    if (seconds % size === 0 && seconds >= size) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** The queries about one service. Rates are per second; every result has a label `version`. */
export class VersionQueries {
  constructor(
    private readonly service: ObservedService,
    private readonly source: MetricsSource,
  ) {}

  /** Requests. */
  requests(seenBy: Viewpoint, window: string): string {
    return this.sum(seenBy, "version", this.counter, "", window);
  }

  /** Requests by version and response code. */
  codes(seenBy: Viewpoint, window: string): string {
    return this.sum(seenBy, "version, response_code", this.counter, "", window);
  }

  /** Requests that the service failed: a status of 500 and more. */
  errors(seenBy: Viewpoint, window: string): string {
    return this.sum(seenBy, "version", this.counter, 'response_code=~"5.."', window);
  }

  /** Failed part of the requests, 0 to 1; nothing where there were no requests. */
  errorRatio(seenBy: Viewpoint, window: string): string {
    const requests = this.requests(seenBy, window);
    // A version that never failed has no series of failures.
    return `(${this.errors(seenBy, window)} or 0 * ${requests}) / (${requests} > 0)`;
  }

  /** Part of the requests that took longer than a bound of the histogram, 0 to 1. */
  slowRatio(seenBy: Viewpoint, window: string, thresholdMs: number): string {
    // Prometheus 3 writes whole bounds with a decimal, older ones as they are.
    const bound = `le=~"${String(thresholdMs).replace(".", "[.]")}([.]0)?"`;
    const all = this.sum(seenBy, "version", `${this.histogram}_bucket`, 'le="+Inf"', window);
    return `1 - ${this.sum(seenBy, "version", `${this.histogram}_bucket`, bound, window)} / (${all} > 0)`;
  }

  /** Latency in milliseconds below which a part of the requests stayed. */
  latency(seenBy: Viewpoint, window: string, quantile: number): string {
    const buckets = this.sum(seenBy, "version, le", `${this.histogram}_bucket`, "", window);
    return `histogram_quantile(${quantile}, ${buckets})`;
  }

  private get counter(): string {
    return this.source === "istio" ? "istio_requests_total" : "envoy_cluster_upstream_rq";
  }

  private get histogram(): string {
    return this.source === "istio" ? "istio_request_duration_milliseconds" : "envoy_cluster_upstream_rq_time";
  }

  private sum(seenBy: Viewpoint, by: string, metric: string, matcher: string, window: string): string {
    const { selector, versionLabel, versionPattern } = this.series(seenBy, metric);
    const matchers = [selector, matcher].filter((m) => m !== "").join(",");
    const rate = `rate(${metric}{${matchers}}[${window}])`;
    return `sum by (${by}) (label_replace(${rate}, "version", "$1", "${versionLabel}", "${versionPattern}"))`;
  }

  private series(
    seenBy: Viewpoint,
    metric: string,
  ): { selector: string; versionLabel: string; versionPattern: string } {
    const { name, namespace, port, versions } = this.service;
    // Envoy counts under one name by code and by class of codes.
    const codes = metric === this.counter ? ',response_code!=""' : "";
    const names = versions.join("|");
    if (seenBy === "callee") {
      return {
        selector:
          this.source === "istio"
            ? `reporter="destination",destination_service_name="${name}",destination_service_namespace="${namespace}",destination_version=~"${names}"`
            : // Labels of the pod, which Prometheus adds when it scrapes.
              `cluster_name=~"inbound[|]${port}[|].*"${codes},namespace="${namespace}",app="${name}",version=~"${names}"`,
        versionLabel: this.source === "istio" ? "destination_version" : "version",
        versionPattern: "(.*)",
      };
    }
    const host = `${name}.${namespace}.svc.cluster.local`.replaceAll(".", "[.]");
    const [cluster, more] =
      this.source === "istio" ? [UPSTREAM_CLUSTER, ',reporter="source"'] : ["cluster_name", codes];
    return {
      selector: `${cluster}=~"outbound[|]${port}[|](${names})[|]${host}.*"${more}`,
      versionLabel: cluster,
      versionPattern: "outbound[|][0-9]+[|]([^|]+)[|].*",
    };
  }
}
