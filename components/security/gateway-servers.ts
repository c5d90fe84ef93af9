import type { Server } from "../istio/gateway";
import type { HttpRoute, VirtualServiceSpec } from "../istio/virtual-service";

/** Ports of the nodes for a Service of type NodePort that names none. */
export const NODE_PORTS = { http: 30_080, https: 30_443 } as const;

/** Lowest TLS version (Istio: ServerTLSSettings.TLSProtocol). */
export const TlsVersion = {
  "1.2": "TLSV1_2",
  "1.3": "TLSV1_3",
} as const;
export type TlsVersion = (typeof TlsVersion)[keyof typeof TlsVersion];

/** Where the TLS of clients ends: in the gateway, or in a proxy before it, which says so in `X-Forwarded-Proto`. */
export const TlsTermination = {
  Gateway: "gateway",
  LoadBalancer: "load-balancer",
} as const;
export type TlsTermination = (typeof TlsTermination)[keyof typeof TlsTermination];

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
  /** Serve plain HTTP on port 80. */
  readonly http: boolean;
  readonly tls?: GatewayTls;
  /** Default `gateway`. */
  readonly tlsTermination?: TlsTermination;
}

/**
 * Plans the servers of a Gateway: one for plain HTTP, one for the hosts that share their TLS, and one for each host with
 * TLS of its own. A client that names one host to TLS and another to HTTP gets 404, as each server has its own routes.
 */
export function gatewayServers({
  hosts,
  namespaces,
  http,
  tls,
  tlsTermination,
}: GatewayServersArgs): Server[] {
  const own = tls?.hosts ?? {};
  const shared = hosts.filter((host) => !Object.hasOwn(own, host));
  return [
    ...(http ? [{ ...httpServer(bound(hosts, namespaces)), ...forwardedTls(tlsTermination) }] : []),
    ...(tls && shared.length > 0 ? [httpsServer("https", bound(shared, namespaces), tls)] : []),
    ...Object.entries(own)
      .filter(([host]) => hosts.includes(host))
      .map(([host, hostTls]) => httpsServer(`https-${portSuffix(host)}`, bound([host], namespaces), hostTls)),
  ];
}

/** Hosts to which only routes of `namespaces` may bind; `.` is the Gateway's own. Default: any. */
export const bound = (hosts: readonly string[], namespaces?: readonly string[]): readonly string[] =>
  namespaces ? hosts.flatMap((host) => namespaces.map((namespace) => `${namespace}/${host}`)) : hosts;

export const httpServer = (hosts: readonly string[]): Server => ({
  port: { number: 80, name: "http", protocol: "HTTP" },
  hosts,
});

/** What a proxy before the gateway has taken by HTTP is sent to HTTPS. Envoy goes by `X-Forwarded-Proto` (`require_tls`). */
const forwardedTls = (termination?: TlsTermination): Pick<Server, "tls"> =>
  termination === TlsTermination.LoadBalancer ? { tls: { httpsRedirect: true } } : {};

/** Ports of the nodes that lead to the gateway's ports 80 and 443. */
export interface NodePorts {
  readonly http?: number;
  readonly https?: number;
}

/**
 * Sends HTTP of `host` to HTTPS: from the node port to the node port, from any other to 443. Istio's own `httpsRedirect` keeps
 * the port that the client asked for, where nobody speaks TLS. A wildcard has no name to redirect to: there a port stays.
 */
export function httpsRedirect(host: string, gateway: string, { http, https }: NodePorts): VirtualServiceSpec {
  const named = !host.includes("*");
  const redirect = { scheme: "https", redirectCode: 301 } as const;
  const nodePort: HttpRoute = {
    name: "https-node-port",
    match: [{ authority: { regex: `.*:${http}` } }],
    redirect: { ...redirect, port: https },
  };
  return {
    hosts: [host],
    gateways: [gateway],
    http: [
      ...(http !== undefined && https !== undefined ? [nodePort] : []),
      { name: "https", redirect: { ...redirect, ...(named && { authority: host }) } },
    ],
  };
}

/** A host as part of the name of an object. */
export const hostSuffix = (host: string): string => host.replace("*", "any");

export function httpsServer(name: string, hosts: readonly string[], tls: HostTls): Server {
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
