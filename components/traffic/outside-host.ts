/** Hosts that proxies call on their own account, such as a rate limit service or a collector, and how they know them. */
import { isIP } from "node:net";
import type { ServiceEntrySpec } from "../istio/service-entry";

/** Whether a host is a Service of the cluster: Istio knows those by itself. */
export const isClusterService = (host: string): boolean => host.endsWith(".svc.cluster.local");

/** The name by which proxies know a host: an address gets one for its purpose; `.internal` is reserved for private use. */
export const meshHost = (host: string, purpose: string): string =>
  isIP(host) > 0 ? `ip-${host.toLowerCase().replaceAll(/[.:]/g, "-")}-${purpose}.internal` : host;

/** What makes a host outside the cluster known to the proxies; nothing for a Service. */
export function outsideHost(
  host: string,
  port: number,
  purpose: string,
  protocol: "GRPC" | "HTTP" = "GRPC",
): ServiceEntrySpec | undefined {
  if (isClusterService(host)) return undefined;
  return {
    hosts: [meshHost(host, purpose)],
    location: "MESH_EXTERNAL",
    ports: [{ number: port, name: protocol.toLowerCase(), protocol }],
    ...(isIP(host) > 0 ? { resolution: "STATIC", endpoints: [{ address: host }] } : { resolution: "DNS" }),
  };
}
