/** What a VirtualService says of the metrics of its requests, so that `shopzier watch` and `shift` need no settings. */
import type { OwnCriterion } from "./own-criterion";
import type { MetricsSource } from "./queries";
import type { ServiceLevel } from "./version-rules";

/** Annotation of a VirtualService: {@link RouteMetrics} as JSON. */
export const ROUTE_METRICS = "shopzier-mesh/metrics";

/** Where the requests of a route are counted, and what is expected of its versions. */
export interface RouteMetrics {
  /** URL of a Prometheus, or `namespace/service:port` of one in the cluster. */
  readonly prometheus: string;
  readonly source: MetricsSource;
  /** Default: 99.9 percent without an error, 99 percent within 500 ms. */
  readonly objective?: ServiceLevel;
  /** Name → criterion of your own, beside `errors` and `latency`. */
  readonly own?: Readonly<Record<string, OwnCriterion>>;
}

export const metricsAnnotation = (metrics: RouteMetrics): Record<string, string> => ({
  [ROUTE_METRICS]: JSON.stringify(metrics),
});

/** Undefined where there is none, or none that can be read. */
export function writtenMetrics(
  annotations: Readonly<Record<string, string>> | undefined,
): RouteMetrics | undefined {
  try {
    const found = JSON.parse(annotations?.[ROUTE_METRICS] ?? "null") as Partial<RouteMetrics> | null;
    return typeof found?.prometheus === "string" && (found.source === "istio" || found.source === "envoy")
      ? (found as RouteMetrics)
      : undefined;
  } catch {
    return undefined;
  }
}
