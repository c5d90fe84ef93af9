/** The requests that a rule matches, as settings and as Istio's HTTPMatchRequest. */
import { defined } from "../istio/without-undefined";
import type { HttpMatchRequest, StringMatch } from "../istio/virtual-service";
import { claimHeader, type ClaimValues } from "./claims";
import { embedded, literal } from "./regex";

/** Exactly one of the three. A regex is RE2, has at most 1024 characters, and must match the whole value. */
export type ValueMatch =
  { readonly exact: string } | { readonly prefix: string } | { readonly regex: string };

/** A value, or `present`: whether the field exists, even if it is empty. */
export type FieldMatch = ValueMatch | { readonly present: true };

/**
 * A path without its query: `exact`, `prefix` or `regex`. A prefix ends at a path separator: "/a" matches "/a" and "/a/b",
 * but not "/ab". Paths are case-sensitive.
 */
export type PathMatch = ValueMatch;

/** Names → conditions on their values. Header names are case-insensitive, cookie names are case-sensitive. */
export type FieldMatches = Readonly<Record<string, FieldMatch>>;

/** Conditions on one request, all of which must hold. Without conditions, every request matches. */
export interface RequestMatch {
  /** Host of the request, without port, in lowercase; `*.example.com` matches every host below it. */
  readonly host?: string;
  readonly path?: PathMatch;
  /** One method or any of several. */
  readonly method?: string | readonly string[];
  readonly headers?: FieldMatches;
  readonly cookies?: FieldMatches;
  /** Query parameters, undecoded. Of several with one name, the first counts (Envoy: QueryParameterMatcher). */
  readonly query?: FieldMatches;
  /** None of these may hold. A missing header or cookie counts as empty, except for `present`. */
  readonly without?: { readonly headers?: FieldMatches; readonly cookies?: FieldMatches };
  /** Claims of a token that the gateway has verified. */
  readonly claims?: ClaimValues;
  /** Namespace of the calling sidecar. It never matches requests from the gateway. */
  readonly sourceNamespace?: string;
}

/** `match` as Istio's HTTPMatchRequest, without its path. */
export function istioMatch(match: RequestMatch): Omit<HttpMatchRequest, "uri"> {
  const { host, method, query, sourceNamespace } = match;
  const { without = {}, cookies } = match;
  const headers = {
    ...headerMatches(match.headers, cookies && allCookies(cookies)),
    ...Object.fromEntries(
      Object.entries(match.claims ?? {}).map(([claim, values]) => [
        claimHeader(claim),
        values.includes("*") ? { regex: ".+" } : anyOf(values),
      ]),
    ),
  };
  const withoutHeaders = headerMatches(without.headers, without.cookies && anyCookie(without.cookies));
  return defined({
    method: method === undefined ? undefined : anyOf([method].flat()),
    authority: host === undefined ? undefined : { regex: hostRegex(host) },
    ...(Object.keys(headers).length > 0 && { headers }),
    withoutHeaders,
    queryParams: query && Object.fromEntries(Object.entries(query).map(([k, m]) => [k, fieldMatch(m)])),
    sourceNamespace,
  });
}

const fieldMatch = (match: FieldMatch): StringMatch => ("present" in match ? {} : match);

const anyOf = (values: readonly string[]): StringMatch =>
  values.length === 1 ? { exact: values[0] ?? "" } : { regex: values.map(literal).join("|") };

/** A host as Istio's StringMatch. Hosts are case-insensitive, and a client may send the port with the name. */
function hostRegex(host: string): string {
  const name = host.startsWith("*.") ? `[^:]+${literal(host.slice(1))}` : literal(host);
  return `(?i)${name}(?::\\d+)?`;
}

function headerMatches(
  headers: FieldMatches = {},
  cookie?: StringMatch,
): Readonly<Record<string, StringMatch>> | undefined {
  const entries = Object.entries(headers).map(([name, m]) => [name.toLowerCase(), fieldMatch(m)] as const);
  if (cookie) entries.push(["cookie", cookie]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/**
 * A regex of the header `cookie` for all of `cookies`. The header contains cookies in any order, and a match has one regex
 * for a header, so the regex has one alternative for each order.
 *
 * @throws RangeError for a regex that cannot be part of another (see {@link embedded}).
 */
export function allCookies(cookies: FieldMatches): StringMatch {
  const orders = permutations(Object.entries(cookies).map(cookieRegex)).map((order) =>
    order.join(";(?:.*;)?\\s*"),
  );
  return inCookieHeader(orders);
}

/** A regex of the header `cookie` for any of `cookies`. */
function anyCookie(cookies: FieldMatches): StringMatch {
  return inCookieHeader(Object.entries(cookies).map(cookieRegex));
}

const inCookieHeader = (alternatives: readonly string[]): StringMatch => ({
  regex: `(?:.*;\\s*)?${alternatives.length === 1 ? (alternatives[0] ?? "") : `(?:${alternatives.join("|")})`}(?:;.*)?`,
});

function cookieRegex([name, match]: readonly [string, FieldMatch]): string {
  return `${literal(name)}=${cookieValue(match)}`;
}

function cookieValue(match: FieldMatch): string {
  if ("present" in match) return "[^;]*";
  if ("exact" in match) return literal(match.exact);
  if ("prefix" in match) return `${literal(match.prefix)}[^;]*`;
  const value = embedded(match.regex, ";");
  if (value === undefined) throw new RangeError(`${match.regex} may match beyond its cookie`);
  return value;
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}
