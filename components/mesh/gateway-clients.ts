import { CONNECTION_MANAGER } from "../istio/connection-manager";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import { readForwardedFor } from "../security/client-address";
import { TlsTermination } from "../security/gateway-servers";

const match = {
  context: "GATEWAY",
  listener: { filterChain: { filter: { name: CONNECTION_MANAGER } } },
} as const;

const connectionManager = (config: Readonly<Record<string, unknown>>): EnvoyConfigPatch => ({
  applyTo: "NETWORK_FILTER",
  match,
  patch: {
    operation: "MERGE",
    value: {
      name: CONNECTION_MANAGER,
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        ...config,
      },
    },
  },
});

/** Matches each protocol of an `Upgrade` header but `websocket`, in any case (RE2 has no negation). */
const NOT_WEBSOCKET = (() => {
  const protocol = "websocket";
  const others = Array.from(protocol, (next, at) => `${protocol.slice(0, at)}(?:[^${next}].*)?`);
  return `(?i:${[...others, `${protocol}.+`].join("|")})`;
})();

/**
 * Serves common requests that Envoy refuses by default:
 * - HTTP/1.0 with a Host (426),
 * - an offer to upgrade the protocol (403), which a server may ignore (RFC 9110, 7.8); only `websocket` is not ignored,
 * - a host with a dot at its end (404), which is the fully qualified form of the same name; the version gets it without the dot.
 */
const USUAL_CLIENTS = connectionManager({
  strip_trailing_host_dot: true,
  http_protocol_options: {
    accept_http_10: true,
    ignore_http_11_upgrade: [{ safe_regex: { regex: NOT_WEBSOCKET } }],
  },
});

/**
 * A host that the server of the connection does not have gets 421 instead of 404. A browser that uses a connection for every host of
 * its certificate then opens another one (RFC 9110, 15.5.20).
 */
const OTHER_SERVER = connectionManager({
  local_reply_config: {
    mappers: [
      {
        filter: {
          and_filter: {
            filters: [
              { response_flag_filter: { flags: ["NR"] } },
              {
                extension_filter: {
                  name: "envoy.access_loggers.extension_filters.cel",
                  typed_config: {
                    "@type":
                      "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                    expression: "!request.host.startsWith(connection.requested_server_name)",
                  },
                },
              },
            ],
          },
        },
        status_code: 421,
      },
    ],
  },
});

/** The redirect of Istio's `httpsRedirect` keeps the port of `Host`. On port 80 there is no TLS. */
const WITHOUT_OWN_PORT = connectionManager({ strip_matching_host_port: true });

/**
 * A CORS filter before tokens and access lists, since Istio's own filter comes after them. It answers preflights, which never
 * have a token, on routes with `cors`; on other routes they are ordinary requests. It also lets allowed pages read a refusal.
 * Both filters have the same name, so that one setting of the route applies to both.
 */
const CORS_FIRST: EnvoyConfigPatch = {
  applyTo: "HTTP_FILTER",
  match,
  patch: {
    operation: "INSERT_FIRST",
    value: {
      name: "envoy.filters.http.cors",
      typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors" },
    },
  },
};

/** Patches for the requests to a gateway behind `trustedProxies` proxies, for settings that Istio has no field for. */
export const clientPatches = (
  trustedProxies: number,
  tlsTermination?: TlsTermination,
): EnvoyConfigPatch[] => [
  USUAL_CLIENTS,
  OTHER_SERVER,
  CORS_FIRST,
  ...(tlsTermination === TlsTermination.LoadBalancer ? [WITHOUT_OWN_PORT] : []),
  ...(trustedProxies > 0 ? [connectionManager(readForwardedFor(trustedProxies))] : []),
];
