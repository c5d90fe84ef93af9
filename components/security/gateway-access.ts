import type { AuthorizationPolicySpec, AuthorizationRule, Source } from "../istio/authorization-policy";
import { claimKey, type ClaimValues } from "./claims";
import { allBut } from "./complement";
import { operationOf, preflightOf, toOperation, type RequestCondition } from "./request-condition";

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
  /** Whether CORS preflights of what is allowed pass: they come without a token and by another method. */
  readonly preflights: boolean;
  /**
   * Hosts that the lists are about, at a gateway that serves others too: both lists are then DENY, since ALLOW would refuse
   * the others' requests. Default: every host of the gateway.
   */
  readonly hosts?: readonly string[];
}

/**
 * Plans the lists for the proxies that `selector` names.
 *
 * @throws RangeError with `hosts`, for claims (the proxies verify no token of ours) and for a list that takes too many rules.
 */
export function planAccess(lists: AccessLists, args: AccessPlanArgs): AccessPlan {
  const { selector, trustedProxies, preflights, hosts } = args;
  const rule = (entry: AccessEntry): AuthorizationRule => ({
    ...(entry.addresses && {
      from: [{ source: clients(entry.addresses, hosts !== undefined || trustedProxies > 0) }],
    }),
    ...toOperation(operationOf(entry)),
    ...(entry.claims && {
      when: Object.entries(entry.claims).map(([claim, values]) => ({ key: claimKey(claim), values })),
    }),
  });
  const { deny, allow } = lists;
  const allowed = allow?.map(rule);
  if (hosts) {
    if ([...(deny ?? []), ...(allow ?? [])].some(({ claims }) => claims))
      throw new RangeError("claims are known to a gateway of our own only");
    return {
      ...(deny && { deny: { selector, action: "DENY", rules: onHosts(deny.map(rule), hosts) } }),
      ...(allowed && {
        allow: {
          selector,
          action: "DENY",
          rules: onHosts(allBut([...allowed, ...(preflights ? allowed.map(preflightOf) : [])]), hosts),
        },
      }),
    };
  }
  return {
    ...(deny && { deny: { selector, action: "DENY", rules: deny.map(rule) } }),
    ...(allowed && {
      allow: {
        selector,
        action: "ALLOW",
        rules: [...allowed, ...(preflights ? allowed.map(preflightOf) : [])],
      },
    }),
  };
}

/** Clients may name the port beside the host. */
const onHosts = (rules: readonly AuthorizationRule[], hosts: readonly string[]): AuthorizationRule[] =>
  rules.map(({ to, ...rule }) => ({
    ...rule,
    ...toOperation({ ...to?.[0]?.operation, hosts: hosts.flatMap((host) => [host, `${host}:*`]) }),
  }));

/** Istio's two sources: the peer of the connection, or the client as trusted proxies tell it. */
function clients(addresses: readonly string[], told: boolean): Source {
  return told ? { remoteIpBlocks: addresses } : { ipBlocks: addresses };
}
