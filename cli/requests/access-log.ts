/**
 * Requests in the access log of a gateway: Istio's default format as text and as JSON (Istio: EnvoyTextLogFormat,
 * EnvoyJSONLogFormatIstio), and that of this package (`components/observability/access-logs.ts`).
 *
 * A log has few headers and no cookies and tokens, and Envoy has normalized the path. So rules that ask for more are decided as if
 * the request did not have it.
 */
import type { SimulatedRequest } from "../../components/simulator";
import type { ReadRequest } from "./request-fields";

type Fields = Readonly<Record<string, unknown>>;

/** Fields of a line; undefined where it is none of an access log in a known text format. */
export function fieldsOfLine(line: string): Fields | undefined {
  const istio = ISTIO.exec(line);
  if (istio) return istio.groups;
  const pairs = [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value]) => [name, value] as const);
  return pairs.some(([name]) => name === "method") ? Object.fromEntries(pairs) : undefined;
}

const ISTIO = new RegExp(
  [
    String.raw`^\[[^\]]+\] "(?<method>\S+) (?<path>.*?) (?<protocol>\S+)" \S+ \S+ .*?`,
    String.raw` "(?<x_forwarded_for>[^"]*)" "(?<user_agent>.*?)" "(?<request_id>[^"]*)" "(?<authority>[^"]*)"`,
    String.raw` "[^"]*" \S+ \S+ (?<downstream_local_address>\S+) (?<downstream_remote_address>\S+)`,
    String.raw` (?<requested_server_name>\S+) \S+$`,
  ].join(""),
);

/** Whether the fields of a JSON line are those of an access log. */
export const isLogged = (fields: Fields): boolean =>
  "response_code" in fields || "start_time" in fields || "response_flags" in fields;

/**
 * Without a host where the log has none: then it is that of the gateway. The scheme is http where the log says that there was no
 * name in a TLS handshake, else https.
 */
export function loggedRequest(fields: Fields): ReadRequest {
  const method = textOf(fields.method);
  const path = textOf(fields.path);
  if (method === undefined) return "no `method`, as of a TCP connection";
  if (path === undefined || !path.startsWith("/")) return "no `path`";
  const headers: Record<string, string> = {};
  const agent = textOf(fields.user_agent);
  if (agent !== undefined) headers["user-agent"] = agent;
  // The gateway has added the address of its peer.
  const forwarded =
    textOf(fields.x_forwarded_for)
      ?.split(",")
      .map((one) => one.trim()) ?? [];
  const peer = forwarded.pop() ?? addressOf(textOf(fields.downstream_remote_address));
  if (forwarded.length > 0) headers["x-forwarded-for"] = forwarded.join(", ");
  const withoutTls = "requested_server_name" in fields && textOf(fields.requested_server_name) === undefined;
  const request: { -readonly [K in keyof SimulatedRequest]: SimulatedRequest[K] } = {
    method,
    scheme: withoutTls ? "http" : "https",
    host: textOf(fields.authority) ?? "",
    path,
  };
  if (Object.keys(headers).length > 0) request.headers = headers;
  const port = Number(/:(\d+)$/.exec(textOf(fields.downstream_local_address) ?? "")?.[1]);
  if (port > 0) request.port = port;
  if (peer !== undefined) request.address = peer;
  return request;
}

/** Envoy writes "-" for what a request does not have. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && value !== "-" ? value : undefined;

/** Without port and brackets. */
const addressOf = (text: string | undefined): string | undefined =>
  text?.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
