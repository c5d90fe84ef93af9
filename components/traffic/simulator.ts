/**
 * What the gateway does with a request: which rule decides, and where it goes.
 *
 * Models Envoy under Istio's configuration (Envoy: "HTTP route matching"; Istio: pilot/pkg/networking/core/route) on
 * plain data: a plan is what is written to the cluster. Faults, retries and circuit breaking are left out: they change
 * what becomes of a request, not where it is sent.
 */
import type { HttpMatchRequest, HttpRoute, StringMatch, VirtualServiceSpec } from "../istio/virtual-service";
import { normalizedPath, type PathNormalization } from "./path-normalization";
import { wholeMatch } from "./regex";
import type { Shares } from "./weights";

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
  /** The client, as the gateway trusts it. */
  readonly address?: string;
  /** Claims of a token that was verified. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** What is written to the cluster, as far as it decides about requests at a gateway. */
export interface SimulatedPlan {
  /** Bound to the gateway; of one host the older ones first. */
  readonly virtualServices: readonly VirtualServiceSpec[];
  /** Default: Istio's BASE. */
  readonly pathNormalization?: PathNormalization;
  /** Whether HTTP is sent to HTTPS. */
  readonly httpsRedirect?: boolean;
  /** Rules with a rate limit: whether a request is over it depends on those before it. */
  readonly limited?: readonly string[];
}

/** Access lists and authentication: refuses a request, with its path normalized, before any rule is looked at. */
export type Access = (request: SimulatedRequest) => Denial | undefined;

/** Why a request is refused. */
export interface Denial {
  readonly status: 401 | 403;
  /** Name of the policy. */
  readonly policy: string;
}

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
      /** Whether the rule has a limit that may refuse the request (429). */
      readonly limited: boolean;
    }
  | {
      readonly kind: "redirected";
      /** Absent where the gateway itself sends HTTP to HTTPS. */
      readonly rule?: string;
      readonly status: number;
      readonly location: string;
    }
  | { readonly kind: "answered"; readonly rule: string; readonly status: number; readonly body: string }
  /** A CORS preflight, answered by the gateway. */
  | { readonly kind: "preflight"; readonly rule: string; readonly allowed: boolean }
  | { readonly kind: "denied"; readonly status: 401 | 403; readonly policy: string }
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

/** A request as routes see it. */
interface Seen {
  readonly request: SimulatedRequest;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Normalized, with its query. */
  readonly whole: string;
  /** Without its query. */
  readonly path: string;
  query: ReadonlyMap<string, string> | undefined;
}
type Condition = (seen: Seen) => boolean;
interface CompiledRoute {
  readonly matches: Condition;
  readonly decide: (seen: Seen) => Decision;
}

const NOT_FOUND: Decision = { kind: "not found" };
const BAD_REQUEST: Decision = { kind: "bad request" };
const NO_HEADERS = {};

/** A plan as a function. */
export function compile(plan: SimulatedPlan, access?: Access): (request: SimulatedRequest) => Decision {
  const hosts = virtualHosts(plan);
  const kind = plan.pathNormalization ?? "BASE";
  const { httpsRedirect } = plan;
  return (request) => {
    if (!request.path.startsWith("/")) return NOT_FOUND;
    const whole = normalizedPath(request.path, kind);
    if (whole === undefined) return BAD_REQUEST;
    const routes = hosts(withoutPort(request.host).toLowerCase());
    if (!routes) return NOT_FOUND;
    if (httpsRedirect === true && request.scheme === "http") {
      const location = `https://${hostAfter(request.host, "http", "https", "")}${whole}`;
      return { kind: "redirected", status: 301, location };
    }
    const denial = access?.({ ...request, path: whole });
    if (denial) return { kind: "denied", ...denial };
    const at = whole.indexOf("?");
    const path = at < 0 ? whole : whole.slice(0, at);
    const seen: Seen = { request, headers: request.headers ?? NO_HEADERS, whole, path, query: undefined };
    for (const candidate of routes) if (candidate.matches(seen)) return candidate.decide(seen);
    return NOT_FOUND;
  };
}

/** Routes by host: an exact name, else the longest wildcard, else `*` (Envoy: VirtualHost, domains). */
function virtualHosts(plan: SimulatedPlan): (host: string) => readonly CompiledRoute[] | undefined {
  const byHost = new Map<string, HttpRoute[][]>();
  for (const { hosts, http } of plan.virtualServices) {
    for (const host of hosts.map((h) => h.toLowerCase()))
      byHost.set(host, [...(byHost.get(host) ?? []), [...http]]);
  }
  const limited = new Set(plan.limited);
  const routes = new Map(
    [...byHost].map(([host, services]) => [
      host,
      services.length === 1 ? routesOf(services) : lastCatchAll(services),
    ]),
  );
  const exact = new Map([...routes].map(([host, all]) => [host, all.map((r) => compiledRoute(r, limited))]));
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

function compiledRoute({ rule, match }: MatchedRoute, limited: ReadonlySet<string>): CompiledRoute {
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
    decide: decision(rule, match, name, limited.has(rule.name ?? "")),
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
    conditions.push(({ request }) => test(request.method));
  }
  if (authority) {
    const test = stringTest(authority);
    conditions.push(({ request }) => test(request.host));
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
  if (claim !== undefined) return ({ request }) => claimValues(request.claims ?? {}, claim).some(test);
  switch (name) {
    case ":method":
      return ({ request }) => test(request.method);
    case ":authority":
      return ({ request }) => test(request.host);
    case ":path":
      return ({ whole }) => test(whole);
    case ":scheme":
      return ({ request }) => test(request.scheme);
    default: {
      const key = name.toLowerCase();
      return ({ headers }) => {
        const value = headers[key];
        return value !== undefined && (typeof value === "object" ? value.some(test) : test(value));
      };
    }
  }
}

/** Values of a claim, `[a][b]`: text, or the texts of a list. */
function claimValues(claims: Readonly<Record<string, unknown>>, path: string): string[] {
  const names = path.slice(1, -1).split("][");
  const value = names.reduce<unknown>(
    (at, name) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[name] : undefined),
    claims,
  );
  return [value].flat().filter((v) => typeof v === "string");
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
  const { redirect, directResponse, corsPolicy, rewrite } = rule;
  if (redirect) {
    const status = redirect.redirectCode ?? 301;
    return ({ request, whole, path }) => {
      const scheme = redirect.scheme ?? request.scheme;
      const standard = redirect.port === (scheme === "https" ? 443 : 80);
      const port = redirect.port === undefined || standard ? "" : `:${redirect.port}`;
      const host = redirect.authority ?? hostAfter(request.host, request.scheme, scheme, port);
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
  const origins = corsPolicy?.allowOrigins.map(stringTest);
  return (seen) => {
    if (origins && isPreflight(seen)) {
      const origin = textOf(seen.headers.origin);
      const allowed = origins.some((test) => test("*") || test(origin));
      if (allowed || corsPolicy?.unmatchedPreflights === "IGNORE")
        return { kind: "preflight", rule: name, allowed };
    }
    const path = rewrite ? rewritten(rule, match, seen) : seen.whole;
    return {
      kind: "routed",
      rule: name,
      shares,
      path,
      host: rewrite?.authority ?? seen.request.host,
      limited,
    };
  };
}

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === "object" ? (value[0] ?? "") : (value ?? "");

const isPreflight = ({ request, headers }: Seen): boolean =>
  request.method === "OPTIONS" &&
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

/** The host of a request in a redirect: a port goes where another is given, or was the default of a scheme that changes. */
function hostAfter(host: string, scheme: string, next: string, port: string): string {
  const own = PORT.exec(host)?.[0];
  if (own === undefined) return host;
  const standard = next !== scheme && own === (scheme === "https" ? ":443" : ":80");
  return port !== "" || standard ? host.slice(0, -own.length) : host;
}
