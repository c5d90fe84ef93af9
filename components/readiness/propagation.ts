/**
 * Has a gateway proxy taken up what a VirtualService says? Compares the object with Envoy's own answers.
 *
 * Pure: takes the spec and the parsed bodies of Envoy's admin endpoints `config_dump?resource=dynamic_route_configs`
 * and {@link clustersQuestion} (Envoy docs, "Administration interface").
 */
import type { Destination, HttpMatchRequest, VirtualServiceSpec } from "../istio/virtual-service";
import { clusterName, hostOf, subsetOf } from "../istio/cluster-name";
import { PERCENT_DECIMALS } from "../traffic/percent";
import { ruleVersion, type PatchesMark } from "../traffic/rule-version";

/** How long `up` waits for the proxies if nothing else is said. */
export const PROPAGATION_TIMEOUT_SECONDS = 60;

/** What a rule of a VirtualService comes to in a proxy, in the order of the rules. */
export interface ExpectedRoute {
  readonly name: string;
  /** Of what the rule says beside its weights ({@link ruleVersion}). */
  readonly version: string | undefined;
  /** Envoy cluster name → weight. */
  readonly weights: ReadonlyMap<string, number>;
}

/** What a VirtualService comes to in a proxy. */
export type RouteTable = readonly ExpectedRoute[];

/** The VirtualService that a route came from, as Istio notes it in the route's metadata. */
export interface VirtualServiceIdentity {
  readonly namespace: string;
  readonly name: string;
}

/** `GET config_dump?resource=dynamic_route_configs`, the part that is read. */
export interface RouteConfigDump {
  readonly configs?: readonly {
    readonly route_config?: {
      readonly name?: string;
      readonly virtual_hosts?: readonly {
        readonly domains?: readonly string[];
        readonly routes?: readonly EnvoyRoute[];
      }[];
    };
  }[];
}

interface EnvoyRoute {
  readonly name?: string;
  readonly route?: {
    readonly cluster?: string;
    readonly request_mirror_policies?: readonly { readonly cluster?: string }[];
    readonly weighted_clusters?: {
      readonly clusters?: readonly { readonly name?: string; readonly weight?: number }[];
    };
  };
  readonly metadata?: {
    readonly filter_metadata?: Readonly<
      Record<string, { readonly config?: string; readonly version?: string }>
    >;
  };
  readonly response_headers_to_remove?: readonly string[];
}

/**
 * The routes that a proxy has once it has taken up `spec`; weight 0 is left out, as Istio leaves it out. A redirect and
 * a direct response are routes to no cluster. Rules of one name (what one setting comes to) lead to the same clusters.
 */
export function expectedRoutes(spec: VirtualServiceSpec): RouteTable {
  // Istio leaves out whatever stands below a match that takes every request.
  const last = spec.http.findIndex((rule) => !rule.match || rule.match.some(takesEverything));
  const rules = last < 0 ? spec.http : spec.http.slice(0, last + 1);
  return rules.flatMap((rule, index) => {
    const route = rule.route ?? [];
    const weights = new Map(
      route
        .filter((r) => route.length === 1 || (r.weight ?? 0) > 0)
        .map((r) => [clusterOf(r.destination), route.length === 1 ? 1 : (r.weight ?? 0)]),
    );
    const version = ruleVersion(rule.headers?.response?.remove);
    const names = rule.match?.map((match) => match.name) ?? [undefined];
    return names.map((match) => ({
      name: [rule.name ?? String(index), match].filter(Boolean).join("."),
      version,
      weights,
    }));
  });
}

/** What of `spec` Istio gives the sidecars of a namespace. */
export function specFor(spec: VirtualServiceSpec, namespace: string): VirtualServiceSpec {
  const http = spec.http.flatMap((rule) => {
    if (!rule.match) return [rule];
    const match = rule.match
      .filter(({ sourceNamespace = namespace }) => sourceNamespace === namespace)
      .map(({ sourceNamespace: _, ...others }) => others);
    return match.length > 0 ? [{ ...rule, match }] : [];
  });
  return { ...spec, http };
}

/** Asks a sidecar for the routes by which it sends to the services of `spec`. */
export function routesQuestion(spec: VirtualServiceSpec): string {
  const ports = new Set([...namedClusters(spec)].map((cluster) => cluster.split("|")[1] ?? ""));
  const names = `^(.*:)?(${[...ports].join("|")})$`;
  return `config_dump?resource=dynamic_route_configs&name_regex=${encodeURIComponent(names)}`;
}

/** Whether the proxy knows a host: a sidecar may be confined to others (Istio: Sidecar). */
export const knowsHost = (dump: RouteConfigDump, hosts: readonly string[]): boolean =>
  (dump.configs ?? []).some(({ route_config }) =>
    route_config?.virtual_hosts?.some(({ domains = [] }) => hosts.some((host) => domains.includes(host))),
  );

/** Istio: IsCatchAllRoute. */
function takesEverything({ uri, ...others }: HttpMatchRequest): boolean {
  const path = uri === undefined || uri.prefix === "/" || uri.regex === ".*";
  return path && Object.keys(others).every((key) => key === "name");
}

const clusterOf = ({ host, port, subset }: Destination): string => clusterName(host, port?.number, subset);

/** Every cluster that `spec` names, those of weight 0 and those that only get copies too. */
export function namedClusters(spec: VirtualServiceSpec): ReadonlySet<string> {
  return new Set(
    spec.http.flatMap((rule) =>
      [...(rule.route ?? []), ...(rule.mirrors ?? [])].map(({ destination }) => clusterOf(destination)),
    ),
  );
}

/** Every cluster to which `spec` sends anything at all. */
export function routedClusters(spec: VirtualServiceSpec): string[] {
  return [...new Set(expectedRoutes(spec).flatMap(({ weights }) => [...weights.keys()]))];
}

/** Every service that `spec` names. */
export function namedHosts(spec: VirtualServiceSpec): ReadonlySet<string> {
  return new Set([...namedClusters(spec)].map(hostOf));
}

/**
 * What the proxy's routes still lack of `expected`, in words; undefined once it routes as written.
 *
 * A rule with several matches is several Envoy routes of one name: each of them, in every virtual host, must be of the
 * rule's version, in the order of the rules, and have the weights. These are compared as ratios, since Istio may scale them.
 */
export function routeLag(
  dump: RouteConfigDump,
  of: VirtualServiceIdentity,
  expected: RouteTable,
): string | undefined {
  const seen = new Set<ExpectedRoute>();
  for (const routes of hostsOf(dump, of)) {
    let last = 0;
    for (const route of routes) {
      // A rule with matches is named "<rule>.<match>" only where the match has a name of its own.
      const name = route.name ?? "";
      const version = ruleVersion(route.response_headers_to_remove);
      const same = (e: ExpectedRoute): boolean => e.name === name && e.version === version;
      const at = expected.findIndex((e, i) => i >= last && same(e));
      const have = envoyWeights(route);
      const want = expected[at] ?? expected.find((e) => e.name === name);
      if (want && !sameRatios(have, want.weights)) {
        return `routes ${describe(have)} instead of ${describe(want.weights)}`;
      }
      if (at < 0) return unexpected(name, expected, same);
      last = at;
      for (const e of expected.filter(same)) seen.add(e);
    }
  }
  const missing = new Set(expected.filter((e) => !seen.has(e)).map((e) => e.name));
  return missing.size === 0 ? undefined : `has no route for ${[...missing].map((r) => `"${r}"`).join(", ")}`;
}

/** The routes of `of`, by virtual host. */
function hostsOf(dump: RouteConfigDump, { namespace, name }: VirtualServiceIdentity): EnvoyRoute[][] {
  const config = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`;
  return (dump.configs ?? [])
    .flatMap(({ route_config }) => route_config?.virtual_hosts ?? [])
    .map(({ routes = [] }) => routes.filter((r) => r.metadata?.filter_metadata?.istio?.config === config));
}

/** What the proxy's routes of `of` still lack of the gateway's patches, in words; undefined once each shows their mark. */
export function patchesLag(
  dump: RouteConfigDump,
  of: VirtualServiceIdentity,
  { key, version }: PatchesMark,
): string | undefined {
  const other = hostsOf(dump, of)
    .flat()
    .find(({ metadata }) => metadata?.filter_metadata?.[key]?.version !== version);
  return other && `has other limits or patches of the rule "${other.name ?? ""}"`;
}

function unexpected(name: string, expected: RouteTable, same: (e: ExpectedRoute) => boolean): string {
  if (expected.some(same)) return `has the rule "${name}" in another place`;
  return `still has ${expected.some((e) => e.name === name) ? "another version of " : ""}the rule "${name}"`;
}

/** The route configurations of the proxy that have routes of `of`. */
export function routeConfigsOf(dump: RouteConfigDump, of: VirtualServiceIdentity): ReadonlySet<string> {
  const having = (dump.configs ?? []).filter(
    (config) => hostsOf({ configs: [config] }, of).flat().length > 0,
  );
  return new Set(having.map(({ route_config }) => route_config?.name ?? ""));
}

/** What a proxy lacks that istiod should have told it, with where the reason is. */
export const notTakenUp = (lag: string): string =>
  `${lag}: look at this pod and at istiod (istioctl proxy-status)`;

/** Every cluster to which some route of the proxy sends or copies requests. */
export function clustersInRoutes(dump: RouteConfigDump): ReadonlySet<string> {
  const routes = (dump.configs ?? [])
    .flatMap(({ route_config }) => route_config?.virtual_hosts ?? [])
    .flatMap((host) => host.routes ?? []);
  return new Set(
    routes.flatMap((route) => [
      ...envoyWeights(route).keys(),
      ...(route.route?.request_mirror_policies ?? []).map((mirror) => mirror.cluster ?? ""),
    ]),
  );
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
  if (weights.size === 0) return "to no version";
  const sum = total(weights);
  return [...weights]
    .map(([c, w]) => `${subsetOf(c)} ${Number(((100 * w) / sum).toFixed(PERCENT_DECIMALS))} %`)
    .join(", ");
}
