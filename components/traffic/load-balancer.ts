/**
 * How a proxy selects one of the endpoints of a version.
 *
 * Sources: Istio DestinationRule, LoadBalancerSettings and LocalityLoadBalancerSetting; Envoy, LeastRequestLbConfig.
 */
import { defined } from "../istio/without-undefined";
import type { LoadBalancerSettings } from "../istio/destination-rule";
import { duration } from "../istio/duration";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { Repair } from "./problem";
import { trafficProblem, type TrafficProblem } from "./traffic-messages";

/** The algorithms without a key, by Istio's names. LEAST_REQUEST is Istio's default and ours. */
export const LoadBalancerAlgorithm = {
  /** Each endpoint in turn. */
  ROUND_ROBIN: "ROUND_ROBIN",
  /** The one of two random endpoints that has fewer requests in flight. */
  LEAST_REQUEST: "LEAST_REQUEST",
  /** A random healthy endpoint. */
  RANDOM: "RANDOM",
  /** The address that the caller asked for, without load balancing. It is for callers with a sidecar; a gateway answers 503. */
  PASSTHROUGH: "PASSTHROUGH",
} as const;
export type LoadBalancerAlgorithm = (typeof LoadBalancerAlgorithm)[keyof typeof LoadBalancerAlgorithm];

/** The cookie that carries the hash key. */
export interface HashCookie {
  readonly name: string;
  readonly path?: string;
  /**
   * Lifetime in milliseconds; 0 is a session cookie. With a lifetime, Envoy sets the cookie if a request has none. Without
   * one, it only hashes a cookie that the request has.
   */
  readonly ttlMs?: number;
}

/** Sends equal keys to the same endpoint. Exactly one key, and at most one of `ringHash` and `maglev` (default: ring hash). */
export interface ConsistentHash {
  readonly httpHeader?: string;
  readonly httpCookie?: HashCookie;
  readonly sourceIp?: true;
  readonly queryParameter?: string;
  /** Ring hash; `minimumRingSize` entries at least (default 1024). */
  readonly ringHash?: { readonly minimumRingSize?: number };
  /** Maglev; `tableSize` is a prime below 5000011 (default 65537). */
  readonly maglev?: { readonly tableSize?: number };
}

/** Slow start: the share of a new endpoint increases over time. */
export interface Warmup {
  /** Milliseconds until the endpoint has its full share. */
  readonly durationMs: number;
  /** Shape of the increase: 1 (the default) is linear, a larger value is steeper at first. Below 1 needs Istio 1.31. */
  readonly aggression?: number;
  /** First share, in percent of the full one, 0 to 100. Default 10. */
  readonly minimumPercent?: number;
}

/**
 * Load balancing by locality: exactly one of the two. A locality is `region`, `region/zone` or `region/zone/subzone`; `*` as
 * the last part matches all.
 */
export interface Locality {
  /** Locality of the gateway pod → localities of endpoints → whole percent with the sum 100. Other localities get nothing. */
  readonly distribute?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Region → region that gets its requests when it has no healthy endpoint. Needs outlier detection. */
  readonly failover?: Readonly<Record<string, string>>;
}

/** An algorithm or a consistent hash, with its parameters. */
export interface TunedLoadBalancer {
  /** Default LEAST_REQUEST. Not together with `consistentHash`. */
  readonly algorithm?: LoadBalancerAlgorithm;
  readonly consistentHash?: ConsistentHash;
  /** Number of random endpoints that LEAST_REQUEST compares, at least 2. Default 2. */
  readonly choiceCount?: number;
  /** For ROUND_ROBIN and LEAST_REQUEST. */
  readonly warmup?: Warmup;
  /**
   * Default: with outlier detection, endpoints nearest to the gateway pod are preferred; without it, all are equal.
   * "none": all are equal.
   */
  readonly locality?: Locality | "none";
}

export type LoadBalancer = LoadBalancerAlgorithm | TunedLoadBalancer;

const tuned = (balancer: LoadBalancer): TunedLoadBalancer =>
  typeof balancer === "string" ? { algorithm: balancer } : balancer;

function algorithmOf({ algorithm, consistentHash }: TunedLoadBalancer): LoadBalancerAlgorithm | undefined {
  return consistentHash ? undefined : (algorithm ?? "LEAST_REQUEST");
}

/** A load balancer as Istio's LoadBalancerSettings, without the choice count (see {@link choiceCountPatch}). */
export function loadBalancerSettings(balancer: LoadBalancer): LoadBalancerSettings {
  const { consistentHash, warmup, locality, ...rest } = tuned(balancer);
  return {
    ...(consistentHash
      ? { consistentHash: hashSettings(consistentHash) }
      : { simple: algorithmOf(rest) ?? "LEAST_REQUEST" }),
    ...(warmup && {
      warmup: {
        duration: duration(warmup.durationMs),
        aggression: warmup.aggression ?? 1,
        minimumPercent: warmup.minimumPercent ?? 10,
      },
    }),
    ...(locality !== undefined && { localityLbSetting: localitySettings(locality) }),
  };
}

function hashSettings(hash: ConsistentHash): NonNullable<LoadBalancerSettings["consistentHash"]> {
  return defined({
    httpHeaderName: hash.httpHeader,
    ...(hash.httpCookie && {
      httpCookie: defined({
        name: hash.httpCookie.name,
        path: hash.httpCookie.path,
        ...(hash.httpCookie.ttlMs !== undefined && { ttl: duration(hash.httpCookie.ttlMs) }),
      }),
    }),
    ...(hash.sourceIp && { useSourceIp: true }),
    httpQueryParameterName: hash.queryParameter,
    ringHash: hash.ringHash,
    // Istio requires the size for maglev; 65537 is Envoy's default.
    ...(hash.maglev && { maglev: { tableSize: hash.maglev.tableSize ?? 65537 } }),
  });
}

function localitySettings(
  locality: Locality | "none",
): NonNullable<LoadBalancerSettings["localityLbSetting"]> {
  if (locality === "none") return { enabled: false };
  const { distribute, failover } = locality;
  return {
    enabled: true,
    ...(distribute && { distribute: Object.entries(distribute).map(([from, to]) => ({ from, to })) }),
    ...(failover && { failover: Object.entries(failover).map(([from, to]) => ({ from, to })) }),
  };
}

/** The choice count as a patch of a gateway's Envoy cluster, since Istio has no field for it; undefined for Envoy's default. */
export function choiceCountPatch(balancer: LoadBalancer, cluster: string): EnvoyConfigPatch | undefined {
  const { choiceCount } = tuned(balancer);
  if (choiceCount === undefined) return undefined;
  return {
    applyTo: "CLUSTER",
    match: { context: "GATEWAY", cluster: { name: cluster } },
    patch: { operation: "MERGE", value: { least_request_lb_config: { choice_count: choiceCount } } },
  };
}

/** The problems of a load balancer, with paths below `loadBalancer` and, for outlier detection, `circuitBreaker`. */
export function loadBalancerProblems(
  balancer: LoadBalancer,
  outlierDetection: boolean,
): readonly TrafficProblem[] {
  const { algorithm, consistentHash, choiceCount, warmup, locality } = tuned(balancer);
  const at = (...path: string[]): string[] => ["loadBalancer", ...path];
  if (algorithm !== undefined && consistentHash) {
    const either = [{ remove: at("algorithm") }, { remove: at("consistentHash") }];
    return [trafficProblem("balancerTwice", at(), {}, ...either)];
  }
  const problems = consistentHash ? hashProblems(consistentHash) : [];
  const how = consistentHash ? "a consistent hash" : (algorithm ?? "LEAST_REQUEST");
  const useless = (key: string, only: readonly [string, ...string[]]): void => {
    const other = consistentHash ? [] : [{ at: at("algorithm"), set: only[0] }];
    problems.push(
      trafficProblem("balancerKeyUseless", at(key), { key, how, only }, { remove: at(key) }, ...other),
    );
  };
  if (choiceCount !== undefined && how !== "LEAST_REQUEST") useless("choiceCount", ["LEAST_REQUEST"]);
  if (warmup && how !== "LEAST_REQUEST" && how !== "ROUND_ROBIN")
    useless("warmup", ["LEAST_REQUEST", "ROUND_ROBIN"]);
  if (locality === undefined || locality === "none") return problems;
  if (how === "PASSTHROUGH") useless("locality", ["LEAST_REQUEST", "ROUND_ROBIN", "RANDOM"]);
  return [...problems, ...localityProblems(locality, outlierDetection)];
}

const HASH_KEYS = ["httpHeader", "httpCookie", "sourceIp", "queryParameter"];

function hashProblems(hash: ConsistentHash): TrafficProblem[] {
  const path = ["loadBalancer", "consistentHash"];
  const keys = HASH_KEYS.filter((key) => key in hash);
  const tables = ["ringHash", "maglev"].filter((table) => table in hash);
  const remove = (key: string): Repair => ({ remove: [...path, key] });
  const example: Repair = { at: [...path, "httpHeader"], set: "x-user", example: true };
  const repairs = keys.length > 1 ? keys.map(remove) : [example];
  return [
    ...(keys.length === 1
      ? []
      : [trafficProblem("hashKeys", path, { given: keys, possible: HASH_KEYS }, ...repairs)]),
    ...(tables.length < 2
      ? []
      : [trafficProblem("hashTables", path, { given: tables }, ...tables.map(remove))]),
  ];
}

function localityProblems({ distribute, failover }: Locality, outlierDetection: boolean): TrafficProblem[] {
  const at = (...path: string[]): string[] => ["loadBalancer", "locality", ...path];
  const problems: TrafficProblem[] = [];
  if ((distribute === undefined) === (failover === undefined)) {
    const repairs = distribute
      ? [{ remove: at("distribute") }, { remove: at("failover") }]
      : [{ remove: at() }];
    problems.push(trafficProblem("localityKinds", at(), { both: distribute !== undefined }, ...repairs));
  }
  problems.push(...overlaps(Object.keys(distribute ?? {}), at("distribute")));
  for (const [from, to] of Object.entries(distribute ?? {})) {
    const path = at("distribute", from);
    problems.push(...overlaps(Object.keys(to), path));
    const total = Object.values(to).reduce((a, b) => a + b, 0);
    const last = Object.entries(to).at(-1);
    if (total === 100) continue;
    const fill = 100 - total + (last?.[1] ?? 0);
    const repairs = last && fill >= 1 && fill <= 100 ? [{ at: [...path, last[0]], set: fill }] : [];
    problems.push(trafficProblem("localitySum", path, { sum: last && total }, ...repairs));
  }
  for (const [from, to] of Object.entries(failover ?? {})) {
    const path = at("failover", from);
    if (from === to) problems.push(trafficProblem("localityFailoverToItself", path, {}, { remove: path }));
  }
  if (failover && !outlierDetection) {
    problems.push(
      trafficProblem(
        "localityFailoverBlind",
        at("failover"),
        {},
        { at: ["circuitBreaker", "outlierDetection", "consecutive5xxErrors"], set: 5 },
        { remove: at("failover") },
      ),
    );
  }
  return problems;
}

/** Istio refuses a list of localities where one contains another. */
function overlaps(localities: readonly string[], path: readonly string[]): TrafficProblem[] {
  return localities.flatMap((inner) => {
    const outer = localities.find((other) => other !== inner && localityCovers(other, inner));
    if (outer === undefined) return [];
    const either = [{ remove: [...path, inner] }, { remove: [...path, outer] }];
    return [trafficProblem("localitiesOverlap", [...path, inner], { inner, outer }, ...either)];
  });
}

/** A locality in one spelling: "eu" and "eu/*" both are all zones of a region. */
function localityCovers(outer: string, inner: string): boolean {
  const parts = (locality: string): string[] => locality.split("/").filter((part) => part !== "*");
  const [a, b] = [parts(outer), parts(inner)];
  if (a.length === b.length && outer > inner) return false;
  return a.every((part, i) => part === b[i]);
}
