/**
 * PromQL about the versions of a service, for Prometheus rules and dashboards.
 *
 * There are two variants by source of the series:
 * - `istio`: Istio's standard metrics with the tag {@link UPSTREAM_CLUSTER}.
 * - `envoy`: Envoy's upstream statistics. They count attempts, so a retried request counts twice, and they need
 *   {@link ENVOY_REQUEST_STATS} in the inclusion list.
 */

/** Default time between two scrapes of a target and two evaluations of a rule. */
export const SCRAPE_INTERVAL_SECONDS = 15;

/** The series that count the requests. */
export type MetricsSource = "istio" | "envoy";

/**
 * The proxy that counts: that of the caller, in most cases the gateway, or that of the version. Only the caller's proxy counts
 * requests that did not reach the version.
 */
export type Viewpoint = "caller" | "callee";

/** A service and its versions, with the names in its series. */
export interface ObservedService {
  readonly name: string;
  readonly namespace: string;
  /** Port of the Service and of its containers. */
  readonly port: number;
  readonly versions: readonly string[];
}

/**
 * Envoy statistics of the variant `envoy`, for `proxyStatsMatcher.inclusionRegexps`: responses by code, their times, and
 * refusals by circuit breakers.
 */
export const ENVOY_REQUEST_STATS: readonly string[] = [
  "cluster\\.(outbound|inbound)\\|.*\\.upstream_rq_([0-9]{3}|time|(active|pending)_overflow)",
];

/** Envoy statistics of the end of a gateway's certificates by `credentialName`, for the same list. */
export const GATEWAY_CERTIFICATE_STATS: readonly string[] = [
  "listener\\..*\\.ssl\\.certificate\\.kubernetes:.*\\.expiration_unix_time_seconds",
];

/**
 * Tag of the caller's series for the variant `istio`: the cluster of the route, which contains the version. `upstreamCluster` of
 * `planMetrics` adds it. Istio's tag `destination_version` comes from the proxy that answers, so it is `unknown` if no
 * version answers: no healthy pod, no connection, overflow, time-out.
 */
export const UPSTREAM_CLUSTER = "upstream_cluster";

/** Istio's metrics and tags that the queries of variant `istio` need. Without one of them, rules and dashboards are empty. */
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

/** `up` of the ingress gateway's pods. The namespace distinguishes them from other gateways with the same labels. */
export function gatewayUp(
  namespace: string,
  labels: Readonly<Record<string, string>> = { istio: "ingressgateway" },
): string {
  // Prometheus replaces characters of label names that it does not allow.
  const selectors = Object.entries(labels).map(
    ([key, value]) => `${key.replace(/\W/g, "_")}=${JSON.stringify(value)}`,
  );
  return `up{${[...selectors, `namespace="${namespace}"`].join(",")}}`;
}

const FAILED = 'response_code=~"5.."';
const EVERY_BUCKET = 'le="+Inf"';
/** Prometheus 3 writes whole bounds with a decimal, older versions without. */
const bucketOf = (thresholdMs: number): string => `le=~"${String(thresholdMs).replace(".", "[.]")}([.]0)?"`;

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

/** Two counters as PromQL selectors: of all requests, and of those that were bad or of those that were good. */
export type CounterPair = { readonly all: string } & ({ readonly bad: string } | { readonly good: string });

/** The criteria that every service has. */
export type BuiltInCriterion = "errors" | "latency";

/** The queries about one service. Rates are per second. Each result has a label `version`. */
export class VersionQueries {
  constructor(
    private readonly service: ObservedService,
    private readonly source: MetricsSource,
  ) {}

  /** Rate of requests. */
  requests(seenBy: Viewpoint, window: string): string {
    return this.sum(seenBy, "version", this.counter, "", window);
  }

  /** Rate of requests by version and response code. */
  codes(seenBy: Viewpoint, window: string): string {
    return this.sum(seenBy, "version, response_code", this.counter, "", window);
  }

  /** Rate of failed requests, which have a status from 500 on. */
  errors(seenBy: Viewpoint, window: string): string {
    return this.sum(seenBy, "version", this.counter, FAILED, window);
  }

  /** Failed share of the requests, 0 to 1; no value without requests. */
  errorRatio(seenBy: Viewpoint, window: string): string {
    const requests = this.requests(seenBy, window);
    // A version without failures has no series of failures.
    return `(${this.errors(seenBy, window)} or 0 * ${requests}) / (${requests} > 0)`;
  }

  /** Share of the requests that took longer than a bound of the histogram, 0 to 1. */
  slowRatio(seenBy: Viewpoint, window: string, thresholdMs: number): string {
    const all = this.sum(seenBy, "version", `${this.histogram}_bucket`, EVERY_BUCKET, window);
    return `1 - ${this.sum(seenBy, "version", `${this.histogram}_bucket`, bucketOf(thresholdMs), window)} / (${all} > 0)`;
  }

  /**
   * The counters behind {@link errorRatio} and {@link slowRatio}, as callers count them. Label {@link versionLabel} of each series names the version.
   *
   * @param namespace of the callers' pods. Default: any.
   */
  counters(thresholdMs: number, namespace?: string): Record<BuiltInCriterion, CounterPair> {
    const callers = namespace === undefined ? "" : `namespace="${namespace}"`;
    const counter = (metric: string, matcher: string): string =>
      this.selector("caller", metric, matcher, callers);
    const bucket = `${this.histogram}_bucket`;
    return {
      errors: { all: counter(this.counter, ""), bad: counter(this.counter, FAILED) },
      latency: { all: counter(bucket, EVERY_BUCKET), good: counter(bucket, bucketOf(thresholdMs)) },
    };
  }

  /** The label of {@link counters} whose value is the cluster, `outbound|8080|v2|host`. */
  get versionLabel(): string {
    return this.series("caller", this.counter).versionLabel;
  }

  /** Quantile of the latency, in milliseconds. */
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
    const { versionLabel, versionPattern } = this.series(seenBy, metric);
    const rate = `rate(${this.selector(seenBy, metric, matcher)}[${window}])`;
    return `sum by (${by}) (label_replace(${rate}, "version", "$1", "${versionLabel}", "${versionPattern}"))`;
  }

  private selector(seenBy: Viewpoint, metric: string, ...more: readonly string[]): string {
    const matchers = [this.series(seenBy, metric).selector, ...more].filter((m) => m !== "");
    return `${metric}{${matchers.join(",")}}`;
  }

  private series(
    seenBy: Viewpoint,
    metric: string,
  ): { selector: string; versionLabel: string; versionPattern: string } {
    const { name, namespace, port, versions } = this.service;
    // Under this name, Envoy has series by code and series by class of codes.
    const codes = metric === this.counter ? ',response_code!=""' : "";
    const names = versions.join("|");
    if (seenBy === "callee") {
      return {
        selector:
          this.source === "istio"
            ? `reporter="destination",destination_service_name="${name}",destination_service_namespace="${namespace}",destination_version=~"${names}"`
            : // Prometheus adds the labels of the pod when it scrapes.
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
