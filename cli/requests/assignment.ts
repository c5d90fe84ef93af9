/**
 * A derived request as texts by dimension: what rules and policies ask of a request, each on its own. Two rules that ask for the
 * same dimension are compared there; what none asks for is absent.
 */
import type { SimulatedRequest, Token } from "../../components/simulator";

/**
 * `host`, `method`, `path` (without query), `listener` (`https 443`), `proto` (what a trusted proxy says of the scheme), `client`
 * and `peer` (addresses), `principal`, `origin` (of a preflight), `token`, `header <name>`, `query <name>`, `claim [<name>]..`.
 */
export type Dimension = string;

/** Several lines of a header, or items of a claim, are lines. */
export type Assignment = ReadonlyMap<Dimension, string>;

/** What a derived request needs to know of the proxy. */
export interface Surroundings {
  readonly trustedProxies: number;
  /** Of a token that is valid where nothing else is said. */
  readonly token: { readonly iss: string; readonly aud?: string | undefined };
}

/** A token whose claims no side verifies. */
export const INVALID = "invalid";

export function requestOf(values: Assignment, surroundings: Surroundings): SimulatedRequest {
  const headers: Record<string, string | readonly string[]> = {};
  const query: string[] = [];
  const claims: [path: readonly string[], value: string][] = [];
  for (const [dimension, text] of values) {
    const [, kind, name = ""] = /^(header|query|claim) ([^]*)$/.exec(dimension) ?? [];
    if (kind === "header") headers[name] = text.includes("\n") ? text.split("\n") : text;
    if (kind === "query") query.push(`${name}=${text}`);
    if (kind === "claim") claims.push([name.slice(1, -1).split("]["), text]);
  }
  const [origin, client, proto] = [values.get("origin"), values.get("client"), values.get("proto")];
  if (origin !== undefined) {
    headers.origin = origin;
    headers["access-control-request-method"] = "GET";
  }
  if (surroundings.trustedProxies > 0 && client !== undefined) {
    headers["x-forwarded-for"] = [client, ...PROXIES.slice(0, surroundings.trustedProxies - 1)].join(", ");
  }
  if (proto !== undefined) headers["x-forwarded-proto"] = proto;
  const [scheme, port] = (values.get("listener") ?? "http 80").split(" ");
  const request: { -readonly [K in keyof SimulatedRequest]: SimulatedRequest[K] } = {
    method: origin === undefined ? (values.get("method") ?? "GET") : "OPTIONS",
    scheme: scheme === "https" ? "https" : "http",
    host: values.get("host") ?? "any.example",
    path: (values.get("path") ?? "/") + (query.length > 0 ? `?${query.join("&")}` : ""),
  };
  if (Number(port) !== (scheme === "https" ? 443 : 80)) request.port = Number(port);
  if (Object.keys(headers).length > 0) request.headers = headers;
  const address = values.get("peer") ?? (surroundings.trustedProxies > 0 ? undefined : client);
  if (address !== undefined) request.address = address;
  const principal = values.get("principal");
  if (principal !== undefined) request.principal = principal;
  const token = tokenOf(values.get("token"), claims, surroundings);
  if (token !== undefined) request.token = token;
  return request;
}

/** Of the proxies that are trusted, those that are named in `X-Forwarded-For` (RFC 5737). */
const PROXIES = Array.from({ length: 20 }, (_, i) => `192.0.2.${i + 200}`);

function tokenOf(
  text: string | undefined,
  claims: readonly (readonly [path: readonly string[], value: string])[],
  { token }: Surroundings,
): Token | undefined {
  if (text === INVALID) return "invalid";
  if (text === undefined && claims.length === 0) return undefined;
  const made = (text === undefined ? { ...token, sub: "somebody" } : JSON.parse(text)) as Record<
    string,
    unknown
  >;
  for (const [path, value] of claims) {
    const parent = path.slice(0, -1).reduce((at, key) => (at[key] ??= {}) as typeof made, made);
    parent[path.at(-1) ?? ""] = value.includes("\n") ? value.split("\n") : value;
  }
  return made;
}
