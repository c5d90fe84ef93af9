/** Changes of Istio's standard metrics, as a Telemetry spec. */
import type { Metrics, MetricsOverride } from "../istio/telemetry";
import { UPSTREAM_CLUSTER } from "./queries";

/** Istio's metrics, with the names of the Telemetry API (IstioMetric). */
export const ISTIO_METRICS = [
  "REQUEST_COUNT",
  "REQUEST_DURATION",
  "REQUEST_SIZE",
  "RESPONSE_SIZE",
  "TCP_OPENED_CONNECTIONS",
  "TCP_CLOSED_CONNECTIONS",
  "TCP_SENT_BYTES",
  "TCP_RECEIVED_BYTES",
  "GRPC_REQUEST_MESSAGES",
  "GRPC_RESPONSE_MESSAGES",
] as const;
export type IstioMetric = (typeof ISTIO_METRICS)[number];

/** A class of requests: those with this method (default: any) and with one of these two kinds of path. */
export interface Operation {
  readonly name: string;
  readonly method?: string;
  readonly path: { readonly exact: string } | { readonly prefix: string };
}

export interface MetricCustomization {
  /** Tag → CEL expression over Envoy's attributes (`request.method`). It adds the tag to every metric, or replaces its value. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Tags to remove from every metric. Default: none. */
  readonly remove?: readonly string[];
  /** Metrics to disable. Default: none. */
  readonly disable?: readonly IstioMetric[];
  /** Classes of requests, of which the first match applies. Its name is the tag `request_operation` of request counts and durations. */
  readonly operations?: readonly Operation[];
  /**
   * Adds the tag {@link UPSTREAM_CLUSTER} to the request counts and durations of callers. It has one value for each version
   * that a proxy calls. Prometheus rules and dashboards of source `istio` need it. Default false.
   */
  readonly upstreamCluster?: boolean;
}

/** Entry of the mesh's Telemetry object; undefined without a change. */
export function planMetrics({
  tags = {},
  remove = [],
  disable = [],
  operations = [],
  upstreamCluster = false,
}: MetricCustomization): Metrics | undefined {
  const tagOverrides = {
    ...Object.fromEntries(
      Object.entries(tags).map(([tag, value]) => [tag, { operation: "UPSERT", value } as const]),
    ),
    ...Object.fromEntries(remove.map((tag) => [tag, { operation: "REMOVE" } as const])),
  };
  const ofRequests = (
    where: Omit<MetricsOverride["match"], "metric">,
    tag: string,
    value: string,
  ): MetricsOverride[] =>
    ["REQUEST_COUNT", "REQUEST_DURATION"].map((metric) => ({
      match: { metric, ...where },
      tagOverrides: { [tag]: { operation: "UPSERT", value } },
    }));
  const overrides: MetricsOverride[] = [
    ...(Object.keys(tagOverrides).length > 0 ? [{ match: { metric: "ALL_METRICS" }, tagOverrides }] : []),
    ...(operations.length > 0 ? ofRequests({}, "request_operation", classification(operations)) : []),
    ...(upstreamCluster ? ofRequests({ mode: "CLIENT" }, UPSTREAM_CLUSTER, "xds.cluster_name") : []),
    ...disable.map((metric) => ({ match: { metric }, disabled: true })),
  ];
  return overrides.length > 0 ? { providers: [{ name: "prometheus" }], overrides } : undefined;
}

/** A CEL expression whose value is the name of the first class that a request belongs to, or `other`. */
export function classification(operations: readonly Operation[]): string {
  return operations.reduceRight((otherwise, { name, method, path }) => {
    // `url_path` has no query, so that requests with different queries are in one class.
    const test =
      "exact" in path
        ? `request.url_path == ${cel(path.exact)}`
        : `request.url_path.startsWith(${cel(path.prefix)})`;
    const whole = method === undefined ? test : `request.method == ${cel(method)} && ${test}`;
    return `${whole} ? ${cel(name)} : ${otherwise.includes("?") ? `(${otherwise})` : otherwise}`;
  }, cel("other"));
}

/** A CEL string literal. */
function cel(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
