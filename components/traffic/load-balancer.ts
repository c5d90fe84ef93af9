/** How a proxy picks one of the endpoints of a version. Source: Istio DestinationRule, LoadBalancerSettings. */

/** The algorithms without a key, by Istio's names. LEAST_REQUEST is Istio's default and ours. */
export const LoadBalancerAlgorithm = {
  /** One endpoint after the other. */
  ROUND_ROBIN: "ROUND_ROBIN",
  /** Of two random endpoints the one with fewer requests in flight. */
  LEAST_REQUEST: "LEAST_REQUEST",
  /** Any healthy endpoint. */
  RANDOM: "RANDOM",
  /** The address that the caller asked for, unbalanced. */
  PASSTHROUGH: "PASSTHROUGH",
} as const;
export type LoadBalancerAlgorithm = (typeof LoadBalancerAlgorithm)[keyof typeof LoadBalancerAlgorithm];

/** The cookie that carries the hash key. */
export interface HashCookie {
  readonly name: string;
  readonly path?: string;
  /** Lifetime in milliseconds; 0 is a session cookie. With a lifetime Envoy mints a missing cookie; without, it hashes only one that is there. */
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

export type LoadBalancer = LoadBalancerAlgorithm | { readonly consistentHash: ConsistentHash };
