/** Routes by host (Envoy: VirtualHost; Istio: pilot/pkg/networking/core/gateway.go and route/route.go). */
import { answerOf, preflightAnswer } from "./answers";
import { conditionOf, isFor, takesEverything, type Condition, type Place, type Seen } from "./conditions";
import type { Outcome } from "./decision";
import type { WrittenMatch, WrittenRoute } from "./written-objects";

/** What a proxy does with the requests to a host. */
export interface VirtualHost {
  /** The first that matches decides. */
  readonly routes: readonly CompiledRoute[];
  /** Whether what came by HTTP is sent to HTTPS, whatever the routes say (Envoy: `require_tls`). */
  readonly toHttps: boolean;
}

export interface CompiledRoute {
  readonly matches: Condition;
  readonly decide: (seen: Seen) => Outcome;
  /** Where the route has CORS. */
  readonly preflight: ((seen: Seen) => Outcome | undefined) | undefined;
}

/** What one VirtualService adds to its hosts. */
export interface Contribution {
  readonly hosts: readonly string[];
  readonly routes: readonly MatchedRoute[];
  readonly toHttps: boolean;
}

/** A rule of a VirtualService with one of its matches: a route of Envoy. */
export interface MatchedRoute {
  readonly rule: WrittenRoute;
  readonly match: WrittenMatch;
}

/** A route for each match that is for the place, or for any. Nothing stands below one that takes every request. */
export function routesOf(http: readonly WrittenRoute[], place: Place | undefined): MatchedRoute[] {
  const all = http
    .flatMap((rule) => (rule.match?.length ? rule.match : [{}]).map((match) => ({ rule, match })))
    .filter(({ match }) => !place || isFor(match, place));
  const last = all.findIndex(({ match }) => takesEverything(match));
  return last < 0 ? all : all.slice(0, last + 1);
}

/** What several VirtualServices say of one host stands one below the other (Istio does so at gateways). */
export function virtualHosts(
  contributions: readonly Contribution[],
  limited: (host: string, rule: string, to: string) => boolean,
): (host: string) => VirtualHost | undefined {
  const byHost = new Map<string, { routes: MatchedRoute[]; toHttps: boolean }>();
  for (const { hosts, routes, toHttps } of contributions) {
    for (const host of hosts) {
      const key = host.toLowerCase();
      const known = byHost.get(key);
      byHost.set(key, {
        routes: [...(known?.routes ?? []), ...routes],
        toHttps: toHttps || known?.toHttps === true,
      });
    }
  }
  return longestMatch(
    new Map(
      [...byHost].map(([host, { routes, toHttps }]) => {
        const compiled = lastCatchAll(routes).map((route) => {
          const { name = "", route: destinations } = route.rule;
          return compiledRoute(route, limited(host, name, destinations?.[0]?.destination.host ?? ""));
        });
        return [host, { routes: compiled, toHttps }];
      }),
    ),
  );
}

/** By an exact name, else the longest wildcard, else `*` (Envoy: VirtualHost, domains). */
export function longestMatch<T>(byHost: ReadonlyMap<string, T>): (host: string) => T | undefined {
  const wildcards = [...byHost]
    .filter(([host]) => host.startsWith("*") && host !== "*")
    .sort(([a], [b]) => b.length - a.length)
    .map(([host, value]) => [host.slice(1), value] as const);
  const every = byHost.get("*");
  return (host) =>
    byHost.get(host) ??
    wildcards.find(([suffix]) => host.length > suffix.length && host.endsWith(suffix))?.[1] ??
    every;
}

/** Istio: SortVHostRoutes. */
function lastCatchAll(all: readonly MatchedRoute[]): MatchedRoute[] {
  return [...all.filter((r) => !takesEverything(r.match)), ...all.filter((r) => takesEverything(r.match))];
}

function compiledRoute({ rule, match }: MatchedRoute, limited: boolean): CompiledRoute {
  const name = [rule.name ?? "", match.name].filter(Boolean).join(".");
  return {
    matches: conditionOf(match),
    decide: answerOf(rule, match, name, limited),
    preflight: preflightAnswer(rule, name),
  };
}
