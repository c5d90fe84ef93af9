import type { Server } from "../istio/gateway";
import type { HttpRoute, VirtualServiceSpec } from "../istio/virtual-service";

/** Default node ports of a Service of type NodePort. */
export const NODE_PORTS = { http: 30_080, https: 30_443 } as const;

/** Lowest TLS version (Istio: ServerTLSSettings.TLSProtocol). */
export const TlsVersion = {
  "1.2": "TLSV1_2",
  "1.3": "TLSV1_3",
} as const;
export type TlsVersion = (typeof TlsVersion)[keyof typeof TlsVersion];

/** Where the TLS of clients ends: in the gateway, or in a proxy in front of it that sets `X-Forwarded-Proto`. */
export const TlsTermination = {
  Gateway: "gateway",
  LoadBalancer: "load-balancer",
} as const;
export type TlsTermination = (typeof TlsTermination)[keyof typeof TlsTermination];

/** The certificate of a host, and whether clients need one. */
export interface HostTls {
  /**
   * Name of a `kubernetes.io/tls` Secret in the gateway's namespace. For MUTUAL, the certificates of the clients' authorities are
   * in its key `ca.crt`, or in a Secret `<credentialName>-cacert`.
   */
  readonly credentialName: string;
  /** `MUTUAL` requires a certificate from clients. Default `SIMPLE`. */
  readonly mode?: "SIMPLE" | "MUTUAL";
  /** Default TLS 1.2. */
  readonly minVersion?: TlsVersion;
}

/** HTTPS of a gateway. */
export interface GatewayTls extends HostTls {
  /** Answer plain HTTP with a redirect to HTTPS. Default true. */
  readonly redirect?: boolean;
  /** Hosts with their own TLS. All others have the fields above. */
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
 * Plans the servers of a Gateway: one for plain HTTP, one for the hosts that share their TLS, and one for each host with its
 * own TLS. A client that names hosts of different servers in TLS and in HTTP is refused, since each server has its own routes.
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

/** Hosts to which only routes of `namespaces` may bind; `.` is the Gateway's namespace. Default: any. */
export const bound = (hosts: readonly string[], namespaces?: readonly string[]): readonly string[] =>
  namespaces ? hosts.flatMap((host) => namespaces.map((namespace) => `${namespace}/${host}`)) : hosts;

export const httpServer = (hosts: readonly string[]): Server => ({
  port: { number: 80, name: "http", protocol: "HTTP" },
  hosts,
});

/** Redirects requests that a proxy in front of the gateway received by HTTP. Envoy reads `X-Forwarded-Proto` (`require_tls`). */
const forwardedTls = (termination?: TlsTermination): Pick<Server, "tls"> =>
  termination === TlsTermination.LoadBalancer ? { tls: { httpsRedirect: true } } : {};

/** Ports of the nodes that lead to the gateway's ports 80 and 443. */
export interface NodePorts {
  readonly http?: number;
  readonly https?: number;
}

/**
 * Redirects HTTP of `host` to HTTPS: from the node port for HTTP to that for HTTPS, from any other port to 443. Istio's
 * `httpsRedirect` would keep the port of the request, on which there is no TLS. For a wildcard there is no single host to
 * redirect to, so the port of the request stays.
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

/** Istio names a route configuration by port and Gateway name with dots between, so the name may have no dots. */
const portSuffix = (host: string): string => host.replaceAll(".", "_").replace("*", "any");
