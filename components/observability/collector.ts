/** A program that takes traces or logs: in the cluster by its Service, or anywhere by its DNS name. */
export interface Collector {
  /** `service.namespace.svc.cluster.local`, or the DNS name of a host outside the cluster. */
  readonly host: string;
  readonly port: number;
  /** Whether the proxies speak TLS to a host outside and check its certificate by the public roots. Default true there. */
  readonly tls?: boolean;
}

/** Whether the collector is a Service of the cluster: Istio knows those by itself. */
export function isClusterService({ host }: Pick<Collector, "host">): boolean {
  return host.endsWith(".svc.cluster.local");
}

/** The protocol that the proxies speak to a collector; HTTP/2 has to be told, it is never tried out. */
export type CollectorProtocol = "GRPC" | "HTTP";

/** What makes a host outside the cluster known to the proxies, as specs of Istio objects; nothing for a Service. */
export interface CollectorAccess {
  readonly host: string;
  readonly serviceEntry: {
    readonly hosts: readonly string[];
    readonly location: "MESH_EXTERNAL";
    readonly resolution: "DNS";
    readonly ports: readonly { readonly number: number; readonly name: string; readonly protocol: string }[];
  };
  readonly destinationRule?: {
    readonly host: string;
    readonly trafficPolicy: { readonly tls: { readonly mode: "SIMPLE"; readonly sni: string } };
  };
}

/** {@link CollectorAccess} of a collector: a provider whose host Istio does not know is dropped with nothing but a line in istiod's log. */
export function collectorAccess(
  collector: Collector,
  protocol: CollectorProtocol,
): CollectorAccess | undefined {
  const { host, port, tls = true } = collector;
  if (isClusterService(collector)) return undefined;
  return {
    host,
    serviceEntry: {
      hosts: [host],
      location: "MESH_EXTERNAL",
      resolution: "DNS",
      ports: [{ number: port, name: `${protocol.toLowerCase()}-collector`, protocol }],
    },
    ...(tls && { destinationRule: { host, trafficPolicy: { tls: { mode: "SIMPLE", sni: host } } } }),
  };
}
