export * from "./category/category-api";
export type { ClusterAccess } from "./mesh/cluster-access";
export type { GatewayPods } from "./mesh/gateway-proxies";
export { ISTIO_CHARTS, type ChartSource, type HelmValues } from "./mesh/helm-chart";
export * from "./mesh/ingress-gateway";
export * from "./mesh/istio-control-plane";
export type { Autoscaler, Scale } from "./mesh/scale";
export * from "./observability/access-logs";
export type { Collector, CollectorAccess } from "./observability/collector";
export { DASHBOARD_LABEL, Dashboards, type DashboardsArgs } from "./observability/dashboard-config-maps";
export * from "./observability/grafana";
export * from "./observability/jaeger";
export { jaegerCollectors, type JaegerStorage, type SearchStore } from "./observability/jaeger-config";
export * from "./observability/mesh-telemetry";
export * from "./observability/metrics";
export * from "./observability/prometheus";
export * from "./observability/queries";
export * from "./observability/rules";
export * from "./observability/tracing";
export type { ServiceProbes } from "./service/pod";
export * from "./service/version-routes";
export * from "./service/versioned-service";
export type { CorsPolicy } from "./traffic/cors";
export type { HeaderChanges, HeaderPolicy } from "./traffic/headers";
export * from "./traffic/load-balancer";
export type { FieldMatch, FieldMatches, PathMatch, RequestMatch, ValueMatch } from "./traffic/matches";
export * from "./traffic/route-plan";
export type {
  DirectResponse,
  Redirect,
  Rewrite,
  RuleAction,
  RulePolicies,
  TrafficPolicies,
  TrafficRule,
} from "./traffic/rules";
export * from "./traffic/weights";
