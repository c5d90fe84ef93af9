import type { AuthorizationPolicySpec, AuthorizationRule, Source } from "../istio/authorization-policy";
import { claimKey, type ClaimValues } from "./claims";
import { UNREADABLE_CLIENTS } from "./client-address";
import { operationOf, toOperation, type RequestCondition } from "./request-condition";

/** Requests that are allowed or denied at the gateway: all conditions that are given must hold, and one at least is. */
export interface AccessEntry extends RequestCondition {
  /** Clients, as addresses or CIDR blocks. */
  readonly addresses?: readonly string[];
  /** Claims of the verified token. */
  readonly claims?: ClaimValues;
}

/** A request that an entry of `deny` matches is refused; where there is `allow`, so is one that none of its entries matches. */
export interface AccessLists {
  readonly deny?: readonly AccessEntry[];
  readonly allow?: readonly AccessEntry[];
}

/** The lists as policies; absent where there is no list. */
export interface AccessPlan {
  readonly deny?: AuthorizationPolicySpec;
  readonly allow?: AuthorizationPolicySpec;
}

export interface AccessPlanArgs {
  readonly selector: NonNullable<AuthorizationPolicySpec["selector"]>;
  /**
   * Proxies in front of the gateway, each of which appends the address of its peer to `X-Forwarded-For`. With none the
   * client is the peer, and whatever the header says is the client's own word.
   */
  readonly trustedProxies: number;
}

/** Plans the lists for the proxies that `selector` names. CORS preflights never come to them: the gateway answers those before. */
export function planAccess(lists: AccessLists, args: AccessPlanArgs): AccessPlan {
  const { selector, trustedProxies } = args;
  const rule = (entry: AccessEntry): AuthorizationRule => ({
    ...(entry.addresses && { from: [{ source: clients(entry.addresses, trustedProxies) }] }),
    ...toOperation(operationOf(entry)),
    ...(entry.claims && {
      when: Object.entries(entry.claims).map(([claim, values]) => ({ key: claimKey(claim), values })),
    }),
  });
  const { deny, allow } = lists;
  const byAddress = [...(deny ?? []), ...(allow ?? [])].some(({ addresses }) => addresses !== undefined);
  const denied = [
    ...(deny ?? []).map(rule),
    // Nobody can say whether a list is about them.
    ...(byAddress && trustedProxies > 0 ? [rule({ addresses: [UNREADABLE_CLIENTS] })] : []),
  ];
  return {
    ...(denied.length > 0 && { deny: { selector, action: "DENY", rules: denied } }),
    ...(allow && { allow: { selector, action: "ALLOW", rules: allow.map(rule) } }),
  };
}

/** Istio's two sources: the peer of the connection, or the client as trusted proxies tell it. */
function clients(addresses: readonly string[], trustedProxies: number): Source {
  return trustedProxies > 0 ? { remoteIpBlocks: addresses } : { ipBlocks: addresses };
}
