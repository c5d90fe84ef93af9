import { defined } from "../istio/defined";
import type { DestinationRuleSpec } from "../istio/destination-rule";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { Destination, HttpMatchRequest, HttpRoute, VirtualServiceSpec } from "../istio/virtual-service";
import { PATH_PARAMETERS } from "./path-parameters";
import type { CircuitBreaker } from "./circuit-breaker";
import { choiceCountPatch, LoadBalancerAlgorithm, type LoadBalancer } from "./load-balancer";
import { istioMatch, type RequestMatch } from "./matches";
import { confine, spellings, uriMatches, type RoutedPath } from "./paths";
import { clusterName } from "../istio/cluster-name";
import { gatewayRateLimits, type GatewayRateLimits, type GlobalRateLimit } from "./rate-limit";
import { markedRules } from "./rule-version";
import {
  answerPolicySpec,
  effectivePolicies,
  redirectSpec,
  responseSpec,
  withPolicies,
  type TrafficPolicies,
  type TrafficRule,
} from "./traffic-rules";
import { refuseOversize } from "./size-limit";
import { sharedPolicy, subsetPolicy, type VersionPolicies } from "./version-policies";
import { effectiveShares, integerWeights, type Shares, type Weights } from "./weights";

export type { RoutedPath } from "./paths";

/** The service that routes lead to. */
export interface RoutedService {
  readonly name: string;
  readonly namespace: string;
  /** Port of the Kubernetes Service. */
  readonly port: number;
}

/** How requests go to the versions of a service, and under which policies. */
export interface Traffic {
  /** Version → percent or "rest"; sums to 100. */
  readonly weights: Weights;
  /** Tried in order; what none of them matches goes by `weights`. Default: none. */
  readonly rules?: readonly TrafficRule[];
  /** For every request that is sent to a version; a rule may have its own. Default: none. */
  readonly policies?: TrafficPolicies;
  /** For every request that is sent to a version, beside the policies' own limits. Default: none. */
  readonly globalRateLimit?: GlobalRateLimit;
  /** Default LEAST_REQUEST. */
  readonly loadBalancer?: LoadBalancer;
  /** For all versions. Default: none. */
  readonly circuitBreaker?: CircuitBreaker;
  /** Version → what it does otherwise than all of them. */
  readonly versions?: Readonly<Record<string, VersionPolicies>>;
}

export interface RouteRequest extends Traffic {
  readonly service: RoutedService;
  /** Hosts by which clients ask for the service. */
  readonly hosts: readonly string[];
  /** Gateways as `namespace/name`. */
  readonly gateways: readonly string[];
  /** Paths that reach the service; all others are answered 404. Default: every path. */
  readonly paths?: readonly RoutedPath[];
  /** Whether weights, rules and policies also hold for callers within the mesh. Default: rules that name their namespaces do. */
  readonly meshCallers?: boolean;
  /** Version → how many pods it has at least. Default 1. */
  readonly pods?: Readonly<Record<string, number>>;
}

/** Every Istio object that a {@link RouteRequest} comes to. */
export interface RoutePlan {
  readonly virtualService: VirtualServiceSpec;
  /** For callers within the mesh, where `meshCallers` or a rule with a namespace says so. */
  readonly meshVirtualService?: VirtualServiceSpec;
  /** The rule that carries the policy all versions share. */
  readonly policy: DestinationRuleSpec;
  /** One rule for each version with its subset and what that does otherwise: it can come before and go after the route that names it. */
  readonly subsets: Readonly<Record<string, DestinationRuleSpec>>;
  /** What Istio has no field for, for an EnvoyFilter of the gateway. */
  readonly gatewayPatches: readonly EnvoyConfigPatch[];
  /** What each version gets, in percent. */
  readonly shares: Shares;
}

/** Pods of a version carry it in this label; Istio's telemetry reads the same one. */
export const VERSION_LABEL = "version";

/** DNS name of a service within the cluster. */
export function serviceHost(service: Pick<RoutedService, "name" | "namespace">): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}

/**
 * Plans the routes to the versions of a service.
 *
 * A version of weight 0 stays in the route, so that its cluster stays known to the gateway. A lone version is
 * routed without a weight: Istio ignores the weight of a lone destination (VirtualService, HTTPRouteDestination).
 *
 * @throws RangeError when the weights cannot be used (see {@link effectiveShares}), a rule names a version without a weight, or
 * there are more rules than a cluster stores (see {@link refuseOversize}).
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
    name: request.service.name,
    ...conditions(matches([{}], request.paths)),
    route: split(shares, to),
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
    ],
  };
  refuseOversize(plan.virtualService);
  if (plan.meshVirtualService) refuseOversize(plan.meshVirtualService);
  return plan;
}

/**
 * The routes of callers within the mesh, who ask for the service itself: no host of the gateway, no token that it has
 * verified, and every path, since the policies of the service say which of them may be asked.
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
      // For the mesh, which is what no gateways means: named, `istioctl analyze` takes it for an ingress gateway (IST0140).
      hosts: [host],
      http: markedRules(
        [host],
        [
          ...mesh.flatMap((rule) => ruleRoutes(rule, { ...request, paths: undefined }, to)),
          ...(meshCallers
            ? withPolicies(rest, policies, to)
            : [{ name: service.name, route: [{ destination: { host, port: { number: service.port } } }] }]),
        ],
      ),
    },
  };
}

/** The rules that send requests to a version, the rest too, with their limits. */
function limitedRules({ service, rules = [], policies = {} }: RouteRequest): GatewayRateLimits["rules"] {
  const routed = rules.filter(({ action }) => !("redirect" in action || "respond" in action));
  return [
    ...routed.map(({ name, policies: own }) => ({ name, effective: effectivePolicies(policies, own) })),
    { name: service.name, effective: policies },
  ].map(({ name, effective: { rateLimit } }) => ({ name, rateLimit }));
}

/** What of `rules` is about requests of one kind. A rule without a match is about requests at the gateway. */
function rulesFor(rules: readonly TrafficRule[], kind: (match: RequestMatch) => boolean): TrafficRule[] {
  return rules
    .map((rule) => ({ ...rule, match: (rule.match.length > 0 ? rule.match : [{}]).filter(kind) }))
    .filter(({ match }) => match.length > 0);
}

/**
 * A rule in Istio's words.
 *
 * Only the routed paths reach the service, by whatever rule: a rule that sends to a version is confined to them. What
 * the gateway answers itself reaches nothing and may have any path.
 */
function ruleRoutes(
  { name, match, action, rewrite, policies }: TrafficRule,
  request: {
    readonly paths?: readonly RoutedPath[] | undefined;
    readonly policies?: TrafficPolicies;
    readonly hosts?: readonly string[];
  },
  to: (version: string) => Destination,
): HttpRoute[] {
  const effective = effectivePolicies(request.policies ?? {}, policies);
  if ("redirect" in action || "respond" in action) {
    const answer =
      "redirect" in action
        ? { redirect: redirectSpec(action.redirect, request.hosts) }
        : { directResponse: responseSpec(action.respond) };
    const target = "redirect" in action ? action.redirect.path : undefined;
    return [
      { name, ...conditions(matches(match, undefined, target)), ...answer, ...answerPolicySpec(effective) },
    ];
  }
  const any = matches(match, request.paths);
  if (any.length === 0) throw new RangeError(`rule "${name}" matches no path that reaches the service`);
  const route =
    "to" in action ? [{ destination: to(action.to) }] : split(effectiveShares(action.weights), to);
  const host = rewrite?.host === undefined ? {} : { authority: rewrite.host };
  if (rewrite?.path === undefined) {
    return withPolicies(
      { name, ...conditions(any), ...(rewrite && { rewrite: host }), route },
      effective,
      to,
    );
  }
  // Envoy replaces what was matched, so the path itself and what is below it are rewritten differently.
  const root = rewrite.path.replace(/\/+$/, "");
  return any.flatMap((one) => {
    const uri = one.uri?.prefix === undefined ? root || "/" : `${root}/`;
    return withPolicies({ name, ...conditions([one]), rewrite: { uri, ...host }, route }, effective, to);
  });
}

/**
 * Matches for what of `any` lies within `paths`: one without conditions is every request, none at all no request. An exact
 * path is matched however it is spelt, but for `target`: a redirect from `/a` to `/a/` must end there.
 */
function matches(
  any: readonly RequestMatch[],
  paths: readonly RoutedPath[] | undefined,
  target?: string,
): HttpMatchRequest[] {
  return any.flatMap((match) => {
    const { path } = match;
    const others = istioMatch(match);
    if (!paths && path === undefined) return [others];
    const spelt =
      path !== undefined && "exact" in path
        ? spellings(path.exact)
            .filter((exact) => exact === path.exact || exact !== target)
            .map((exact) => ({ exact }))
        : [path];
    const confined = paths
      ? spelt.flatMap((one) => confine(one, paths))
      : spelt.filter((one) => one !== undefined);
    return confined.flatMap(uriMatches).map((uri) => ({ uri, ...others }));
  });
}

/** A rule without a match is about every request. */
function conditions(any: readonly HttpMatchRequest[]): Pick<HttpRoute, "match"> {
  return any.some((match) => Object.keys(match).length === 0) ? {} : { match: any };
}

function split(shares: Shares, to: (version: string) => Destination): NonNullable<HttpRoute["route"]> {
  const weights = Object.entries(integerWeights(shares));
  return weights.map(([version, weight]) => ({
    destination: to(version),
    ...(weights.length > 1 && { weight }),
  }));
}
