/**
 * Compares the policies that a gateway proxy has with the objects that were written for it.
 *
 * Pure: the input is the specs and the parsed body of Envoy's `config_dump?resource=dynamic_listeners`. Istio translates a
 * policy for Envoy in pilot/pkg/security/authz/model and authn.
 */
import type { AuthorizationPolicySpec } from "../istio/authorization-policy";
import type { JwtRuleSpec, RequestAuthenticationSpec } from "../istio/request-authentication";
import type { GatewayPolicies, Written } from "../security/written-policies";
import { heldConditions, writtenConditions, type Tree } from "./policy-conditions";

/** Question to Envoy for its listeners; {@link ListenerDump} is the answer. */
export const LISTENERS_QUESTION = "config_dump?resource=dynamic_listeners";

/** The part that is read of `GET config_dump?resource=dynamic_listeners`. */
export interface ListenerDump {
  readonly configs?: readonly {
    readonly active_state?: { readonly listener?: Listener };
    /** Set while a change waits for its secrets or routes. */
    readonly warming_state?: { readonly listener?: Listener };
    /** Set while Envoy refuses the configuration that it was sent last. */
    readonly error_state?: { readonly details?: string };
  }[];
}

interface Listener {
  readonly filter_chains?: readonly FilterChain[];
  readonly default_filter_chain?: FilterChain;
}

interface FilterChain {
  readonly filter_chain_match?: { readonly server_names?: readonly string[] };
  readonly transport_socket?: {
    readonly typed_config?: {
      readonly require_client_certificate?: boolean;
      readonly common_tls_context?: {
        readonly tls_params?: { readonly tls_minimum_protocol_version?: string };
      };
    };
  };
  readonly filters?: readonly {
    readonly typed_config?: {
      readonly rds?: { readonly route_config_name?: string };
      readonly http_filters?: readonly { readonly name?: string; readonly typed_config?: Tree }[];
    };
  }[];
}

/** The HTTP connection managers of a listener that belong to a Gateway object. */
const serversOf = (listener: Listener | undefined) =>
  [...(listener?.filter_chains ?? []), listener?.default_filter_chain ?? {}]
    .flatMap(({ filters = [] }) => filters.map(({ typed_config }) => typed_config))
    // A proxy also has listeners of its own, with other names.
    .filter((config) => /^https?\./.test(config?.rds?.route_config_name ?? ""));

/**
 * Why a listener that uses one of `routeConfigs` is not as istiod sent it, in words; undefined where all are.
 */
export function pendingLag(dump: ListenerDump, routeConfigs: ReadonlySet<string>): string | undefined {
  const [pending] = (dump.configs ?? []).filter(
    ({ active_state, warming_state, error_state }) =>
      (warming_state ?? error_state) &&
      [...serversOf(active_state?.listener), ...serversOf(warming_state?.listener)].some((config) =>
        routeConfigs.has(config?.rds?.route_config_name ?? ""),
      ),
  );
  if (pending === undefined) return undefined;
  const refused = pending.error_state?.details;
  return refused === undefined ? "has a listener that is not ready" : `refuses its configuration: ${refused}`;
}

/** What {@link policyLag} says of a proxy to which nobody can connect. */
export const NO_LISTENER = "has no listener yet";

/**
 * How a proxy's listeners differ from `policies`, in words; undefined once every server of every listener has them.
 *
 * @param issuers of all RequestAuthentications in the cluster; tokens of other issuers may not be accepted. Default: other
 *   issuers are not compared.
 */
export function policyLag(
  dump: ListenerDump,
  policies: GatewayPolicies,
  issuers?: ReadonlySet<string>,
): string | undefined {
  const servers = (dump.configs ?? [])
    .flatMap(({ active_state }) => serversOf(active_state?.listener))
    .map((config) => config?.http_filters ?? []);
  const lag =
    servers.length === 0
      ? NO_LISTENER
      : servers
          .flatMap((filters) => {
            const configsOf = (...names: string[]): Tree[] =>
              filters
                .filter((f) => names.includes(f.name ?? ""))
                .map(({ typed_config = {} }) => typed_config);
            // With ENABLE_GATEWAY_API_HTTPROUTE_AUTH, Istio 1.32 gives the filter of ALLOW policies another name (upgrade notes).
            const rbac = configsOf("envoy.filters.http.rbac", "istio.authorization.allow");
            const jwt = configsOf("envoy.filters.http.jwt_authn");
            return [
              ...policies.access.map((policy) => accessLag(rbac, policy)),
              ...policies.tokens.map((authentication) => tokenLag(jwt, authentication)),
              issuers && issuerLag(jwt, issuers),
            ];
          })
          .find((found) => found !== undefined);
  if (lag === undefined) return undefined;
  const refused = dump.configs?.find(({ error_state }) => error_state)?.error_state?.details;
  return refused === undefined ? lag : `${lag} and refuses its configuration: ${refused}`;
}

function accessLag(
  filters: readonly Tree[],
  { metadata, spec }: Written<AuthorizationPolicySpec>,
): string | undefined {
  const { name, namespace, annotations } = metadata;
  const place = annotations?.["istio.io/dry-run"] === "true" ? "shadow_rules" : "rules";
  const action = spec.action ?? "ALLOW";
  const prefix = `ns[${namespace}]-policy[${name}]-rule[`;
  const found = new Map<string, readonly string[]>();
  for (const filter of filters) {
    for (const [at, rules] of Object.entries(filter)) {
      if (at !== "rules" && at !== "shadow_rules") continue;
      // Envoy leaves out the default, which is ALLOW.
      const { action: has = "ALLOW", policies = {} } = rules as { action?: string; policies?: Tree };
      for (const [key, policy] of Object.entries(policies)) {
        if (!key.startsWith(prefix)) continue;
        if (at !== place || has !== action) return `still judges AuthorizationPolicy ${name} in another way`;
        found.set(key, heldConditions(policy));
      }
    }
  }
  const rules = spec.rules ?? [];
  if (found.size > rules.length) return `still has more rules of AuthorizationPolicy ${name}`;
  for (const [index, rule] of rules.entries()) {
    const held = found.get(`${prefix}${index}]`);
    if (held === undefined) return `has no rule ${index + 1} of AuthorizationPolicy ${name}`;
    const wanted = writtenConditions(rule);
    const missing = wanted.filter((condition) => !held.includes(condition));
    const stale = held.filter((condition) => !wanted.includes(condition));
    if (missing.length > 0) return `lacks in rule ${index + 1} of AuthorizationPolicy ${name}: ${missing[0]}`;
    if (stale.length > 0) return `still has in rule ${index + 1} of AuthorizationPolicy ${name}: ${stale[0]}`;
  }
  return undefined;
}

const providersOf = (filters: readonly Tree[]): Tree[] =>
  filters.flatMap(({ providers = {} }) => Object.values(providers as Tree)) as Tree[];

function issuerLag(filters: readonly Tree[], issuers: ReadonlySet<string>): string | undefined {
  const stale = providersOf(filters).find(({ issuer }) => typeof issuer === "string" && !issuers.has(issuer));
  return stale && `still takes tokens of issuer ${stale.issuer as string}`;
}

function tokenLag(
  filters: readonly Tree[],
  { metadata: { name }, spec }: Written<RequestAuthenticationSpec>,
): string | undefined {
  const providers = providersOf(filters);
  for (const rule of spec.jwtRules) {
    const subject = `RequestAuthentication ${name}, issuer ${rule.issuer}`;
    const provider = providers.find(({ issuer }) => issuer === rule.issuer);
    if (provider === undefined) return `lacks ${subject}`;
    const held = heldTokens(provider);
    const differs = Object.entries(writtenTokens(rule)).find(([key, value]) => held[key] !== value);
    if (differs) return `has other ${differs[0]} for ${subject}`;
  }
  return undefined;
}

/** The fields of a rule as texts. Keys that istiod fetches are not in the object, so they are not compared. */
function writtenTokens(rule: JwtRuleSpec): Readonly<Record<string, string>> {
  return {
    audiences: JSON.stringify(rule.audiences ?? []),
    ...(rule.jwks !== undefined && { keys: rule.jwks }),
    headers: JSON.stringify((rule.fromHeaders ?? []).map(({ name, prefix = "" }) => [name, prefix])),
    parameters: JSON.stringify(rule.fromParams ?? []),
    cookies: JSON.stringify(rule.fromCookies ?? []),
    "handling of the token": String(rule.forwardOriginalToken ?? false),
  };
}

function heldTokens(provider: Tree): Readonly<Record<string, string | undefined>> {
  const headers = (provider.from_headers ?? []) as {
    readonly name: string;
    readonly value_prefix?: string;
  }[];
  return {
    audiences: JSON.stringify(provider.audiences ?? []),
    keys: (provider.local_jwks as { readonly inline_string?: string } | undefined)?.inline_string,
    headers: JSON.stringify(headers.map(({ name, value_prefix = "" }) => [name, value_prefix])),
    parameters: JSON.stringify(provider.from_params ?? []),
    cookies: JSON.stringify(provider.from_cookies ?? []),
    "handling of the token": String(provider.forward === true),
  };
}
