import type { EnvoyConfigPatch } from "../istio/envoy-filter";

const CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";

/**
 * Serves usual clients that Envoy turns away: HTTP/1.0 with a Host (426), and an offer to upgrade to TLS (403), which a server
 * may ignore (RFC 9110, 7.8). Other upgrades stay as they are; `h2c` Envoy ignores by itself. And a host with a dot at its end, which
 * is the same name, fully qualified (404); the version gets it without the dot.
 */
export const USUAL_CLIENTS: EnvoyConfigPatch = {
  applyTo: "NETWORK_FILTER",
  match: { context: "GATEWAY", listener: { filterChain: { filter: { name: CONNECTION_MANAGER } } } },
  patch: {
    operation: "MERGE",
    value: {
      name: CONNECTION_MANAGER,
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        strip_trailing_host_dot: true,
        http_protocol_options: {
          accept_http_10: true,
          ignore_http_11_upgrade: [{ prefix: "TLS/", ignore_case: true }],
        },
      },
    },
  },
};
