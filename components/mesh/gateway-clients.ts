import { CONNECTION_MANAGER } from "../istio/connection-manager";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import { readForwardedFor } from "../security/client-address";

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
 * Serves common requests that Envoy refuses by default:
 * - HTTP/1.0 with a Host (426),
 * - an offer to upgrade to TLS (403), which a server may ignore (RFC 9110, 7.8); other upgrades are not changed, and Envoy
 *   ignores `h2c` itself,
 * - a host with a dot at its end (404), which is the fully qualified form of the same name; the version gets it without the dot.
 */
const USUAL_CLIENTS = connectionManager({
  strip_trailing_host_dot: true,
  http_protocol_options: {
    accept_http_10: true,
    ignore_http_11_upgrade: [{ prefix: "TLS/", ignore_case: true }],
  },
});

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
export const clientPatches = (trustedProxies: number): EnvoyConfigPatch[] => [
  USUAL_CLIENTS,
  CORS_FIRST,
  ...(trustedProxies > 0 ? [connectionManager(readForwardedFor(trustedProxies))] : []),
];
