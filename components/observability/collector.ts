import { isIP } from "node:net";
import type { DestinationRuleSpec } from "../istio/destination-rule";
import type { ServiceEntrySpec } from "../istio/service-entry";
import { isClusterService, meshHost, outsideHost, type HostPort } from "../traffic/outside-host";

const PURPOSE = "collector";

/** A program that receives traces or logs: a Service of the cluster, or a host outside by its DNS name or IP address. */
export interface Collector {
  /** `service.namespace.svc.cluster.local`, or the DNS name or IP address of a host outside the cluster. */
  readonly host: string;
  readonly port: number;
  /**
   * Whether the proxies use TLS for a host outside the cluster and check the name in its certificate. Default true for such a
   * host. It must be false for an IP address, whose certificate cannot be checked by name.
   */
  readonly tls?: boolean;
  /** PEM certificates of the authorities for the host's certificate. Default: the public authorities. */
  readonly ca?: string;
}

/** A collector outside the cluster and its protocol, which Istio has to know, since proxies do not negotiate HTTP/2. */
export type CollectorAccess = Collector & HostPort & { readonly tls: boolean };

/** The address of a collector in the form of Istio's extension provider. */
export const collectorAddress = ({ host, port }: Collector): { service: string; port: number } => ({
  service: meshHost(host, PURPOSE),
  port,
});

/**
 * {@link CollectorAccess} of a collector; empty for a Service of the cluster, which needs none.
 *
 * @throws RangeError if the collector is an IP address and `tls` is not false.
 */
export function collectorAccess(
  collector: Collector,
  protocol: HostPort["protocol"],
): CollectorAccess | undefined {
  const { host, tls = true } = collector;
  if (isClusterService(host)) return undefined;
  if (tls && isIP(host) > 0) throw new RangeError(`collector ${host}: TLS needs a host name`);
  return { ...collector, tls, protocol };
}

/** The objects for a host of collectors, as specs. */
export interface CollectorHost {
  readonly host: string;
  /** Name of the objects. */
  readonly name: string;
  readonly serviceEntry: ServiceEntrySpec;
  readonly destinationRule?: DestinationRuleSpec;
  /** Name of a ConfigMap → authorities in its key `ca.crt`, to which the DestinationRule refers. */
  readonly authorities: Readonly<Record<string, string>>;
}

/**
 * The hosts of all collectors outside the cluster, each once, since a host may receive traces on one port and logs on another.
 * Istio ignores a provider whose host is not in its registry, and only logs it in istiod.
 *
 * @param namespace namespace of the objects. Istio reads no ConfigMap of another namespace.
 */
export function collectorHosts(all: readonly CollectorAccess[], namespace: string): readonly CollectorHost[] {
  return [...new Set(all.map(({ host }) => host))].map((written) => {
    const host = meshHost(written, PURPOSE);
    const name = `collector-${host.replaceAll(".", "-")}`;
    const accesses = all.filter((access) => access.host === written);
    const ports = [...new Map(accesses.map((access) => [access.port, access])).values()];
    const secure = ports.filter(({ tls }) => tls);
    const portLevelSettings = secure.map(({ port, ca }) => ({
      port: { number: port },
      tls: {
        mode: "SIMPLE" as const,
        sni: host,
        subjectAltNames: [host],
        ...(ca !== undefined && { credentialName: `configmap://${namespace}/${name}-${port}` }),
      },
    }));
    return {
      host,
      name,
      serviceEntry: outsideHost(written, PURPOSE, ports),
      ...(secure.length > 0 && { destinationRule: { host, trafficPolicy: { portLevelSettings } } }),
      authorities: Object.fromEntries(
        secure.flatMap(({ port, ca }) => (ca === undefined ? [] : [[`${name}-${port}`, ca]])),
      ),
    };
  });
}
