/**
 * Has a gateway proxy taken up what a VirtualService says? Compares the object with Envoy's own answers.
 *
 * Pure: takes the spec and the parsed bodies of Envoy's admin endpoints `config_dump?resource=dynamic_route_configs`
 * and `clusters?format=json` (Envoy docs, "Administration interface").
 */
import type { VirtualServiceSpec } from "../istio/virtual-service";

/** Route name → Envoy cluster name → weight. What a VirtualService comes to in a proxy. */
export type RouteTable = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** The VirtualService that a route came from, as Istio notes it in the route's metadata. */
export interface VirtualServiceIdentity {
  readonly namespace: string;
  readonly name: string;
}

/** `GET config_dump?resource=dynamic_route_configs`, the part that is read. */
export interface RouteConfigDump {
  readonly configs?: readonly {
    readonly route_config?: {
      readonly virtual_hosts?: readonly { readonly routes?: readonly EnvoyRoute[] }[];
    };
  }[];
}

interface EnvoyRoute {
  readonly name?: string;
  readonly route?: {
    readonly cluster?: string;
    readonly weighted_clusters?: {
      readonly clusters?: readonly { readonly name?: string; readonly weight?: number }[];
    };
  };
  readonly metadata?: { readonly filter_metadata?: { readonly istio?: { readonly config?: string } } };
}

/** `GET clusters?format=json`, the part that is read. */
export interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    readonly host_statuses?: readonly {
      readonly stats?: readonly { readonly name?: string; readonly value?: string | number }[];
      readonly health_status?: {
        readonly eds_health_status?: string;
        readonly failed_active_health_check?: boolean;
      };
    }[];
  }[];
}

/** Istio's name for the cluster of a subset (pilot/pkg/model, BuildSubsetKey). */
export function clusterName(host: string, port: number | undefined, subset: string | undefined): string {
  return `outbound|${port ?? ""}|${subset ?? ""}|${host}`;
}

/** The routes that a proxy has once it has taken up `spec`; weight 0 is left out, as Istio leaves it out. */
export function expectedRoutes(spec: VirtualServiceSpec): RouteTable {
  return new Map(
    spec.http.map((rule, index) => [
      rule.name ?? String(index),
      new Map(
        rule.route
          .filter((r) => rule.route.length === 1 || (r.weight ?? 0) > 0)
          .map((r) => [
            clusterName(r.destination.host, r.destination.port?.number, r.destination.subset),
            rule.route.length === 1 ? 1 : (r.weight ?? 0),
          ]),
      ),
    ]),
  );
}

/** Every cluster that `spec` names, those of weight 0 too. */
export function namedClusters(spec: VirtualServiceSpec): ReadonlySet<string> {
  return new Set(
    spec.http.flatMap((rule) =>
      rule.route.map((r) =>
        clusterName(r.destination.host, r.destination.port?.number, r.destination.subset),
      ),
    ),
  );
}

/** Every cluster to which `spec` sends anything at all. */
export function routedClusters(spec: VirtualServiceSpec): string[] {
  return [...new Set([...expectedRoutes(spec).values()].flatMap((weights) => [...weights.keys()]))];
}

/** Every service that `spec` names. */
export function namedHosts(spec: VirtualServiceSpec): ReadonlySet<string> {
  return new Set([...namedClusters(spec)].map(hostOf));
}

/**
 * What the proxy's routes still lack of `expected`, in words; undefined once it routes as written.
 *
 * A rule with several matches is several Envoy routes of one name: each of them, in every virtual host, must have the
 * weights. Weights are compared as ratios, since Istio may scale them.
 */
export function routeLag(
  dump: RouteConfigDump,
  of: VirtualServiceIdentity,
  expected: RouteTable,
): string | undefined {
  const config = `/apis/networking.istio.io/v1/namespaces/${of.namespace}/virtual-service/${of.name}`;
  const seen = new Set<string>();
  for (const { route_config } of dump.configs ?? []) {
    for (const route of (route_config?.virtual_hosts ?? []).flatMap((h) => h.routes ?? [])) {
      if (route.metadata?.filter_metadata?.istio?.config !== config) continue;
      // A rule with matches is named "<rule>.<match>" only where the match has a name of its own.
      const rule = route.name ?? "";
      const want = expected.get(rule);
      if (!want) return `still has the rule "${rule}"`;
      seen.add(rule);
      const have = envoyWeights(route);
      if (!sameRatios(have, want)) return `routes ${describe(have)} instead of ${describe(want)}`;
    }
  }
  const missing = [...expected.keys()].filter((rule) => !seen.has(rule));
  return missing.length === 0 ? undefined : `has no route for ${missing.map((r) => `"${r}"`).join(", ")}`;
}

/** Which of `clusters` have no healthy endpoint in the proxy yet. */
export function clustersWithoutEndpoint(statuses: ClusterStatuses, clusters: Iterable<string>): string[] {
  const ready = new Set(
    (statuses.cluster_statuses ?? [])
      .filter((c) =>
        c.host_statuses?.some((h) => (h.health_status?.eds_health_status ?? "HEALTHY") === "HEALTHY"),
      )
      .map((c) => c.name),
  );
  return [...clusters].filter((c) => !ready.has(c));
}

/** Requests in flight from this proxy to `cluster`. */
export function requestsInFlight(statuses: ClusterStatuses, cluster: string): number {
  return (statuses.cluster_statuses ?? [])
    .filter((c) => c.name === cluster)
    .flatMap((c) => c.host_statuses ?? [])
    .flatMap((h) => h.stats ?? [])
    .filter((s) => s.name === "rq_active")
    .reduce((sum, s) => sum + Number(s.value ?? 0), 0);
}

/** `outbound|8080|v2|host` → `v2`: what a reader knows the cluster by. */
export function subsetOf(cluster: string): string {
  return cluster.split("|")[2] || cluster;
}

/** `outbound|8080|v2|host` → `host`. */
export function hostOf(cluster: string): string {
  return cluster.split("|")[3] ?? "";
}

function envoyWeights(route: EnvoyRoute): ReadonlyMap<string, number> {
  const clusters = route.route?.weighted_clusters?.clusters;
  if (clusters) return new Map(clusters.map((c) => [c.name ?? "", c.weight ?? 0]));
  return new Map(route.route?.cluster === undefined ? [] : [[route.route.cluster, 1]]);
}

const total = (weights: ReadonlyMap<string, number>): number =>
  [...weights.values()].reduce((a, b) => a + b, 0);

function sameRatios(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  const [sumA, sumB] = [total(a), total(b)];
  return [...a].every(([name, weight]) => weight * sumB === (b.get(name) ?? -1) * sumA);
}

function describe(weights: ReadonlyMap<string, number>): string {
  const sum = total(weights);
  return [...weights].map(([c, w]) => `${subsetOf(c)} ${Number(((100 * w) / sum).toFixed(2))} %`).join(", ");
}
