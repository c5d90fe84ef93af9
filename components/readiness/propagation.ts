/**
 * Compares the routes that a proxy has with a VirtualService.
 *
 * Pure: the input is the spec and the parsed body of Envoy's admin endpoint `config_dump?resource=dynamic_route_configs`
 * (Envoy docs, "Administration interface").
 */
import { isDeepStrictEqual } from "node:util";
import type { Destination, HttpMatchRequest, VirtualServiceSpec } from "../istio/virtual-service";
import { clusterName, hostOf, subsetOf } from "../istio/cluster-name";
import { PERCENT_DECIMALS } from "../traffic/percent";
import { percentByWeight, type Shares } from "../traffic/weights";
import { ruleVersion, type PatchesMark } from "../traffic/rule-version";

/** Default time limit of `up` for the proxies. */
export const PROPAGATION_TIMEOUT_SECONDS = 60;

/** The route that a proxy has for a rule of a VirtualService. */
export interface ExpectedRoute {
  readonly name: string;
  /** Version of the rule without its weights ({@link ruleVersion}). */
  readonly version: string | undefined;
  /** Envoy cluster name → weight. */
  readonly weights: ReadonlyMap<string, number>;
}

/** The routes that a proxy has for a VirtualService, in the order of its rules. */
export type RouteTable = readonly ExpectedRoute[];

/** The VirtualService of a route. Istio writes it into the route's metadata. */
export interface VirtualServiceIdentity {
  readonly namespace: string;
  readonly name: string;
}

/** The part that is read of `GET config_dump?resource=dynamic_route_configs`. */
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
 * The routes that a proxy has once it has loaded `spec`. As in Istio, a destination of weight 0 is left out. A redirect
 * and a direct response are routes to no cluster. Rules of one name, which one setting leads to, have the same clusters.
 */
export function expectedRoutes(spec: VirtualServiceSpec): RouteTable {
  // Istio leaves out all rules after one that matches every request.
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

/** The part of `spec` that Istio sends to the sidecars of a namespace. */
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

/** Path on the admin port of a gateway: all routes. */
export const ROUTES_QUESTION = "config_dump?resource=dynamic_route_configs";

/** Path on the admin port of a sidecar: the routes to the services of `spec`. */
export function routesQuestion(spec: VirtualServiceSpec): string {
  const ports = new Set([...namedClusters(spec)].map((cluster) => cluster.split("|")[1] ?? ""));
  const names = `^(.*:)?(${[...ports].join("|")})$`;
  return `${ROUTES_QUESTION}&name_regex=${encodeURIComponent(names)}`;
}

/** Whether the proxy has routes for one of `hosts`. Istio's Sidecar object can confine a sidecar to other hosts. */
export const hasHost = (dump: RouteConfigDump, hosts: readonly string[]): boolean =>
  (dump.configs ?? []).some(({ route_config }) =>
    route_config?.virtual_hosts?.some(({ domains = [] }) => hosts.some((host) => domains.includes(host))),
  );

/** Istio: IsCatchAllRoute. */
function takesEverything({ uri, ...others }: HttpMatchRequest): boolean {
  const path = uri === undefined || uri.prefix === "/" || uri.regex === ".*";
  return path && Object.keys(others).every((key) => key === "name");
}

const clusterOf = ({ host, port, subset }: Destination): string => clusterName(host, port?.number, subset);

/** Every cluster that `spec` names, including those of weight 0 and those of mirrors. */
export function namedClusters(spec: VirtualServiceSpec): ReadonlySet<string> {
  return new Set(
    spec.http.flatMap((rule) =>
      [...(rule.route ?? []), ...(rule.mirrors ?? [])].map(({ destination }) => clusterOf(destination)),
    ),
  );
}

/** Every cluster to which `spec` sends requests. */
export function routedClusters(spec: VirtualServiceSpec): string[] {
  return [...new Set(expectedRoutes(spec).flatMap(({ weights }) => [...weights.keys()]))];
}

/** Every service that `spec` names. */
export function namedHosts(spec: VirtualServiceSpec): ReadonlySet<string> {
  return new Set([...namedClusters(spec)].map(hostOf));
}

/**
 * How the proxy's routes of a VirtualService differ from `expected`, in words; undefined where they do not.
 *
 * A rule with several matches leads to several Envoy routes of one name. Each of them, in every virtual host, must have
 * the rule's version, its place among the rules, and its weights. Weights are compared as ratios, since Istio may scale them.
 */
export function routeLag(
  dump: RouteConfigDump,
  identity: VirtualServiceIdentity,
  expected: RouteTable,
): string | undefined {
  const seen = new Set<ExpectedRoute>();
  for (const routes of hostsOf(dump, identity)) {
    let last = 0;
    for (const route of routes) {
      // Istio names the route of a rule with matches "<rule>.<match>" only if the match has a name.
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

/** The routes of a VirtualService, by virtual host. */
function hostsOf(dump: RouteConfigDump, { namespace, name }: VirtualServiceIdentity): EnvoyRoute[][] {
  const config = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`;
  return (dump.configs ?? [])
    .flatMap(({ route_config }) => route_config?.virtual_hosts ?? [])
    .map(({ routes = [] }) => routes.filter((r) => r.metadata?.filter_metadata?.istio?.config === config));
}

/**
 * The split that a proxy has for the rule `name` of a VirtualService: subset → percent. More than one where its virtual hosts differ; none where it
 * has no route of the rule.
 */
export function proxyShares(dump: RouteConfigDump, identity: VirtualServiceIdentity, name: string): Shares[] {
  const found = hostsOf(dump, identity)
    .flat()
    .filter((route) => route.name === name || route.name?.startsWith(`${name}.`))
    .map((route): Shares => {
      const weights = [...envoyWeights(route)].map(([cluster, weight]) => ({ cluster, weight }));
      const percents = percentByWeight(weights);
      return Object.fromEntries(weights.map(({ cluster }, i) => [subsetOf(cluster), percents[i] ?? 0]));
    });
  return found.filter((one, i) => found.findIndex((other) => isDeepStrictEqual(one, other)) === i);
}

/** Whether a route of a VirtualService lacks the mark of the gateway's patches, in words; undefined where each has it. */
export function patchesLag(
  dump: RouteConfigDump,
  identity: VirtualServiceIdentity,
  { key, version }: PatchesMark,
): string | undefined {
  const other = hostsOf(dump, identity)
    .flat()
    .find(({ metadata }) => metadata?.filter_metadata?.[key]?.version !== version);
  return other && `has other limits or patches of the rule "${other.name ?? ""}"`;
}

function unexpected(name: string, expected: RouteTable, same: (e: ExpectedRoute) => boolean): string {
  if (expected.some(same)) return `has the rule "${name}" in another place`;
  return `still has ${expected.some((e) => e.name === name) ? "another version of " : ""}the rule "${name}"`;
}

/** Names of the proxy's route configurations that have routes of a VirtualService. */
export function routeConfigsOf(dump: RouteConfigDump, identity: VirtualServiceIdentity): ReadonlySet<string> {
  const configs = (dump.configs ?? []).filter(
    (config) => hostsOf({ configs: [config] }, identity).flat().length > 0,
  );
  return new Set(configs.map(({ route_config }) => route_config?.name ?? ""));
}

/** Adds to what a proxy lacks where the reason can be found. */
export const withHint = (lag: string): string =>
  `${lag}: look at this pod and at istiod (istioctl proxy-status)`;

/** Every cluster to which a route of the proxy sends or mirrors requests. */
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
