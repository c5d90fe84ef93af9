import type { Server } from "../istio/gateway";

/** Ports of the nodes for a Service of type NodePort that names none. */
export const NODE_PORTS = { http: 30_080, https: 30_443 } as const;

/** Lowest TLS version (Istio: ServerTLSSettings.TLSProtocol). */
export const TlsVersion = {
  "1.2": "TLSV1_2",
  "1.3": "TLSV1_3",
} as const;
export type TlsVersion = (typeof TlsVersion)[keyof typeof TlsVersion];

/** How a host proves itself, and whether clients must. */
export interface HostTls {
  /**
   * Name of a `kubernetes.io/tls` Secret in the gateway's namespace. For MUTUAL the certificates of the clients' authorities
   * stand in its key `ca.crt`, or in a Secret `<credentialName>-cacert`.
   */
  readonly credentialName: string;
  /** `MUTUAL` asks clients for a certificate. Default `SIMPLE`. */
  readonly mode?: "SIMPLE" | "MUTUAL";
  /** Default TLS 1.2. */
  readonly minVersion?: TlsVersion;
}

/** HTTPS of a gateway. */
export interface GatewayTls extends HostTls {
  /** Answer plain HTTP with a redirect to HTTPS. Default true. */
  readonly redirect?: boolean;
  /** Hosts with TLS of their own; one that is left out has what stands above. */
  readonly hosts?: Readonly<Record<string, HostTls>>;
}

export interface GatewayServersArgs {
  readonly hosts: readonly string[];
  /** Namespaces whose routes may bind to the hosts. Default: any. */
  readonly namespaces?: readonly string[];
  /** Listen for plain HTTP on port 80. */
  readonly http: boolean;
  readonly tls?: GatewayTls;
}

/**
 * Plans the servers of a Gateway: one for plain HTTP, one for the hosts that share their TLS, and one for each host with
 * TLS of its own. A client that names one host to TLS and another to HTTP gets 404, as each server has its own routes.
 */
export function gatewayServers({ hosts, namespaces, http, tls }: GatewayServersArgs): Server[] {
  const bound = (named: readonly string[]): readonly string[] =>
    namespaces ? named.flatMap((host) => namespaces.map((namespace) => `${namespace}/${host}`)) : named;
  const own = tls?.hosts ?? {};
  const shared = hosts.filter((host) => !Object.hasOwn(own, host));
  return [
    ...(http
      ? [
          {
            port: { number: 80, name: "http", protocol: "HTTP" as const },
            hosts: bound(hosts),
            ...(tls && (tls.redirect ?? true) && { tls: { httpsRedirect: true } }),
          },
        ]
      : []),
    ...(tls && shared.length > 0 ? [httpsServer("https", bound(shared), tls)] : []),
    ...Object.entries(own)
      .filter(([host]) => hosts.includes(host))
      .map(([host, hostTls]) => httpsServer(`https-${portSuffix(host)}`, bound([host]), hostTls)),
  ];
}

function httpsServer(name: string, hosts: readonly string[], tls: HostTls): Server {
  return {
    port: { number: 443, name, protocol: "HTTPS" },
    hosts,
    tls: {
      mode: tls.mode ?? "SIMPLE",
      credentialName: tls.credentialName,
      minProtocolVersion: tls.minVersion ?? TlsVersion["1.2"],
    },
  };
}

/** Istio finds a route configuration by port and Gateway names with dots between: none within. */
const portSuffix = (host: string): string => host.replaceAll(".", "_").replace("*", "any");
