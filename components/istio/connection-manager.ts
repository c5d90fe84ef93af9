/** Envoy's name of the network filter that has the filters of HTTP. */
export const CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";
