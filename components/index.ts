export * from "./category/category-api";
export * from "./category/category-database";
export type { ClusterAccess } from "./kubernetes/cluster";
export type { GatewayPods } from "./kubernetes/pods";
export { ISTIO_CHARTS, type ChartSource, type HelmValues } from "./kubernetes/helm-chart";
export * from "./mesh/existing-control-plane";
export * from "./mesh/existing-gateway";
export type { MeshNeeds } from "./mesh/mesh-needs";
export * from "./security/gateway-access";
export * from "./mesh/ingress-gateway";
export * from "./mesh/istio-control-plane";
export * from "./security/mutual-tls";
export { namespaceName, type NamespaceArgs } from "./kubernetes/namespace";
export type { Autoscaler, Scale } from "./kubernetes/scale";
export type { Authentication, JwtIssuer, KeySource, TokenPlaces } from "./security/authentication";
export type { ClaimValues } from "./traffic/claims";
export type { AccessEntry, AccessLists } from "./security/access-lists";
export { TlsTermination, TlsVersion, type GatewayTls, type HostTls } from "./security/gateway-servers";
export type { ServiceIdentity } from "./security/identity";
export type { RequestCondition } from "./security/request-condition";
export type { CallerEntry, CallerLists } from "./security/caller-lists";
export * from "./security/default-deny";
export * from "./observability/access-logs";
export type { ChartReleaseArgs, ContainerImage } from "./observability/chart-release";
export type { Collector, CollectorAccess } from "./observability/collector";
export { DASHBOARD_LABEL, Dashboards, type DashboardsArgs } from "./observability/dashboard-config-maps";
export * from "./observability/grafana";
export * from "./observability/jaeger";
export { jaegerCollectors, type JaegerStorage, type SearchStore } from "./observability/jaeger-config";
export * from "./observability/mesh-telemetry";
export * from "./observability/metrics";
export * from "./observability/prometheus";
export * from "./observability/queries";
export * from "./observability/mesh-alerts";
export * from "./observability/prometheus-rules";
export { ROUTE_METRICS, type RouteMetrics } from "./observability/route-metrics";
export type { OwnCriterion } from "./observability/own-criterion";
export * from "./observability/version-rules";
export * from "./observability/tracing";
export type { EvidenceGateArgs, GateOverride } from "./service/evidence-gate";
export type { ServiceProbes } from "./service/pod";
export * from "./security/service-access";
export * from "./service/canary-service";
export * from "./service/service-version";
export * from "./service/version-routes";
export * from "./service/versioned-service";
export type { CircuitBreaker, OutlierDetection, RetryBudget } from "./traffic/circuit-breaker";
export type { CorsPolicy } from "./traffic/cors";
export type { Fault } from "./traffic/fault";
export type { HeaderChanges, HeaderPolicy } from "./traffic/headers";
export {
  LoadBalancerAlgorithm,
  type ConsistentHash,
  type HashCookie,
  type LoadBalancer,
  type Locality,
  type TunedLoadBalancer,
  type Warmup,
} from "./traffic/load-balancer";
export type { FieldMatch, FieldMatches, PathMatch, RequestMatch, ValueMatch } from "./traffic/matches";
export type { Mirror } from "./traffic/mirror";
export { RetryCondition, type Retries } from "./traffic/retries";
export type { ClientKey, GlobalRateLimit, RateLimit } from "./traffic/rate-limit";
export type { Sticky } from "./traffic/sticky";
export * from "./traffic/route-plan";
export type {
  DirectResponse,
  Redirect,
  Rewrite,
  RuleAction,
  RulePolicies,
  TrafficPolicies,
  TrafficRule,
} from "./traffic/traffic-rules";
export type { VersionPolicies } from "./traffic/version-policies";
export * from "./traffic/weights";
