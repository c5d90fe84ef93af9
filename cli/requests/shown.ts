/**
 * What of somebody's request may be shown. Requests of a file carry secrets and personal data in headers, cookies, the query, the
 * path and tokens. So a text is shown only where the rules and policies of the two sides have it themselves; a text that starts
 * with one of theirs is shown up to there, with "*" after it; what they do not ask for is left out.
 */
import type { SimulatedPlan, SimulatedRequest, Token } from "../../components/simulator";
import { addressTest, isBlock } from "../../components/simulator/addresses";
import { SECRET_HEADERS } from "./curl";
import { writtenTexts, type Texts } from "./written-texts";

/** A request without what is its sender's alone. */
export function shownBy(plans: readonly SimulatedPlan[]): (request: SimulatedRequest) => SimulatedRequest {
  const texts = writtenTexts(plans);
  const segments = new Set(
    [...(texts.get("path") ?? [])].flatMap((text) => text.split(/[^\w.~-]+/)).filter(Boolean),
  );
  const blocks = [...(texts.get("address") ?? [])].filter(isBlock);
  const tests = blocks.map((block) => [addressTest([block]), block.split("/")[0]] as const);
  // An address that the policies do not tell apart from this one stands for it.
  const addressLike = (address: string): string =>
    tests.find(([isWithin]) => isWithin(address))?.[1] ?? (tests.length > 0 ? "198.18.0.1" : "");
  return (request) => {
    const { method, scheme, host, port, path, address, token } = request;
    const at = path.indexOf("?");
    const [bare, query] = at < 0 ? [path, ""] : [path.slice(0, at), path.slice(at + 1)];
    const shown: { -readonly [K in keyof SimulatedRequest]: SimulatedRequest[K] } = {
      method: /^[A-Z]{1,20}$/.test(method) ? method : "<method>",
      scheme,
      host: /^[\w.-]{1,253}(:\d{1,5})?$/.test(host) ? host : "<host>",
      path: shownPath(bare, segments) + shownQuery(query, texts),
    };
    if (port !== undefined) shown.port = port;
    const headers = shownHeaders(request.headers ?? {}, texts, addressLike);
    if (Object.keys(headers).length > 0) shown.headers = headers;
    if (address !== undefined && addressLike(address) !== "") shown.address = addressLike(address);
    if (token !== undefined) shown.token = shownToken(token, texts);
    return shown;
  };
}

/** Segments that rules name stay, others are `*`: requests that rules do not tell apart look the same. */
function shownPath(path: string, segments: ReadonlySet<string>): string {
  return path
    .split("/")
    .map((segment) => {
      if (segment === "" || segments.has(segment)) return segment;
      const start = longestStart(segment, segments);
      return `${start}*`;
    })
    .join("/");
}

function longestStart(text: string, known: Iterable<string>): string {
  let start = "";
  // A single character says nothing of what a rule asks for.
  for (const one of known) if (one.length > Math.max(start.length, 1) && text.startsWith(one)) start = one;
  return start;
}

/** A value of a header, a parameter, a cookie or a claim. */
function shownValue(value: string, known: ReadonlySet<string>): string {
  if (value === "" || known.has(value)) return value;
  if ([...known].some((text) => text.includes(value))) return value;
  const start = longestStart(value, known);
  return start === "" ? "<value>" : `${start}*`;
}

function shownQuery(query: string, texts: Texts): string {
  if (query === "") return "";
  const kept = query.split("&").flatMap((parameter) => {
    const [name = "", ...value] = parameter.split("=");
    const known = texts.get(`query ${name}`);
    return known ? [`${name}=${shownValue(value.join("="), known)}`] : [];
  });
  return kept.length > 0 ? `?${kept.join("&")}` : "";
}

function shownHeaders(
  headers: NonNullable<SimulatedRequest["headers"]>,
  texts: Texts,
  addressLike: (address: string) => string,
): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const lines = typeof value === "string" ? [value] : value;
      if (name === "x-forwarded-for") {
        const like = lines
          .join(",")
          .split(",")
          .map((entry) => addressLike(entry.trim()));
        return like.every((entry) => entry !== "") ? [[name, like.join(", ")] as const] : [];
      }
      if (name === "x-forwarded-proto")
        return [[name, /^https$/i.test(lines[0] ?? "") ? "https" : "http"] as const];
      const known = texts.get(`header ${name}`);
      if (!known || SECRET_HEADERS.has(name)) return [];
      const shown = lines.map((line) =>
        name === "cookie" ? shownCookies(line, known) : shownValue(line, known),
      );
      return [[name, typeof value === "string" ? (shown[0] ?? "") : shown] as const];
    }),
  );
}

function shownCookies(line: string, known: ReadonlySet<string>): string {
  return line
    .split(/; */)
    .flatMap((cookie) => {
      const [name = "", ...value] = cookie.split("=");
      return [...known].some((text) => text.includes(`${name}=`))
        ? [`${name}=${shownValue(value.join("="), known)}`]
        : [];
    })
    .join("; ");
}

/** The issuer, and claims that are asked for; the owner is somebody. */
function shownToken(token: Token, texts: Texts): Token {
  if (token === "invalid") return token;
  const claimOf = (value: unknown, at: string): unknown => {
    const known = texts.get(`claim ${at}`);
    if (typeof value === "string") return known && shownValue(value, known);
    if (Array.isArray(value)) {
      return known && value.flatMap((one) => (typeof one === "string" ? [shownValue(one, known)] : []));
    }
    if (typeof value !== "object" || value === null) return undefined;
    const inner = Object.entries(value).flatMap(([key, one]) => {
      const shown = claimOf(one, `${at}[${key}]`);
      return shown === undefined ? [] : [[key, shown] as const];
    });
    return inner.length > 0 ? Object.fromEntries(inner) : undefined;
  };
  const shown = claimOf(token, "") as Record<string, unknown> | undefined;
  const sub = token.sub === undefined ? {} : { sub: "somebody" };
  return { ...sub, ...shown };
}
