/** A request as people and programs write it, and what its headers say of a token. */
import { isObject } from "../side";
import type { SimulatedRequest, Token } from "../../components/simulator";

type Fields = Readonly<Record<string, unknown>>;

/** A request, or why there is none, in words that repeat nothing of it. */
export type ReadRequest = SimulatedRequest | string;

/**
 * The fields of SimulatedRequest. `url` may stand for `scheme`, `host` and `path`. Defaults: `method` GET, `scheme` https, `path`
 * "/". Names of headers in any case. Without `token`, a JSON web token in the header `authorization` counts as valid: the
 * request of the file was let in by it, and the keys are not here.
 */
export function requestFrom(value: unknown): ReadRequest {
  if (typeof value === "string") return fromLine(value);
  if (!isObject(value)) return "no object";
  const url = value.url === undefined ? {} : partsOf(value.url);
  if (!url) return "`url` is no http or https URL";
  const fields: Fields = { ...value, ...url };
  const { method = "GET", scheme = "https", host, path = "/", port, address, principal } = fields;
  if (typeof method !== "string" || method === "") return "`method` is no text";
  if (scheme !== "http" && scheme !== "https") return "`scheme` is neither http nor https";
  if (typeof host !== "string" || host === "") return "no `url` and no `host`";
  if (typeof path !== "string" || !path.startsWith("/")) return '`path` does not begin with "/"';
  const headers = headersFrom(value.headers);
  if (typeof headers === "string") return headers;
  const request: { -readonly [K in keyof SimulatedRequest]: SimulatedRequest[K] } = {
    method,
    scheme,
    host,
    path,
  };
  if (Object.keys(headers).length > 0) request.headers = headers;
  if (port !== undefined) {
    if (!Number.isInteger(port)) return "`port` is no whole number";
    request.port = port as number;
  }
  if (typeof address === "string") request.address = address;
  if (typeof principal === "string") request.principal = principal;
  const token = tokenFrom(value.token) ?? tokenOf(headers);
  if (token !== undefined) request.token = token;
  return request;
}

/** `GET https://shop.example.com/api`, or the URL alone. */
function fromLine(line: string): ReadRequest {
  const [, method = "GET", url = ""] = /^\s*(?:([A-Z]+)\s+)?(\S+)\s*$/.exec(line) ?? [];
  return /^https?:/i.test(url) ? requestFrom({ method, url }) : "neither an object nor `METHOD URL`";
}

/** Undefined for what is no URL. The path stays as it is written. */
export function partsOf(url: unknown): Pick<SimulatedRequest, "scheme" | "host" | "path"> | undefined {
  const [, scheme = "", host = "", path = ""] =
    /^(https?):\/\/(?:[^@/?#]*@)?([^/?#@]+)([^#]*)/i.exec(typeof url === "string" ? url : "") ?? [];
  if (host === "") return undefined;
  const whole = path.startsWith("/") ? path : `/${path}`;
  return { scheme: scheme.toLowerCase() === "https" ? "https" : "http", host, path: whole };
}

type Headers = Record<string, string | readonly string[]>;

function headersFrom(value: unknown): Headers | string {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) return "`headers` is no object";
  const headers: Headers = {};
  for (const [name, one] of Object.entries(value)) {
    const texts = Array.isArray(one) ? one : [one];
    if (texts.some((text) => typeof text === "object")) return "`headers` has a value that is no text";
    const lines = texts.map(String);
    headers[name.toLowerCase()] = Array.isArray(one) ? lines : (lines[0] ?? "");
  }
  return headers;
}

function tokenFrom(value: unknown): Token | undefined {
  if (value === "invalid") return "invalid";
  return isObject(value) ? value : undefined;
}

/** Of the header `authorization`: claims of a JSON web token, `invalid` for another bearer token. */
export function tokenOf({ authorization }: Headers): Token | undefined {
  const [, token] = /^Bearer\s+(\S+)$/i.exec(typeof authorization === "string" ? authorization : "") ?? [];
  if (token === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return isObject(claims) ? claims : "invalid";
  } catch {
    return "invalid";
  }
}
