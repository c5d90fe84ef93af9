import { defined } from "../istio/without-undefined";
import type { DestinationRuleSpec } from "../istio/destination-rule";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { Destination, HttpRoute, VirtualServiceSpec } from "../istio/virtual-service";
import { PATH_PARAMETERS } from "./path-parameters";
import type { CircuitBreaker } from "./circuit-breaker";
import { choiceCountPatch, LoadBalancerAlgorithm, type LoadBalancer } from "./load-balancer";
import type { RequestMatch } from "./matches";
import type { RoutedPath } from "./paths";
import { clusterName } from "../istio/cluster-name";
import { gatewayRateLimits, type GatewayRateLimits, type GlobalRateLimit } from "./rate-limit";
import type { StepLimit } from "./route-risks";
import { markedRules } from "./rule-version";
import { conditions, matches, ruleName, ruleRoutes, split } from "./rule-routes";
import { effectivePolicies, withPolicies, type TrafficPolicies, type TrafficRule } from "./traffic-rules";
import { refuseOversize } from "./size-limit";
import { stickyName, stickyPatches, type Sticky } from "./sticky";
import { sharedPolicy, subsetPolicy, type VersionPolicies } from "./version-policies";
import { effectiveShares, type Shares, type Weights } from "./weights";

export type { RoutedPath } from "./paths";

/** The service that routes lead to. */
export interface RoutedService {
  readonly name: string;
  readonly namespace: string;
  /** Port of the Kubernetes Service. */
  readonly port: number;
}

/** The routing of requests to the versions of a service, and its policies. */
export interface Traffic extends StepLimit {
  /** Version → percent or "rest". The sum is 100. */
  readonly weights: Weights;
  /** Tried in order. Requests that match no rule go by `weights`. Default: none. */
  readonly rules?: readonly TrafficRule[];
  /** For each request to a version, unless its rule has its own. Default: none. */
  readonly policies?: TrafficPolicies;
  /** For each request to a version, in addition to the limits of policies. Default: none. */
  readonly globalRateLimit?: GlobalRateLimit;
  /** What tells clients apart, so that each keeps its version; at the gateway alone. Default: each request is split by itself. */
  readonly sticky?: Sticky;
  /** Default LEAST_REQUEST. */
  readonly loadBalancer?: LoadBalancer;
  /** For all versions. Default: none. */
  readonly circuitBreaker?: CircuitBreaker;
  /** Version → policies that differ from those of all versions. */
  readonly versions?: Readonly<Record<string, VersionPolicies>>;
}

export interface RouteRequest extends Traffic {
  readonly service: RoutedService;
  /** Hosts of the service at the gateway. */
  readonly hosts: readonly string[];
  /** Gateways as `namespace/name`. */
  readonly gateways: readonly string[];
  /** Paths that reach the service; other paths get 404. Default: every path. */
  readonly paths?: readonly RoutedPath[];
  /** Whether weights, rules and policies apply to callers within the mesh. Default: only rules that name their namespaces do. */
  readonly meshCallers?: boolean;
  /** Version → lowest number of its pods. Default 1. */
  readonly pods?: Readonly<Record<string, number>>;
}

/** All Istio objects for a {@link RouteRequest}. */
export interface RoutePlan {
  readonly virtualService: VirtualServiceSpec;
  /** For callers within the mesh; undefined without `meshCallers` and without a rule that has a namespace. */
  readonly meshVirtualService?: VirtualServiceSpec;
  /** The DestinationRule with the policy that all versions share. */
  readonly policy: DestinationRuleSpec;
  /**
   * A DestinationRule for each version with its subset and its own policies. It is an object of its own so that it can be
   * created before the route that names the subset, and deleted after it.
   */
  readonly subsets: Readonly<Record<string, DestinationRuleSpec>>;
  /** Patches for an EnvoyFilter of the gateway, for settings that Istio has no field for. */
  readonly gatewayPatches: readonly EnvoyConfigPatch[];
  /** Version → share of the requests in percent. */
  readonly shares: Shares;
}

/** Label of a pod with its version. Istio's telemetry reads it too. */
export const VERSION_LABEL = "version";

/** DNS name of a service within the cluster. */
export function serviceHost(service: Pick<RoutedService, "name" | "namespace">): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}

/**
 * Plans the routes to the versions of a service.
 *
 * A version of weight 0 stays in the route, so that the gateway keeps its cluster. The only destination of a route has no
 * weight, since Istio ignores it there (VirtualService, HTTPRouteDestination).
 *
 * @throws RangeError if the weights are wrong (see {@link effectiveShares}), if a rule names a version without a weight, or if
 * the VirtualService is too large (see {@link refuseOversize}).
 */
export function planRoutes(request: RouteRequest): RoutePlan {
  const host = serviceHost(request.service);
  const shares = effectiveShares(request.weights);
  const to = (version: string): Destination => {
    if (!Object.hasOwn(shares, version))
      throw new RangeError(`a rule names version "${version}", which has no weight`);
    return { host, subset: version, port: { number: request.service.port } };
  };
  const rest: HttpRoute = {
    name: ruleName(request.service.name, shares, request.sticky),
    ...conditions(matches([{}], request.paths)),
    route: split(shares, to, request.sticky),
  };
  const rules = request.rules ?? [];
  const {
    loadBalancer = LoadBalancerAlgorithm.LEAST_REQUEST,
    circuitBreaker,
    versions = {},
    pods = {},
  } = request;
  const plan = {
    shares,
    virtualService: {
      hosts: request.hosts,
      gateways: request.gateways,
      http: markedRules(request.hosts, [
        ...(request.paths ? [PATH_PARAMETERS] : []),
        ...rulesFor(rules, (match) => match.sourceNamespace === undefined).flatMap((rule) =>
          ruleRoutes(rule, request, to),
        ),
        ...withPolicies(rest, request.policies ?? {}, to),
      ]),
    },
    ...meshRoutes(request, shares, to),
    policy: { host, trafficPolicy: sharedPolicy(loadBalancer, circuitBreaker) },
    subsets: Object.fromEntries(
      Object.keys(shares).map((version) => {
        const trafficPolicy = subsetPolicy(versions[version] ?? {}, circuitBreaker, pods[version] ?? 1);
        const labels = { [VERSION_LABEL]: version };
        return [version, { host, subsets: [defined({ name: version, labels, trafficPolicy })] }];
      }),
    ),
    gatewayPatches: [
      ...Object.keys(shares).flatMap(
        (version) =>
          choiceCountPatch(
            versions[version]?.loadBalancer ?? loadBalancer,
            clusterName(host, request.service.port, version),
          ) ?? [],
      ),
      ...gatewayRateLimits({
        service: request.service,
        hosts: request.hosts,
        rules: limitedRules(request),
        global: request.globalRateLimit,
      }),
      ...(request.sticky
        ? stickyPatches({ ...request, sticky: request.sticky, rules: stickyRules(request, shares) })
        : []),
    ],
  };
  refuseOversize(plan.virtualService);
  if (plan.meshVirtualService) refuseOversize(plan.meshVirtualService);
  return plan;
}

/**
 * The routes for callers within the mesh. They have the host of the Service instead of the gateway's hosts, no verified
 * token, and every path, since the policies of the service restrict the paths.
 */
function meshRoutes(
  request: RouteRequest,
  shares: Shares,
  to: (version: string) => Destination,
): Pick<RoutePlan, "meshVirtualService"> {
  const { service, rules = [], policies = {}, meshCallers = false } = request;
  const host = serviceHost(service);
  const mesh = rulesFor(rules, ({ sourceNamespace, host: asked, claims }) =>
    sourceNamespace === undefined ? meshCallers && asked === undefined && claims === undefined : true,
  );
  if (mesh.length === 0 && !meshCallers) return {};
  const rest: HttpRoute = { name: service.name, route: split(shares, to) };
  return {
    meshVirtualService: {
      // Without `gateways` the object is for the mesh. `istioctl analyze` reads an explicit `mesh` as an ingress gateway (IST0140).
      hosts: [host],
      http: markedRules(
        [host],
        [
          ...mesh.flatMap((rule) =>
            ruleRoutes(rule, { ...request, paths: undefined, sticky: undefined }, to),
          ),
          ...(meshCallers
            ? withPolicies(rest, policies, to)
            : [{ name: service.name, route: [{ destination: { host, port: { number: service.port } } }] }]),
        ],
      ),
    },
  };
}

/** The rules that send requests to a version, including the default rule, with their limits. */
function limitedRules(request: RouteRequest): GatewayRateLimits["rules"] {
  const { service, rules = [], policies = {}, sticky, weights } = request;
  const routed = rules.filter(({ action }) => !("redirect" in action || "respond" in action));
  return [
    ...routed.map(({ name, action, policies: own }) => ({
      name: "weights" in action ? ruleName(name, action.weights, sticky) : name,
      effective: effectivePolicies(policies, own),
    })),
    { name: ruleName(service.name, weights, sticky), effective: policies },
  ].map(({ name, effective: { rateLimit } }) => ({ name, rateLimit }));
}

function stickyRules({ service, rules = [] }: RouteRequest, shares: Shares): string[] {
  const splits: readonly (readonly [string, Weights])[] = [
    ...rules.flatMap(({ name, action }) => ("weights" in action ? [[name, action.weights] as const] : [])),
    [service.name, shares],
  ];
  return splits.filter(([, weights]) => Object.keys(weights).length > 1).map(([name]) => stickyName(name));
}

/** The part of `rules` for requests at the gateway or within the mesh. A rule without a match is for requests at the gateway. */
function rulesFor(rules: readonly TrafficRule[], kind: (match: RequestMatch) => boolean): TrafficRule[] {
  return rules
    .map((rule) => ({ ...rule, match: (rule.match.length > 0 ? rule.match : [{}]).filter(kind) }))
    .filter(({ match }) => match.length > 0);
}
