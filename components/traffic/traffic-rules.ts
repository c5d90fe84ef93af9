import { defined } from "../istio/defined";
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
 * What is done with a request beside choosing where it goes. All of it applies to requests that are sent to a version;
 * redirects and direct responses are answered by the gateway itself.
 */
export interface TrafficPolicies {
  readonly headers?: HeaderPolicy;
  readonly cors?: CorsPolicy;
  /** How long a request may take in all, retries included, in milliseconds. Default: no limit. Late is answered 504. */
  readonly timeoutMs?: number;
  readonly retries?: Retries;
  readonly mirror?: Mirror;
  readonly fault?: Fault;
  readonly rateLimit?: RateLimit;
}

/** Policies of one rule: each replaces the one of the same name that holds for all traffic; "none" switches that off. */
export type RulePolicies = {
  readonly [K in keyof TrafficPolicies]?: NonNullable<TrafficPolicies[K]> | "none";
};

/** Sends the client elsewhere; what is left out stays as in the request, the query always does. */
export interface Redirect {
  /** 301 (the default), 302, 303, 307 or 308. */
  readonly status?: number;
  /** Replaces the whole path. */
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: "http" | "https";
  readonly port?: number;
}

/** Answered by the gateway without asking the service. */
export interface DirectResponse {
  readonly status: number;
  readonly body?: string;
}

/** Changes the request on its way to the version. */
export interface Rewrite {
  /** Replaces what the rule's path matched: the prefix of a prefix match, else the whole path. */
  readonly path?: string;
  readonly host?: string;
}

/** Where the requests of a rule go. */
export type RuleAction =
  /** One version. */
  | { readonly to: string }
  /** Percent per version, summing to 100; versions that get nothing may be left out. */
  | { readonly weights: Weights }
  | { readonly redirect: Redirect }
  | { readonly respond: DirectResponse };

/** Rules are tried in order; the first that matches decides, with its policies. */
export interface TrafficRule {
  /** A DNS label, unique among the rules; the route name in access logs. */
  readonly name: string;
  /** Any of these. */
  readonly match: readonly RequestMatch[];
  readonly action: RuleAction;
  readonly rewrite?: Rewrite;
  readonly policies?: RulePolicies;
}

/** Versions that get requests, or copies of them: by their weight, by a rule or as a mirror. */
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
  // Weights that are wrong are refused where the routes are planned.
  const shares = splits.map((split) =>
    weightProblems(split, Object.keys(split)).length > 0 ? {} : effectiveShares(split),
  );
  const mirrors = [policies.mirror, ...rules.map((rule) => rule.policies?.mirror)];
  return new Set([
    ...shares.flatMap((of) => Object.keys(of).filter((version) => of[version] !== 0)),
    ...rules.flatMap(({ action }) => ("to" in action ? [action.to] : [])),
    ...mirrors.flatMap((mirror) => (mirror === undefined || mirror === "none" ? [] : [mirror.to])),
  ]);
}

/** The policies that hold for a rule. Without retries of its own choice, "none" included, Istio would make its own. */
export function effectivePolicies(all: TrafficPolicies, own: RulePolicies = {}): TrafficPolicies {
  const entries = Object.entries({ ...all, ...defined(own) });
  return {
    ...Object.fromEntries(entries.filter(([, policy]) => policy !== "none")),
    ...(own.retries === "none" && { retries: { attempts: 0 } }),
  };
}

/**
 * `route`, which sends requests to versions, with its policies in Istio's words. `to` is the destination of a version.
 *
 * Two routes of one name where requests that may write are treated otherwise than those that only read.
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

/** Policies in Istio's words, for a rule that the gateway answers itself: Envoy has response headers for those, and no CORS. */
export function answerPolicySpec({ headers }: TrafficPolicies): Partial<HttpRoute> {
  return headers ? headersSpec(headers, "by the gateway") : {};
}

/**
 * A redirect in Istio's words. Envoy keeps the port of `Host`, where nobody speaks the other scheme: a lone host of `hosts` is
 * written without it.
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

/** A direct response in Istio's words. */
export function responseSpec({ status, body }: DirectResponse): HttpDirectResponse {
  return { status, ...(body !== undefined && { body: { string: body } }) };
}
