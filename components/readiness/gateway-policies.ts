/**
 * Has a gateway proxy taken up the policies that were written for it? Compares the objects with Envoy's own answer.
 *
 * Pure: takes the specs and the parsed body of Envoy's `config_dump?resource=dynamic_listeners`. What Envoy gets of a
 * policy is in Istio's pilot/pkg/security/authz/model and authn.
 */
import { isIPv4 } from "node:net";
import type { AuthorizationPolicySpec, AuthorizationRule } from "../istio/authorization-policy";
import type { JwtRuleSpec, RequestAuthenticationSpec } from "../istio/request-authentication";
import type { GatewayPolicies, Written } from "../security/written-policies";

/** `GET config_dump?resource=dynamic_listeners`, the part that is read. */
export interface ListenerDump {
  readonly configs?: readonly {
    readonly active_state?: { readonly listener?: Listener };
    /** There while a change waits for what it needs. */
    readonly warming_state?: { readonly listener?: Listener };
    /** There while Envoy refuses what it was sent last. */
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

/** Parsed JSON below a key. */
type Tree = Readonly<Record<string, unknown>>;

/** The servers of a listener. */
const serversOf = (listener: Listener | undefined) =>
  [...(listener?.filter_chains ?? []), listener?.default_filter_chain ?? {}]
    .flatMap(({ filters = [] }) => filters.map(({ typed_config }) => typed_config))
    // Of a Gateway object; a proxy has listeners of its own beside these.
    .filter((config) => /^https?\./.test(config?.rds?.route_config_name ?? ""));

/** Why the listeners before some route configurations are not as istiod sent them, in words; undefined where they are. */
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

/**
 * What a proxy's listeners still lack of `policies`, in words; undefined once every server of every listener has them.
 *
 * @param issuers of all RequestAuthentications in the cluster: no other may be believed. Left out, nothing is known of others.
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
      ? "has no listener yet"
      : servers
          .flatMap((filters) => {
            const of = (...names: string[]): Tree[] =>
              filters
                .filter((f) => names.includes(f.name ?? ""))
                .map(({ typed_config = {} }) => typed_config);
            // With ENABLE_GATEWAY_API_HTTPROUTE_AUTH, Istio 1.32 gives what allows a name of its own (its upgrade notes).
            const rbac = of("envoy.filters.http.rbac", "istio.authorization.allow");
            const jwt = of("envoy.filters.http.jwt_authn");
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

/** The conditions of a rule as sorted texts, each once: `not header x-a exact "b"`. */
function writtenConditions({ from = [], to = [], when = [] }: AuthorizationRule): readonly string[] {
  const all: string[] = [];
  const add = (values: readonly string[] | undefined, of: (value: string) => string): void => {
    for (const value of values ?? []) all.push(of(value));
  };
  for (const { source } of from) {
    add(source.ipBlocks, (block) => `peer ${network(block)}`);
    add(source.remoteIpBlocks, (block) => `client ${network(block)}`);
    add(source.notRemoteIpBlocks, (block) => `not client ${network(block)}`);
    for (const [not, principals] of [
      ["", source.requestPrincipals],
      ["not ", source.notRequestPrincipals],
    ] as const) {
      add(principals, (principal) => {
        const at = principal.lastIndexOf("/");
        const [issuer, subject] = at < 0 ? ["*", "*"] : [principal.slice(0, at), principal.slice(at + 1)];
        all.push(`${not}claim sub ${textTest(subject)}`);
        return `${not}claim iss ${textTest(issuer)}`;
      });
    }
  }
  for (const { operation } of to) {
    add(operation.hosts, (host) => `header :authority ${textTest(host)}`);
    add(operation.methods, (method) => `header :method ${textTest(method)}`);
    add(operation.notMethods, (method) => `not header :method ${textTest(method)}`);
    add(operation.paths, (path) => `path ${pathTest(path)}`);
    add(operation.notPaths, (path) => `not path ${pathTest(path)}`);
    add(operation.ports, (port) => `port ${port}`);
  }
  for (const { key, values, notValues } of when) {
    const [name = ""] = /\[.*\]$/.exec(key) ?? [];
    const names = name.slice(1, -1).split("][").join(".");
    const subject = key.startsWith("request.headers") ? `header ${names.toLowerCase()}` : `claim ${names}`;
    add(values, (value) => `${subject} ${textTest(value)}`);
    add(notValues, (value) => `not ${subject} ${textTest(value)}`);
  }
  return [...new Set(all)].sort();
}

function textTest(text: string): string {
  if (text === "*") return "present";
  if (text.startsWith("*")) return `suffix ${JSON.stringify(text.slice(1))}`;
  if (text.endsWith("*")) return `prefix ${JSON.stringify(text.slice(0, -1))}`;
  return `exact ${JSON.stringify(text)}`;
}

const pathTest = (path: string): string =>
  path.includes("{*") ? `template ${path.replaceAll(/\{(\*+)\}/g, "$1")}` : textTest(path);

/** What Envoy judges by a policy, in the same texts. */
function heldConditions(policy: unknown): readonly string[] {
  const all: string[] = [];
  walk(policy, "", (text) => all.push(text));
  return [...new Set(all)].sort();
}

function walk(node: unknown, not: string, add: (text: string) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) {
    for (const item of node) walk(item, not, add);
    return;
  }
  for (const [key, value] of Object.entries(node as Tree)) {
    const at = value as Tree;
    if (key === "not_rule" || key === "not_id") walk(value, not === "" ? "not " : "", add);
    else if (key === "header") add(`${not}header ${at.name as string} ${heldTest(at)}`);
    else if (key === "url_path") add(`${not}path ${heldTest(at.path)}`);
    else if (key === "uri_template")
      add(`${not}path template ${(at.typed_config as Tree).path_template as string}`);
    else if (key === "direct_remote_ip") add(`${not}peer ${heldNetwork(at)}`);
    else if (key === "remote_ip") add(`${not}client ${heldNetwork(at)}`);
    else if (key === "destination_port") add(`${not}port ${String(value)}`);
    else if (key === "metadata") {
      const path = at.path as readonly { readonly key: string }[];
      // Of the token's payload.
      const claim = path.slice(1).map((part) => part.key);
      for (const test of stringMatches(at.value)) add(`${not}claim ${claim.join(".")} ${test}`);
    } else walk(value, not, add);
  }
}

/** A claim is matched as text and as list, by the same values. */
function stringMatches(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  if ("string_match" in node) return [heldTest(node.string_match)];
  return Object.values(node).flatMap(stringMatches);
}

function heldTest(matcher: unknown): string {
  const { string_match, ...test } = matcher as {
    readonly string_match?: unknown;
    readonly exact?: string;
    readonly prefix?: string;
    readonly suffix?: string;
    readonly present_match?: boolean;
    readonly safe_regex?: { readonly regex?: string };
  };
  if (string_match !== undefined) return heldTest(string_match);
  // What stands for any text.
  if (test.present_match === true || test.safe_regex?.regex === ".+") return "present";
  for (const kind of ["exact", "prefix", "suffix"] as const) {
    if (test[kind] !== undefined) return `${kind} ${JSON.stringify(test[kind])}`;
  }
  return JSON.stringify(test);
}

const heldNetwork = ({ address_prefix, prefix_len }: Tree): string =>
  network(`${address_prefix as string}/${Number(prefix_len ?? 0)}`);

/** An address or a CIDR block in one spelling, without bits beyond its length. */
function network(block: string): string {
  const [address = "", length] = block.split("/");
  const v4 = isIPv4(address);
  const size = Number(length ?? (v4 ? 32 : 128));
  const bits = v4
    ? address.split(".").map((part) => Number(part).toString(2).padStart(8, "0"))
    : groups(address).map((part) => Number.parseInt(part, 16).toString(2).padStart(16, "0"));
  const kept = bits
    .join("")
    .slice(0, size)
    .padEnd(v4 ? 32 : 128, "0");
  const parts = kept.match(v4 ? /.{8}/g : /.{16}/g) ?? [];
  return `${parts.map((part) => Number.parseInt(part, 2).toString(v4 ? 10 : 16)).join(v4 ? "." : ":")}/${size}`;
}

/** The eight groups of an IPv6 address. */
function groups(address: string): string[] {
  const [head = [], tail = []] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split("::")
    .map((half) => half.split(":").filter(Boolean));
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
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
    const of = `RequestAuthentication ${name}, issuer ${rule.issuer}`;
    const provider = providers.find(({ issuer }) => issuer === rule.issuer);
    if (provider === undefined) return `lacks ${of}`;
    const held = heldTokens(provider);
    const differs = Object.entries(writtenTokens(rule)).find(([key, value]) => held[key] !== value);
    if (differs) return `has other ${differs[0]} for ${of}`;
  }
  return undefined;
}

/** Keys that istiod fetches are its own affair. */
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
