import { defined } from "../istio/defined";
import type { AuthorizationPolicySpec, AuthorizationRule, Source } from "../istio/authorization-policy";
import { claimKey, type ClaimValues } from "../traffic/claims";
import { UNREADABLE_CLIENTS } from "./client-address";
import { allBut } from "./complement";
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
  /**
   * A gateway that serves others too: the hosts that the lists are about. Both lists are then DENY, since ALLOW would refuse
   * the others' requests. With `preflights` CORS preflights of what is allowed pass; a gateway of our own answers them
   * before. Default: every host of the gateway.
   */
  readonly shared?: { readonly hosts: readonly string[]; readonly preflights: boolean };
}

/**
 * Plans the lists for the proxies that `selector` names.
 *
 * @throws RangeError with `shared`, for claims (the proxies verify no token of ours) and for a list that takes too many rules.
 */
export function planAccess(lists: AccessLists, args: AccessPlanArgs): AccessPlan {
  const { selector, trustedProxies, shared } = args;
  const told = shared !== undefined || trustedProxies > 0;
  const rule = (entry: AccessEntry): AuthorizationRule => ({
    ...(entry.addresses && {
      from: [{ source: clients(entry.addresses, told) }],
    }),
    ...toOperation(operationOf(entry)),
    ...(entry.claims && {
      when: Object.entries(entry.claims).map(([claim, values]) => ({ key: claimKey(claim), values })),
    }),
  });
  const { deny, allow } = lists;
  if (shared) {
    if ([...(deny ?? []), ...(allow ?? [])].some(({ claims }) => claims))
      throw new RangeError("claims are known to a gateway of our own only");
    const { hosts, preflights } = shared;
    const allowed = (allow ?? []).map(rule);
    return {
      ...(deny && { deny: { selector, action: "DENY", rules: onHosts(deny.map(rule), hosts) } }),
      ...(allow && {
        allow: {
          selector,
          action: "DENY",
          rules: onHosts(allBut([...allowed, ...(preflights ? allowed.map(preflightOf) : [])]), hosts),
        },
      }),
    };
  }
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

/** What a preflight has (Fetch standard, "CORS-preflight request"). */
const PREFLIGHT: NonNullable<AuthorizationRule["when"]> = ["origin", "access-control-request-method"].map(
  (name) => ({
    key: `request.headers[${name}]`,
    values: ["*"],
  }),
);

/** A CORS preflight for what `rule` allows: its method is another one. */
function preflightOf({ from, to }: AuthorizationRule): AuthorizationRule {
  const paths = to?.[0]?.operation.paths;
  return defined({ from, ...toOperation(defined({ paths, methods: ["OPTIONS"] })), when: PREFLIGHT });
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
