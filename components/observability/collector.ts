import { isIP } from "node:net";
import type { ServiceEntrySpec } from "../istio/service-entry";
import { meshHost, outsideHost } from "../traffic/outside-host";

/** A program that takes traces or logs: in the cluster by its Service, or anywhere by its DNS name or IP address. */
export interface Collector {
  /** `service.namespace.svc.cluster.local`, or the DNS name or IP address of a host outside the cluster. */
  readonly host: string;
  readonly port: number;
  /**
   * Whether the proxies speak TLS to a host outside and check its certificate by the public roots. Default true there;
   * must be false for an IP address, which no name of a certificate stands for.
   */
  readonly tls?: boolean;
}

/** The protocol that the proxies speak to a collector; HTTP/2 has to be told, it is never tried out. */
export type CollectorProtocol = "GRPC" | "HTTP";

/** What makes a host outside the cluster known to the proxies, as specs of Istio objects; nothing for a Service. */
export interface CollectorAccess {
  readonly host: string;
  readonly serviceEntry: ServiceEntrySpec;
  readonly destinationRule?: {
    readonly host: string;
    readonly trafficPolicy: { readonly tls: { readonly mode: "SIMPLE"; readonly sni: string } };
  };
}

/** The address of a collector as an extension provider of Istio has it. */
export const collectorAddress = ({ host, port }: Collector): { service: string; port: number } => ({
  service: meshHost(host, "collector"),
  port,
});

/**
 * {@link CollectorAccess} of a collector: a provider whose host Istio does not know is dropped with nothing but a line in istiod's log.
 *
 * @throws RangeError when the collector is an IP address and `tls` is not false.
 */
export function collectorAccess(
  collector: Collector,
  protocol: CollectorProtocol,
): CollectorAccess | undefined {
  const { port, tls = true } = collector;
  const serviceEntry = outsideHost(collector.host, port, "collector", protocol);
  if (!serviceEntry) return undefined;
  if (tls && isIP(collector.host) > 0)
    throw new RangeError(`collector ${collector.host}: TLS needs a host name`);
  const host = meshHost(collector.host, "collector");
  return {
    host,
    serviceEntry,
    ...(tls && { destinationRule: { host, trafficPolicy: { tls: { mode: "SIMPLE", sni: host } } } }),
  };
}
