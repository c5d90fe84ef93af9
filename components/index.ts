export * from "./category/category-api";
export type { ClusterAccess } from "./mesh/cluster-access";
export type { GatewayPods } from "./mesh/gateway-proxies";
export { ISTIO_CHARTS, type ChartSource, type HelmValues } from "./mesh/helm-chart";
export * from "./mesh/ingress-gateway";
export * from "./mesh/istio-control-plane";
export type { Autoscaler, Scale } from "./mesh/scale";
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
