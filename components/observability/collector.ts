import { isIP } from "node:net";
import type { DestinationRuleSpec } from "../istio/destination-rule";
import type { ServiceEntrySpec } from "../istio/service-entry";
import { isClusterService, meshHost, outsideHost, type HostPort } from "../traffic/outside-host";

const PURPOSE = "collector";

/** A program that takes traces or logs: in the cluster by its Service, or anywhere by its DNS name or IP address. */
export interface Collector {
  /** `service.namespace.svc.cluster.local`, or the DNS name or IP address of a host outside the cluster. */
  readonly host: string;
  readonly port: number;
  /**
   * Whether the proxies speak TLS to a host outside and check its certificate, by its name. Default true there; must be
   * false for an IP address, which no name of a certificate stands for.
   */
  readonly tls?: boolean;
  /** PEM certificates of the authorities that may have issued its certificate. Default: the public ones. */
  readonly ca?: string;
}

/** A collector outside the cluster, and the protocol that proxies speak to it: HTTP/2 has to be told, it is never tried out. */
export type CollectorAccess = Collector & HostPort & { readonly tls: boolean };

/** The address of a collector as an extension provider of Istio has it. */
export const collectorAddress = ({ host, port }: Collector): { service: string; port: number } => ({
  service: meshHost(host, PURPOSE),
  port,
});

/**
 * {@link CollectorAccess} of a collector; nothing for a Service of the cluster, which Istio knows by itself.
 *
 * @throws RangeError when the collector is an IP address and `tls` is not false.
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

/** What makes a host of collectors known to the proxies, as specs of Istio objects. */
export interface CollectorHost {
  readonly host: string;
  /** Name of the objects. */
  readonly name: string;
  readonly serviceEntry: ServiceEntrySpec;
  readonly destinationRule?: DestinationRuleSpec;
  /** Name of a ConfigMap → authorities in its key `ca.crt`; the rule refers to it. */
  readonly authorities: Readonly<Record<string, string>>;
}

/**
 * The hosts of all collectors outside the cluster, each once: it may take traces on one port and logs on another.
 * A provider whose host Istio does not know is dropped with nothing but a line in istiod's log. `namespace` is that of the
 * objects: Istio reads no ConfigMap of another one.
 */
export function collectorHosts(all: readonly CollectorAccess[], namespace: string): readonly CollectorHost[] {
  return [...new Set(all.map(({ host }) => host))].map((written) => {
    const host = meshHost(written, PURPOSE);
    const name = `collector-${host.replaceAll(".", "-")}`;
    const of = all.filter((access) => access.host === written);
    const ports = [...new Map(of.map((access) => [access.port, access])).values()];
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
