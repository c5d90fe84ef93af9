/** Which requests the proxies log and what a line says, worked out as Istio's extension provider and Telemetry spec. */
import type { AccessLogging } from "../istio/telemetry";
import { collectorAccess, collectorAddress, type Collector, type CollectorAccess } from "./collector";
import type { ExtensionProvider } from "./tracing";

/**
 * Field of a line → Envoy's command operator. Names are those of Istio's own JSON format; `path` has no query, since
 * clients put into queries what must not be logged.
 */
export const ACCESS_LOG_FIELDS = {
  start_time: "%START_TIME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  authority: "%REQ(:AUTHORITY)%",
  response_code: "%RESPONSE_CODE%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  response_flags: "%RESPONSE_FLAGS%",
  duration: "%DURATION%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  request_id: "%REQ(X-REQUEST-ID)%",
  trace_id: "%TRACE_ID%",
  route_name: "%ROUTE_NAME%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  user_agent: "%REQ(USER-AGENT)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  /** What authorization policies in dry run would have done: `denied` or `allowed`. */
  rbac_dry_run_deny: "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_engine_result)%",
  rbac_dry_run_allow: "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_allow_shadow_engine_result)%",
} as const;
export type AccessLogField = keyof typeof ACCESS_LOG_FIELDS;

/**
 * Field that a client writes, or its own sidecar passes on → where Envoy's attributes have it. As text it ends before a quote
 * or a backslash, by which a client would write fields of its own: Envoy escapes JSON alone.
 */
const OF_CLIENTS: Partial<Record<AccessLogField, string>> = {
  method: "request.method",
  path: "'x-envoy-original-path' in request.headers ? request.headers['x-envoy-original-path'] : request.path",
  authority: "request.host",
  request_id: "request.headers['x-request-id']",
  requested_server_name: "connection.requested_server_name",
  user_agent: "request.headers['user-agent']",
  x_forwarded_for: "request.headers['x-forwarded-for']",
};

/** Fields unless told otherwise: what tells a failure from its cause, and nothing of the client. */
export const DEFAULT_ACCESS_LOG_FIELDS: readonly AccessLogField[] = [
  "start_time",
  "method",
  "path",
  "protocol",
  "response_code",
  "response_code_details",
  "response_flags",
  "duration",
  "upstream_service_time",
  "bytes_received",
  "bytes_sent",
  "request_id",
  "trace_id",
  "route_name",
  "upstream_cluster",
  "upstream_host",
];

export interface AccessLogs {
  /** `json`: an object for each request; `text`: `field=value` pairs. Default json. */
  readonly encoding?: "json" | "text";
  /** Default {@link DEFAULT_ACCESS_LOG_FIELDS}. */
  readonly fields?: readonly AccessLogField[];
  /** Log requests that had an answer of 400 and more, or none, and TCP connections that failed. With `slowerThanMs` either is enough. */
  readonly errors?: boolean;
  /** Log requests that took at least this many milliseconds. */
  readonly slowerThanMs?: number;
  /** Log requests to these versions only, at their callers and at themselves. */
  readonly versions?: readonly string[];
  /** Send them by OTLP over gRPC instead of writing them to the proxies' standard output. */
  readonly collector?: Collector;
}

/** What access logs take. */
export interface AccessLogPlan {
  readonly extensionProvider: ExtensionProvider;
  readonly access?: CollectorAccess;
  /** Entry of the mesh's Telemetry object. */
  readonly mesh: AccessLogging;
}

const PROVIDER_NAME = "access-log";

/** The access logs of a mesh. Log format and filter are Envoy's: a proxy logs nothing that the filter leaves out. */
export function planAccessLogs(logs: AccessLogs): AccessLogPlan {
  const { encoding = "json", fields = DEFAULT_ACCESS_LOG_FIELDS, collector } = logs;
  const operators = Object.fromEntries(fields.map((field) => [field, ACCESS_LOG_FIELDS[field]]));
  const text = textFormat(fields);
  const expression = filterExpression(logs);
  const access = collector && collectorAccess(collector, "GRPC");
  return {
    extensionProvider: {
      name: PROVIDER_NAME,
      ...(collector
        ? {
            envoyOtelAls: {
              ...collectorAddress(collector),
              logName: "access",
              // Without a text of ours istiod writes Istio's default line into the body, with the query.
              logFormat: { text, labels: operators },
            },
          }
        : {
            envoyFileAccessLog: {
              path: "/dev/stdout",
              logFormat: encoding === "json" ? { labels: operators } : { text },
            },
          }),
    },
    access,
    mesh: { providers: [{ name: PROVIDER_NAME }], ...(expression !== "" && { filter: { expression } }) },
  };
}

function textFormat(fields: readonly AccessLogField[]): string {
  const pairs = fields.map((field) => {
    const value = OF_CLIENTS[field];
    const end = field === "path" ? '?"\\\\' : '"\\\\';
    const operator =
      value === undefined ? ACCESS_LOG_FIELDS[field] : `%CEL(re.extract(${value}, r'^[^${end}]*', r'\\0'))%`;
    return `${field}="${operator}"`;
  });
  return `${pairs.join(" ")}\n`;
}

/** A CEL expression over Envoy's attributes (Envoy docs, "Attributes"); empty when every request is logged. */
export function filterExpression({ errors = false, slowerThanMs, versions }: AccessLogs): string {
  const kinds = [
    // A client that left before the answer leaves no code. A TCP connection never has one: flags tell that it failed.
    ...(errors
      ? ["(has(response.code) ? response.code >= 400 : has(request.method) || response.flags != 0)"]
      : []),
    // The duration of a TCP connection is its life.
    ...(slowerThanMs === undefined
      ? []
      : [`has(request.method) && request.duration >= duration('${slowerThanMs}ms')`]),
  ];
  const ofVersion =
    versions === undefined
      ? []
      : [
          versions
            .flatMap((version) => [
              // A caller knows the version as the subset of the cluster, the called as the label of its own pod.
              `xds.cluster_name.contains('|${version}|')`,
              `xds.node.metadata.LABELS.version == '${version}'`,
            ])
            .join(" || "),
        ];
  const parts = [...(kinds.length > 0 ? [kinds.join(" || ")] : []), ...ofVersion];
  return parts.length === 1 ? (parts[0] ?? "") : parts.map((part) => `(${part})`).join(" && ");
}
