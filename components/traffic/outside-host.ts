/** Hosts that proxies call on their own account, such as a rate limit service or a collector, and how they know them. */
import { isIP } from "node:net";
import type { ServiceEntrySpec } from "../istio/service-entry";

/** Whether a host is a Service of the cluster: Istio knows those by itself. */
export const isClusterService = (host: string): boolean => host.endsWith(".svc.cluster.local");

/** The name by which proxies know a host: an address gets one for its purpose; `.internal` is reserved for private use. */
export const meshHost = (host: string, purpose: string): string =>
  isIP(host) > 0 ? `ip-${host.toLowerCase().replaceAll(/[.:]/g, "-")}-${purpose}.internal` : host;

/** A port of a host, and what is spoken there. */
export interface HostPort {
  readonly port: number;
  readonly protocol: "GRPC" | "HTTP";
}

/** What makes a host outside the cluster known to the proxies. */
export const outsideHost = (host: string, purpose: string, ports: readonly HostPort[]): ServiceEntrySpec => ({
  hosts: [meshHost(host, purpose)],
  location: "MESH_EXTERNAL",
  ports: ports.map(({ port, protocol }) => ({
    number: port,
    name: `${protocol.toLowerCase()}-${port}`,
    protocol,
  })),
  ...(isIP(host) > 0 ? { resolution: "STATIC", endpoints: [{ address: host }] } : { resolution: "DNS" }),
});
