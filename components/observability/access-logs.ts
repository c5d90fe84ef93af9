/** Access logs of the proxies, as Istio's extension provider and Telemetry spec. */
import type { AccessLogging } from "../istio/telemetry";
import { collectorAccess, collectorAddress, type Collector, type CollectorAccess } from "./collector";
import type { ExtensionProvider } from "./tracing";

/**
 * Field of a line → Envoy's command operator. Names are those of Istio's JSON format. `path` has no query, since clients may
 * put secrets into queries.
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
  /** Result of authorization policies in dry run: `denied` or `allowed`. */
  rbac_dry_run_deny: "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_engine_result)%",
  rbac_dry_run_allow: "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_allow_shadow_engine_result)%",
} as const;
export type AccessLogField = keyof typeof ACCESS_LOG_FIELDS;

/**
 * Fields whose value a client controls → their place in Envoy's attributes. In the text format the value ends before a quote
 * or a backslash, with which a client could add fields, since Envoy escapes only JSON.
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

/** Default fields. They show a failure and its cause, and no data of the client. */
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
  /**
   * Log only requests with a status from 400 on or without an answer, and failed TCP connections. With `slowerThanMs`, one of the
   * two conditions is enough. Default false.
   */
  readonly errors?: boolean;
  /** Log only requests that took at least this time in milliseconds. Default: all. */
  readonly slowerThanMs?: number;
  /** Log only requests to these versions, both at their callers and at their pods. Default: all. */
  readonly versions?: readonly string[];
  /** Send the logs by OTLP over gRPC. Default: the proxies' standard output. */
  readonly collector?: Collector;
}

/** The Istio configuration for access logs. */
export interface AccessLogPlan {
  readonly extensionProvider: ExtensionProvider;
  readonly access?: CollectorAccess;
  /** Entry of the mesh's Telemetry object. */
  readonly mesh: AccessLogging;
}

const PROVIDER_NAME = "access-log";

/** The access logs of a mesh. Envoy applies format and filter in each proxy. */
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
              // Without a text, istiod writes Istio's default line into the body, which has the query.
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

/** A CEL expression over Envoy's attributes (Envoy docs, "Attributes"); empty if every request is logged. */
export function filterExpression({ errors = false, slowerThanMs, versions }: AccessLogs): string {
  const kinds = [
    // If the client disconnects before the answer, there is no code. A TCP connection never has one; its flags show a failure.
    ...(errors
      ? ["(has(response.code) ? response.code >= 400 : has(request.method) || response.flags != 0)"]
      : []),
    // The duration of a TCP connection is its lifetime, so TCP is excluded.
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
              // The caller's proxy has the version in the subset of the cluster, the version's proxy in the label of its pod.
              `xds.cluster_name.contains('|${version}|')`,
              `xds.node.metadata.LABELS.version == '${version}'`,
            ])
            .join(" || "),
        ];
  const parts = [...(kinds.length > 0 ? [kinds.join(" || ")] : []), ...ofVersion];
  return parts.length === 1 ? (parts[0] ?? "") : parts.map((part) => `(${part})`).join(" && ");
}
