/** Changes of Istio's standard metrics, worked out as a Telemetry spec. */
import type { Metrics, MetricsOverride } from "../istio/telemetry";
import { UPSTREAM_CLUSTER } from "./queries";

/** Istio's names of its metrics (Telemetry API, IstioMetric). */
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

/** A class of requests: those with this method (any by default) and a path that has one of these two. */
export interface Operation {
  readonly name: string;
  readonly method?: string;
  readonly path: { readonly exact: string } | { readonly prefix: string };
}

export interface MetricCustomization {
  /** Tag → CEL expression over Envoy's attributes (`request.method`); adds the tag to every metric or overrides it. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Tags that every metric loses. */
  readonly remove?: readonly string[];
  /** Metrics that are not made. */
  readonly disable?: readonly IstioMetric[];
  /** Classes of requests, first match first; their name becomes tag `request_operation` of request counts and durations. */
  readonly operations?: readonly Operation[];
  /**
   * Tag {@link UPSTREAM_CLUSTER} of the request counts and durations of callers: as many values as there are versions that
   * a proxy calls. Rules and dashboards of source `istio` need it. Default false.
   */
  readonly upstreamCluster?: boolean;
}

/** Entry of the mesh's Telemetry object; nothing when nothing is changed. */
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

/** A CEL expression that gives the name of the first class that a request is of, else `other`. */
export function classification(operations: readonly Operation[]): string {
  return operations.reduceRight((otherwise, { name, method, path }) => {
    // Without the query: else every query would be a path of its own.
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
