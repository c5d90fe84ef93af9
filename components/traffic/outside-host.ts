/** Hosts that proxies call themselves, such as a rate limit service or a collector, and their ServiceEntries. */
import { isIP } from "node:net";
import type { ServiceEntrySpec } from "../istio/service-entry";

/** Whether a host is a Service of the cluster, which needs no ServiceEntry. */
export const isClusterService = (host: string): boolean => host.endsWith(".svc.cluster.local");

/** The name of a host in the mesh. An address gets a name from its purpose below `.internal`, which is reserved for private use. */
export const meshHost = (host: string, purpose: string): string =>
  isIP(host) > 0 ? `ip-${host.toLowerCase().replaceAll(/[.:]/g, "-")}-${purpose}.internal` : host;

/** A port of a host and its protocol. */
export interface HostPort {
  readonly port: number;
  readonly protocol: "GRPC" | "HTTP";
}

/** The ServiceEntry of a host outside the cluster. */
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
