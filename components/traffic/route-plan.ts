import type { DestinationRuleSpec, LoadBalancerSettings } from "../istio/destination-rule";
import type { HttpMatchRequest, VirtualServiceSpec } from "../istio/virtual-service";
import type { ConsistentHash, LoadBalancer } from "./load-balancer";
import { effectiveShares, integerWeights, type Shares, type Weights } from "./weights";

/** The service that routes lead to. */
export interface RoutedService {
  readonly name: string;
  readonly namespace: string;
  /** Port of the Kubernetes Service. */
  readonly port: number;
}

/** A path that is routed: itself alone, or with everything below it. */
export type RoutedPath = { readonly exact: string } | { readonly prefix: string };

export interface RouteRequest {
  readonly service: RoutedService;
  /** Hosts by which clients ask for the service. */
  readonly hosts: readonly string[];
  /** Gateways as `namespace/name`. */
  readonly gateways: readonly string[];
  /** Paths that reach the service; all others are answered 404. Default: every path. */
  readonly paths?: readonly RoutedPath[];
  readonly weights: Weights;
  readonly loadBalancer: LoadBalancer;
}

/** Every Istio object that a {@link RouteRequest} comes to. */
export interface RoutePlan {
  readonly virtualService: VirtualServiceSpec;
  /** The rule that carries the policy all versions share. */
  readonly policy: DestinationRuleSpec;
  /** One rule for each version with its subset alone: it can come before and go after the route that names it. */
  readonly subsets: Readonly<Record<string, DestinationRuleSpec>>;
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
 * @throws RangeError when the weights cannot be used (see {@link effectiveShares}).
 */
export function planRoutes(request: RouteRequest): RoutePlan {
  const host = serviceHost(request.service);
  const shares = effectiveShares(request.weights);
  const weights = Object.entries(integerWeights(shares));
  const route = weights.map(([version, weight]) => ({
    destination: { host, subset: version, port: { number: request.service.port } },
    ...(weights.length > 1 && { weight }),
  }));
  return {
    shares,
    virtualService: {
      hosts: request.hosts,
      gateways: request.gateways,
      http: [
        {
          name: request.service.name,
          ...(request.paths && { match: request.paths.flatMap(pathMatches) }),
          route,
        },
      ],
    },
    policy: { host, trafficPolicy: { loadBalancer: loadBalancerSettings(request.loadBalancer) } },
    subsets: Object.fromEntries(
      weights.map(([version]) => [
        version,
        { host, subsets: [{ name: version, labels: { [VERSION_LABEL]: version } }] },
      ]),
    ),
  };
}

/** Istio's prefix is textual (`/a` matches `/ab` too): the path itself and what is below it are two matches. */
function pathMatches(path: RoutedPath): HttpMatchRequest[] {
  if ("exact" in path) return [{ uri: { exact: path.exact } }];
  const base = path.prefix.replace(/\/+$/, "");
  const below = { uri: { prefix: `${base}/` } };
  return base === "" ? [below] : [{ uri: { exact: base } }, below];
}

/** A load balancer in Istio's words (DestinationRule, LoadBalancerSettings). */
export function loadBalancerSettings(balancer: LoadBalancer): LoadBalancerSettings {
  return typeof balancer === "string"
    ? { simple: balancer }
    : { consistentHash: consistentHash(balancer.consistentHash) };
}

function consistentHash(hash: ConsistentHash): NonNullable<LoadBalancerSettings["consistentHash"]> {
  return {
    ...(hash.httpHeader !== undefined && { httpHeaderName: hash.httpHeader }),
    ...(hash.httpCookie && {
      httpCookie: {
        name: hash.httpCookie.name,
        ...(hash.httpCookie.path !== undefined && { path: hash.httpCookie.path }),
        ...(hash.httpCookie.ttlMs !== undefined && { ttl: `${hash.httpCookie.ttlMs / 1000}s` }),
      },
    }),
    ...(hash.sourceIp && { useSourceIp: true }),
    ...(hash.queryParameter !== undefined && { httpQueryParameterName: hash.queryParameter }),
    ...(hash.ringHash && { ringHash: hash.ringHash }),
    // Istio requires the size once maglev is named; 65537 is Envoy's default.
    ...(hash.maglev && { maglev: { tableSize: hash.maglev.tableSize ?? 65537 } }),
  };
}
