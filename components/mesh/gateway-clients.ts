import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import { readForwardedFor } from "../security/client-address";

const CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";

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

/**
 * Serves usual clients that Envoy turns away: HTTP/1.0 with a Host (426), and an offer to upgrade to TLS (403), which a server
 * may ignore (RFC 9110, 7.8). Other upgrades stay as they are; `h2c` Envoy ignores by itself. And a host with a dot at its end, which
 * is the same name, fully qualified (404); the version gets it without the dot.
 */
const USUAL_CLIENTS = connectionManager({
  strip_trailing_host_dot: true,
  http_protocol_options: {
    accept_http_10: true,
    ignore_http_11_upgrade: [{ prefix: "TLS/", ignore_case: true }],
  },
});

/**
 * CORS before tokens and lists, as Istio's own filter stands behind them: preflights, which never have a token, are answered where
 * a route has `cors` and are ordinary requests elsewhere, and pages that may see an answer see why they are refused. Both
 * filters have one name, by which the route sets them alike.
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

/** How a gateway behind `trustedProxies` proxies takes requests, beyond what Istio has fields for. */
export const clientPatches = (trustedProxies: number): EnvoyConfigPatch[] => [
  USUAL_CLIENTS,
  CORS_FIRST,
  ...(trustedProxies > 0 ? [connectionManager(readForwardedFor(trustedProxies))] : []),
];
