export * from "./category/category-api";
export * from "./category/category-database";
export type { ClusterAccess } from "./mesh/cluster-access";
export type { GatewayPods } from "./mesh/gateway-proxies";
export { ISTIO_CHARTS, type ChartSource, type HelmValues } from "./mesh/helm-chart";
export * from "./mesh/existing-control-plane";
export * from "./mesh/existing-gateway";
export type { MeshNeeds } from "./mesh/found-mesh";
export * from "./mesh/gateway-access";
export * from "./mesh/ingress-gateway";
export * from "./mesh/istio-control-plane";
export * from "./mesh/mutual-tls";
export { namespaceName, type NamespaceArgs } from "./mesh/namespace";
export type { Autoscaler, Scale } from "./mesh/scale";
export type { Authentication, JwtIssuer, KeySource, TokenPlaces } from "./security/authentication";
export type { Refusal, WrittenPolicy } from "./security/authorization";
export type { Claims, ClaimValues } from "./security/claims";
export type { AccessEntry, AccessLists } from "./security/gateway-access";
export { TlsTermination, TlsVersion, type GatewayTls, type HostTls } from "./security/gateway-servers";
export type { ServiceIdentity } from "./security/identity";
export type { RequestCondition } from "./security/request-condition";
export type { ServiceEntry, ServiceLists } from "./security/service-access";
export type { Token } from "./security/token";
export * from "./service/default-deny";
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
export * from "./observability/rules";
export * from "./observability/tracing";
export type { ServiceProbes } from "./service/pod";
export * from "./service/service-access";
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
export type { VersionPolicies } from "./traffic/version-policies";
export * from "./traffic/simulator";
export * from "./traffic/weights";
