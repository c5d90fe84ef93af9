/** Requests that a browser or a proxy recorded (HTTP Archive 1.2). */
import { isObject } from "../side";
import { requestFrom, type ReadRequest } from "./request-fields";

/** Undefined for what is no HTTP Archive. */
export function harRequests(document: unknown): ReadRequest[] | undefined {
  const log = isObject(document) && isObject(document.log) ? document.log : undefined;
  return Array.isArray(log?.entries) ? log.entries.map(requestOf) : undefined;
}

function requestOf(entry: unknown): ReadRequest {
  const request = isObject(entry) ? entry.request : undefined;
  if (!isObject(request)) return "no `request`";
  const headers = new Map<string, string[]>();
  for (const header of Array.isArray(request.headers) ? request.headers : []) {
    if (!isObject(header) || typeof header.name !== "string") return "a header without a name";
    const name = header.name.toLowerCase();
    // HTTP/2 has method, host and path among its headers.
    if (!name.startsWith(":") && name !== "host")
      headers.set(name, [...(headers.get(name) ?? []), String(header.value)]);
  }
  // Several lines of cookies are one (RFC 9113, 8.2.3).
  const cookies = headers.get("cookie");
  if (cookies) headers.set("cookie", [cookies.join("; ")]);
  const lines = [...headers].map(([name, values]) => [name, values.length === 1 ? values[0] : values]);
  return requestFrom({
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(lines) as object,
  });
}
