import { defined } from "../istio/without-undefined";
import type { AuthorizationPolicySpec, AuthorizationRule, Source } from "../istio/authorization-policy";
import { claimKey, type ClaimValues } from "../traffic/claims";
import { UNREADABLE_CLIENTS } from "./client-address";
import { allBut } from "./deny-all-but";
import { operationOf, toOperation, type RequestCondition } from "./request-condition";

/** Requests that the gateway allows or denies. At least one condition is given, and all given ones must hold. */
export interface AccessEntry extends RequestCondition {
  /** Clients, as addresses or CIDR blocks. */
  readonly addresses?: readonly string[];
  /** Claims of the verified token. */
  readonly claims?: ClaimValues;
}

/** A request that matches an entry of `deny` is refused. With `allow`, a request that matches none of its entries is refused too. */
export interface AccessLists {
  readonly deny?: readonly AccessEntry[];
  readonly allow?: readonly AccessEntry[];
}

/** The lists as policies. A list that is missing has no policy. */
export interface AccessPlan {
  readonly deny?: AuthorizationPolicySpec;
  readonly allow?: AuthorizationPolicySpec;
}

export interface AccessPlanArgs {
  readonly selector: NonNullable<AuthorizationPolicySpec["selector"]>;
  /**
   * Number of proxies in front of the gateway, each of which appends the address of its peer to `X-Forwarded-For`. With 0 the
   * client is the peer of the connection, and the header does not count.
   */
  readonly trustedProxies: number;
  /**
   * For a gateway with other users: the hosts that the lists apply to. Both policies are then DENY, since ALLOW would refuse
   * the requests of the other users. With `preflights`, CORS preflights of allowed requests pass; a gateway of this stack
   * answers them before the lists. Default: every host of the gateway.
   */
  readonly shared?: { readonly hosts: readonly string[]; readonly preflights: boolean };
}

/**
 * Plans the lists for the proxies that `selector` names.
 *
 * @throws RangeError with `shared`, for claims, since a shared gateway does not verify the tokens of this service, and for a
 *   list that needs too many rules.
 */
export function planAccess(lists: AccessLists, args: AccessPlanArgs): AccessPlan {
  const { selector, trustedProxies, shared } = args;
  const byHeader = shared !== undefined || trustedProxies > 0;
  const rule = (entry: AccessEntry): AuthorizationRule => ({
    ...(entry.addresses && {
      from: [{ source: clients(entry.addresses, byHeader) }],
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
    // A list of addresses cannot be applied to a client whose address is unreadable.
    ...(byAddress && trustedProxies > 0 ? [rule({ addresses: [UNREADABLE_CLIENTS] })] : []),
  ];
  return {
    ...(denied.length > 0 && { deny: { selector, action: "DENY", rules: denied } }),
    ...(allow && { allow: { selector, action: "ALLOW", rules: allow.map(rule) } }),
  };
}

/** Headers of a preflight (Fetch standard, "CORS-preflight request"). */
const PREFLIGHT: NonNullable<AuthorizationRule["when"]> = ["origin", "access-control-request-method"].map(
  (name) => ({
    key: `request.headers[${name}]`,
    values: ["*"],
  }),
);

/** A rule that allows the CORS preflights of the requests that `rule` allows. */
function preflightOf({ from, to }: AuthorizationRule): AuthorizationRule {
  const paths = to?.[0]?.operation.paths;
  return defined({ from, ...toOperation(defined({ paths, methods: ["OPTIONS"] })), when: PREFLIGHT });
}

/** Restricts rules to hosts, with and without a port. */
const onHosts = (rules: readonly AuthorizationRule[], hosts: readonly string[]): AuthorizationRule[] =>
  rules.map(({ to, ...rule }) => ({
    ...rule,
    ...toOperation({ ...to?.[0]?.operation, hosts: hosts.flatMap((host) => [host, `${host}:*`]) }),
  }));

/** Istio's two kinds of addresses: the peer of the connection, or the client from the headers of trusted proxies. */
function clients(addresses: readonly string[], byHeader: boolean): Source {
  return byHeader ? { remoteIpBlocks: addresses } : { ipBlocks: addresses };
}
