import { defined } from "../istio/without-undefined";
import type { Destination, HttpDirectResponse, HttpRedirect, HttpRoute } from "../istio/virtual-service";
import { duration } from "../istio/duration";
import { CORS_ANSWER, corsSpec, type CorsPolicy } from "./cors";
import { httpFault, type Fault } from "./fault";
import { headersSpec, type HeaderPolicy } from "./headers";
import type { RequestMatch } from "./matches";
import { splitByMethod } from "./methods";
import { copiesAnything, httpMirror, type Mirror } from "./mirror";
import type { RateLimit } from "./rate-limit";
import { httpRetry, retriesOfWrites, type Retries } from "./retries";
import { effectiveShares, weightProblems, type Weights } from "./weights";

/**
 * Policies of requests to a version. They do not apply to redirects and direct responses, which the gateway answers itself,
 * except for response headers.
 */
export interface TrafficPolicies {
  readonly headers?: HeaderPolicy;
  readonly cors?: CorsPolicy;
  /** Time limit of a request, including retries, in milliseconds. After it the client gets 504. Default: no limit. */
  readonly timeoutMs?: number;
  readonly retries?: Retries;
  readonly mirror?: Mirror;
  readonly fault?: Fault;
  readonly rateLimit?: RateLimit;
}

/** Policies of one rule. Each replaces the policy of the same name of all traffic; "none" switches that off. */
export type RulePolicies = {
  readonly [K in keyof TrafficPolicies]?: NonNullable<TrafficPolicies[K]> | "none";
};

/** Redirects the client. Parts that are left out stay as in the request; the query always does. */
export interface Redirect {
  /** 301 (the default), 302, 303, 307 or 308. */
  readonly status?: number;
  /** Replaces the whole path. */
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: "http" | "https";
  readonly port?: number;
}

/** An answer of the gateway itself. */
export interface DirectResponse {
  readonly status: number;
  readonly body?: string;
}

/** Changes the request on its way to the version. */
export interface Rewrite {
  /** Replaces the matched part of the path: the prefix of a prefix match, otherwise the whole path. */
  readonly path?: string;
  readonly host?: string;
}

/** The action of a rule. */
export type RuleAction =
  /** One version. */
  | { readonly to: string }
  /** Version → percent, with the sum 100. Versions without requests may be left out. */
  | { readonly weights: Weights }
  | { readonly redirect: Redirect }
  | { readonly respond: DirectResponse };

/** Rules are tried in order. The first one that matches applies, with its policies. */
export interface TrafficRule {
  /** A DNS label that is unique among the rules. It is the route name in access logs. */
  readonly name: string;
  /** Matches, one of which must hold. Default: every request. */
  readonly match: readonly RequestMatch[];
  readonly action: RuleAction;
  readonly rewrite?: Rewrite;
  readonly policies?: RulePolicies;
}

/** Versions that get requests or copies: by weight, by a rule or as a mirror. */
export function versionsAsked({
  weights,
  rules = [],
  policies = {},
}: {
  readonly weights: Weights;
  readonly rules?: readonly TrafficRule[];
  readonly policies?: TrafficPolicies;
}): ReadonlySet<string> {
  const splits = [weights, ...rules.map(({ action }) => ("weights" in action ? action.weights : {}))];
  // Wrong weights are refused by the plan of the routes.
  const shares = splits.map((split) =>
    weightProblems(split, Object.keys(split)).length > 0 ? {} : effectiveShares(split),
  );
  const mirrors = [policies.mirror, ...rules.map((rule) => rule.policies?.mirror)];
  return new Set([
    ...shares.flatMap((split) => Object.keys(split).filter((version) => split[version] !== 0)),
    ...rules.flatMap(({ action }) => ("to" in action ? [action.to] : [])),
    ...mirrors.flatMap((mirror) => (mirror === undefined || mirror === "none" ? [] : [mirror.to])),
  ]);
}

/** The policies of a rule. Retries are always written, since Istio would apply its default retries otherwise. */
export function effectivePolicies(all: TrafficPolicies, own: RulePolicies = {}): TrafficPolicies {
  const entries = Object.entries({ ...all, ...defined(own) });
  return {
    ...Object.fromEntries(entries.filter(([, policy]) => policy !== "none")),
    ...(own.retries === "none" && { retries: { attempts: 0 } }),
  };
}

/**
 * `route`, which sends requests to versions, with its policies as Istio's fields. `to` is the destination of a version.
 *
 * If policies differ for safe and unsafe methods, the result is two rules of one name.
 */
export function withPolicies(
  route: HttpRoute,
  policies: TrafficPolicies,
  to: (version: string) => Destination,
): HttpRoute[] {
  const { headers, cors, timeoutMs, retries, mirror, fault } = policies;
  const all: HttpRoute = defined({
    ...route,
    ...headersSpec(headers ?? {}, "by a version", cors && CORS_ANSWER),
    corsPolicy: cors && corsSpec(cors),
    timeout: timeoutMs === undefined ? undefined : duration(timeoutMs),
    fault: fault && httpFault(fault),
  });
  const copies =
    mirror && copiesAnything(mirror, route.route) ? { mirrors: [httpMirror(mirror, to)] } : undefined;
  const copiesWrites = mirror?.writes === true ? copies : undefined;
  const ofWrites = retriesOfWrites(retries);
  return ofWrites === retries && copiesWrites === copies
    ? [{ ...all, ...httpRetry(retries), ...copies }]
    : splitByMethod(all, { ...httpRetry(retries), ...copies }, { ...httpRetry(ofWrites), ...copiesWrites });
}

/** Policies of a rule that the gateway answers itself. Envoy applies response headers to such answers, but not CORS. */
export function answerPolicySpec({ headers }: TrafficPolicies): Partial<HttpRoute> {
  return headers ? headersSpec(headers, "by the gateway") : {};
}

/**
 * A redirect as Istio's HTTPRedirect. Envoy keeps the port of `Host`, on which no server speaks the other scheme. If `hosts`
 * has a single host, the redirect names it without a port.
 */
export function redirectSpec(
  { status, path, host, scheme, port }: Redirect,
  hosts: readonly string[] = [],
): HttpRedirect {
  const [own, another] = hosts;
  const named = own === undefined || another !== undefined || own.includes("*") ? undefined : own;
  const authority = host ?? (scheme === undefined || port !== undefined ? undefined : named);
  return defined({
    scheme,
    authority,
    port,
    uri: path,
    redirectCode: status ?? 301,
  });
}

/** A direct response as Istio's HTTPDirectResponse. */
export function responseSpec({ status, body }: DirectResponse): HttpDirectResponse {
  return { status, ...(body !== undefined && { body: { string: body } }) };
}
