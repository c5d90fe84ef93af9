/**
 * What the gateway does with a request: which rule decides, and where it goes.
 *
 * Models Envoy under Istio's configuration (Envoy: "HTTP route matching"; Istio: pilot/pkg/networking/core/route) on
 * plain data: a plan is what is written to the cluster. Faults, retries and circuit breaking are left out: they change
 * what becomes of a request, not where it is sent.
 */
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { RequestAuthenticationSpec } from "../istio/request-authentication";
import type { HttpMatchRequest, HttpRoute, StringMatch, VirtualServiceSpec } from "../istio/virtual-service";
import { authorization, type ProxyRequest, type Refusal, type WrittenPolicy } from "./authorization";
import { claimTexts } from "../traffic/claims";
import { clientAddress } from "../security/client-address";
import { verification, type Token } from "./token";
import { normalizedPath, type PathNormalization } from "./path-normalization";
import { isLimited } from "../traffic/rate-limit";
import { wholeMatch } from "../traffic/regex";
import type { Shares } from "../traffic/weights";

/** A request as a client sends it. */
export interface SimulatedRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** With the port, where the client sends one. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
  /** Names in lowercase; several values are several lines of one name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** From where it comes to the gateway. Default: from nowhere that a policy names. */
  readonly address?: string;
  /** Default: none. */
  readonly token?: Token;
}

/** What is written to the cluster, as far as it decides about requests at a gateway. */
export interface SimulatedPlan {
  /** Bound to the gateway; of one host the older ones first. */
  readonly virtualServices: readonly VirtualServiceSpec[];
  /** Default: Istio's BASE. */
  readonly pathNormalization?: PathNormalization;
  /** Whether what came by HTTP to a proxy before the gateway is sent to HTTPS (Istio: `httpsRedirect` of the server). */
  readonly forwardedHttps?: boolean;
  /** What answers plain HTTP, where it is not served but sent to HTTPS. */
  readonly httpsRedirect?: readonly VirtualServiceSpec[];
  /** For the gateway's pods. */
  readonly authorizationPolicies?: readonly WrittenPolicy[];
  /** For the gateway's pods. Default: tokens are not looked at. */
  readonly requestAuthentication?: RequestAuthenticationSpec;
  /** Proxies in front of the gateway. Default 0. */
  readonly trustedProxies?: number;
  /** Of the gateway's EnvoyFilters: which rules have rate limits. */
  readonly gatewayPatches?: readonly EnvoyConfigPatch[];
}

/** Why a request is refused: by the policies, or for its token. */
export type Denial =
  ({ readonly status: 403 } & Refusal) | { readonly status: 401 | 403; readonly reason: "token" };

/** What becomes of a request. `rule` is the name of the rule that decides, as access logs have it. */
export type Decision =
  | {
      readonly kind: "routed";
      readonly rule: string;
      /** Version → percent. */
      readonly shares: Shares;
      /** Path and host as the version gets them. */
      readonly path: string;
      readonly host: string;
      /** Whether the rule has a limit, which refuses the request (429) when those before it have used it up. */
      readonly limited: boolean;
    }
  | {
      readonly kind: "redirected";
      readonly rule: string;
      readonly status: number;
      readonly location: string;
    }
  | { readonly kind: "answered"; readonly rule: string; readonly status: number; readonly body: string }
  /** A CORS preflight, answered by the gateway. */
  | { readonly kind: "preflight"; readonly rule: string; readonly allowed: boolean }
  | ({ readonly kind: "denied" } & Denial)
  | { readonly kind: "not found" }
  /** A path that no server should be shown. */
  | { readonly kind: "bad request" };

const compiled = new WeakMap<SimulatedPlan, (request: SimulatedRequest) => Decision>();

/** What becomes of `request`. A plan is compiled once. */
export function route(request: SimulatedRequest, plan: SimulatedPlan): Decision {
  let decide = compiled.get(plan);
  if (!decide) compiled.set(plan, (decide = compile(plan)));
  return decide(request);
}

/** A request as policies and routes see it. */
interface Seen extends ProxyRequest {
  readonly request: SimulatedRequest;
  /** By which the client asks, as far as proxies are trusted to say so. */
  readonly scheme: string;
  /** Normalized, with its query. */
  readonly whole: string;
  query: ReadonlyMap<string, string> | undefined;
  claims: ProxyRequest["claims"];
}
type Condition = (seen: Seen) => boolean;
interface CompiledRoute {
  readonly matches: Condition;
  readonly decide: (seen: Seen) => Decision;
  /** Where the route has CORS. */
  readonly preflight: ((seen: Seen) => Decision | undefined) | undefined;
}

/** What Envoy has in the place of all routes of a host (`require_tls`). */
const TO_HTTPS: readonly CompiledRoute[] = [
  {
    matches: () => true,
    decide: ({ host, whole }) => ({
      ...{ kind: "redirected", rule: "", status: 301 },
      location: `https://${host}${whole}`,
    }),
    preflight: undefined,
  },
];
const NOT_FOUND: Decision = { kind: "not found" };
const BAD_REQUEST: Decision = { kind: "bad request" };
const NO_HEADERS: ProxyRequest["headers"] = {};

/**
 * A plan as a function. In Envoy's order: the path, preflights, the token, the policies, and last what the route says, a
 * redirect to HTTPS included.
 */
export function compile(plan: SimulatedPlan): (request: SimulatedRequest) => Decision {
  const served = virtualHosts(plan);
  const plain = plan.httpsRedirect ? virtualHosts({ virtualServices: plan.httpsRedirect }) : served;
  const { pathNormalization = "BASE", trustedProxies = 0 } = plan;
  const verify = plan.requestAuthentication && verification(plan.requestAuthentication);
  const refuse = plan.authorizationPolicies && authorization(plan.authorizationPolicies);
  return (request) => {
    if (!request.path.startsWith("/")) return NOT_FOUND;
    const whole = normalizedPath(request.path, pathNormalization);
    if (whole === undefined) return BAD_REQUEST;
    const headers = request.headers ?? NO_HEADERS;
    const { method, address, token } = request;
    const host = withoutDot(request.host);
    const forwarded = trustedProxies > 0 ? textOf(headers["x-forwarded-proto"]) : "";
    const at = whole.indexOf("?");
    const seen: Seen = {
      request,
      scheme: forwarded || request.scheme,
      method,
      host,
      headers,
      whole,
      path: at < 0 ? whole : whole.slice(0, at),
      query: undefined,
      claims: undefined,
      peer: address,
      client: refuse && clientAddress(address, headers["x-forwarded-for"], trustedProxies),
    };
    const hosts = request.scheme === "http" ? plain : served;
    const known = hosts(withoutPort(host).toLowerCase()) ?? [];
    const routes =
      plan.forwardedHttps === true && seen.scheme !== "https" && known.length > 0 ? TO_HTTPS : known;
    // Of preflights no token is looked at (Envoy: `bypass_cors_preflight`).
    if (isPreflight(method, headers)) {
      const answer = routes.find(({ matches }) => matches(seen))?.preflight?.(seen);
      if (answer) return answer;
    } else if (token && verify) {
      const claims = verify(token);
      if (typeof claims === "number") return { kind: "denied", status: claims, reason: "token" };
      seen.claims = claims;
    }
    const refusal = refuse?.(seen);
    if (refusal) return { kind: "denied", status: 403, ...refusal };
    return routes.find(({ matches }) => matches(seen))?.decide(seen) ?? NOT_FOUND;
  };
}

/** Routes by host: an exact name, else the longest wildcard, else `*` (Envoy: VirtualHost, domains). */
function virtualHosts(plan: SimulatedPlan): (host: string) => readonly CompiledRoute[] | undefined {
  const byHost = new Map<string, HttpRoute[][]>();
  for (const { hosts, http } of plan.virtualServices) {
    for (const host of hosts.map((h) => h.toLowerCase()))
      byHost.set(host, [...(byHost.get(host) ?? []), [...http]]);
  }
  const limited = isLimited(plan.gatewayPatches ?? []);
  const routes = new Map(
    [...byHost].map(([host, services]) => [
      host,
      services.length === 1 ? routesOf(services) : lastCatchAll(services),
    ]),
  );
  const exact = new Map(
    [...routes].map(([host, all]) => [
      host,
      all.map((r) =>
        compiledRoute(r, limited(host, r.rule.name ?? "", r.rule.route?.[0]?.destination.host ?? "")),
      ),
    ]),
  );
  const wildcards = [...exact]
    .filter(([host]) => host.startsWith("*."))
    .sort(([a], [b]) => b.length - a.length)
    .map(([host, all]) => [host.slice(1), all] as const);
  const every = exact.get("*");
  return (host) =>
    exact.get(host) ??
    wildcards.find(([suffix]) => host.length > suffix.length && host.endsWith(suffix))?.[1] ??
    every;
}

interface MatchedRoute {
  readonly rule: HttpRoute;
  readonly match: HttpMatchRequest;
}

/** A route for each match. Nothing stands below a match that takes every request. */
function routesOf(services: readonly (readonly HttpRoute[])[]): MatchedRoute[] {
  return services.flatMap((http) => {
    const all = http.flatMap((rule) => (rule.match ?? [{}]).map((match) => ({ rule, match })));
    const last = all.findIndex(({ match }) => takesEverything(match));
    return last < 0 ? all : all.slice(0, last + 1);
  });
}

/** Of several VirtualServices for one host, what takes every request comes last (Istio: SortVHostRoutes). */
function lastCatchAll(services: readonly (readonly HttpRoute[])[]): MatchedRoute[] {
  const all = routesOf(services);
  return [...all.filter((r) => !takesEverything(r.match)), ...all.filter((r) => takesEverything(r.match))];
}

/** Istio: IsCatchAllRoute. */
function takesEverything({ uri, ...others }: HttpMatchRequest): boolean {
  const path = uri === undefined || uri.prefix === "/" || uri.regex === ".*";
  return path && Object.keys(others).every((key) => key === "name");
}

function compiledRoute({ rule, match }: MatchedRoute, limited: boolean): CompiledRoute {
  const name = [rule.name ?? "", match.name].filter(Boolean).join(".");
  const conditions = conditionsOf(match);
  const [first, second] = conditions;
  return {
    matches:
      conditions.length === 0
        ? () => true
        : conditions.length === 1 && first
          ? first
          : conditions.length === 2 && first && second
            ? (seen) => first(seen) && second(seen)
            : (seen) => conditions.every((condition) => condition(seen)),
    decide: decision(rule, match, name, limited),
    preflight: preflightAnswer(rule, name),
  };
}

/** The cheapest and most telling first. */
function conditionsOf(match: HttpMatchRequest): Condition[] {
  const { uri, method, authority, headers = {}, withoutHeaders = {}, queryParams = {} } = match;
  const conditions: Condition[] = [];
  if (uri) {
    const test = stringTest(uri);
    conditions.push(({ path }) => test(path));
  }
  if (method) {
    const test = stringTest(method);
    conditions.push(({ method: asked }) => test(asked));
  }
  if (authority) {
    const test = stringTest(authority);
    conditions.push(({ host }) => test(host));
  }
  for (const [name, wanted] of Object.entries(headers)) {
    conditions.push(headerTest(name, stringTest(wanted)));
  }
  for (const [name, unwanted] of Object.entries(withoutHeaders)) {
    const test = stringTest(unwanted);
    const has = headerTest(name, test);
    // A missing header counts as empty, unless its presence alone is asked for.
    const missing = Object.keys(unwanted).length > 0 && test("") && !name.startsWith("@");
    const key = name.toLowerCase();
    conditions.push((seen) => !has(seen) && !(missing && seen.headers[key] === undefined));
  }
  for (const [name, wanted] of Object.entries(queryParams)) {
    const test = stringTest(wanted);
    conditions.push((seen) => {
      const found = (seen.query ??= queryOf(seen.whole)).get(name);
      return found !== undefined && test(found);
    });
  }
  return conditions;
}

/** An empty match takes any value that is there. */
function stringTest({ exact, prefix, regex }: StringMatch): (value: string) => boolean {
  if (exact !== undefined) return (value) => value === exact;
  if (prefix !== undefined) return (value) => value.startsWith(prefix);
  return regex === undefined ? () => true : wholeMatch(regex);
}

/** Whether a header is there with a value that fits; of several lines of one name any (Envoy: HeaderUtility::matchHeaders). */
function headerTest(name: string, test: (value: string) => boolean): Condition {
  const claim = /^@request\.auth\.claims(.*)$/.exec(name)?.[1];
  if (claim !== undefined) {
    const texts = claimTexts(claim);
    return ({ claims }) => claims !== undefined && texts(claims).some(test);
  }
  switch (name) {
    case ":method":
      return ({ method }) => test(method);
    case ":authority":
      return ({ host }) => test(host);
    case ":path":
      return ({ whole }) => test(whole);
    case ":scheme":
      return ({ scheme }) => test(scheme);
    case "x-forwarded-proto":
      return ({ scheme }) => test(scheme);
    default: {
      const key = name.toLowerCase();
      return ({ headers }) => {
        const value = headers[key];
        return value !== undefined && (typeof value === "object" ? value.some(test) : test(value));
      };
    }
  }
}

/** The first value of each parameter, undecoded (Envoy: QueryParamsMulti::parseQueryString). */
function queryOf(path: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  const at = path.indexOf("?");
  if (at < 0) return parameters;
  for (const parameter of path.slice(at + 1).split("&")) {
    const equals = parameter.indexOf("=");
    const name = equals < 0 ? parameter : parameter.slice(0, equals);
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? "" : parameter.slice(equals + 1));
  }
  return parameters;
}

function decision(
  rule: HttpRoute,
  match: HttpMatchRequest,
  name: string,
  limited: boolean,
): (seen: Seen) => Decision {
  const { redirect, directResponse, rewrite } = rule;
  if (redirect) {
    const status = redirect.redirectCode ?? 301;
    return ({ request, scheme: asked, whole, path }) => {
      const scheme = redirect.scheme ?? asked;
      // istiod leaves out a standard port by the scheme of the listener, whatever a proxy before the gateway says.
      const standard = redirect.port === ((redirect.scheme ?? request.scheme) === "https" ? 443 : 80);
      const port = redirect.port === undefined || standard ? "" : `:${redirect.port}`;
      const host = redirect.authority ?? hostAfter(withoutDot(request.host), asked, scheme, port);
      const target = redirect.uri === undefined ? whole : redirect.uri + whole.slice(path.length);
      return { kind: "redirected", rule: name, status, location: `${scheme}://${host}${port}${target}` };
    };
  }
  if (directResponse) {
    const { status, body } = directResponse;
    const answer: Decision = { kind: "answered", rule: name, status, body: body?.string ?? "" };
    return () => answer;
  }
  const shares = sharesOf(rule);
  return (seen) => {
    const path = rewrite ? rewritten(rule, match, seen) : seen.whole;
    return {
      kind: "routed",
      rule: name,
      shares,
      path,
      host: rewrite?.authority ?? seen.host,
      limited,
    };
  };
}

function preflightAnswer({ corsPolicy }: HttpRoute, name: string): CompiledRoute["preflight"] {
  if (!corsPolicy) return undefined;
  const origins = corsPolicy.allowOrigins.map(stringTest);
  return ({ headers }) => {
    const origin = textOf(headers.origin);
    const allowed = origins.some((test) => test("*") || test(origin));
    return allowed || corsPolicy.unmatchedPreflights === "IGNORE"
      ? { kind: "preflight", rule: name, allowed }
      : undefined;
  };
}

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === "object" ? (value[0] ?? "") : (value ?? "");

const isPreflight = (method: string, headers: Seen["headers"]): boolean =>
  method === "OPTIONS" &&
  textOf(headers.origin) !== "" &&
  textOf(headers["access-control-request-method"]) !== "";

function rewritten({ rewrite }: HttpRoute, { uri }: HttpMatchRequest, { whole, path }: Seen): string {
  const query = whole.slice(path.length);
  if (rewrite?.uri !== undefined) {
    const matched = uri?.prefix?.length ?? (uri === undefined ? 1 : path.length);
    return rewrite.uri + path.slice(matched) + query;
  }
  return whole;
}

/** Version → percent; weights are relative, and the weight of a lone destination does not count. */
function sharesOf({ route: destinations = [] }: HttpRoute): Shares {
  const weighted = destinations.length === 1 ? [1] : destinations.map((d) => d.weight ?? 0);
  const sum = weighted.reduce((a, b) => a + b, 0);
  const shares: Record<string, number> = {};
  destinations.forEach(({ destination }, i) => {
    const version = destination.subset ?? "";
    const weight = weighted[i] ?? 0;
    if (weight > 0) shares[version] = (shares[version] ?? 0) + (100 * weight) / sum;
  });
  return shares;
}

const PORT = /:\d+$/;

function withoutPort(host: string): string {
  return host.includes(":") ? host.replace(PORT, "") : host;
}

/** A fully qualified name, `shop.example.com.`, is the name (Envoy: `strip_trailing_host_dot`). */
function withoutDot(host: string): string {
  return host.includes(".:") || host.endsWith(".") ? host.replace(/\.(?=(:\d+)?$)/, "") : host;
}

/** The host of a request in a redirect: a port goes where another is given, or was the default of a scheme that changes. */
function hostAfter(host: string, scheme: string, next: string, port: string): string {
  const own = PORT.exec(host)?.[0];
  if (own === undefined) return host;
  const standard = next !== scheme && own === (scheme === "https" ? ":443" : ":80");
  return port !== "" || standard ? host.slice(0, -own.length) : host;
}
