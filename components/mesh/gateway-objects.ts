import * as pulumi from "@pulumi/pulumi";
import { Gateway, type Server } from "../istio/gateway";
import { VirtualService } from "../istio/virtual-service";
import { certificateServers, tlsOfHosts } from "../security/tls-secrets";
import {
  bound,
  gatewayServers,
  hostSuffix,
  httpServer,
  httpsRedirect,
  type GatewayTls,
  type NodePorts,
  type TlsTermination,
} from "../security/gateway-servers";
import { serversTaken } from "../readiness/gateway-tls";
import { certificatesHeld } from "../readiness/certificates";
import { PROPAGATION_TIMEOUT_SECONDS } from "../readiness/propagation";
import type { ClusterAccess } from "../kubernetes/cluster";
import type { GatewayPods } from "../kubernetes/pods";

/** Ports, hosts and certificates of gateway pods. */
export interface GatewayListenersArgs {
  readonly pods: GatewayPods;
  readonly hosts: readonly string[];
  /** Namespaces whose VirtualServices may bind to the hosts. Default: any. */
  readonly routeNamespaces?: readonly string[];
  /** Listen for plain HTTP on port 80. */
  readonly http: boolean;
  /** Listen for HTTPS on port 443. Default: no HTTPS. */
  readonly tls?: GatewayTls;
  /** Where the TLS of clients ends. Default: in the gateway. */
  readonly tlsTermination?: TlsTermination;
  readonly nodePorts?: NodePorts;
  /** Time limit until each pod has the certificates of `tls`, in seconds. 0 does not wait. Default 60. */
  readonly certificateTimeoutSeconds?: number;
  readonly cluster?: ClusterAccess;
}

type After = pulumi.Input<pulumi.Input<pulumi.Resource>[]>;

/** Writes the Gateway objects of `args.hosts` and the redirect from HTTP to HTTPS. Returns the Gateway that routes bind to. */
export function gatewayListeners(
  name: string,
  args: GatewayListenersArgs,
  opts: {
    readonly parent: pulumi.Resource;
    readonly dependsOn: After;
    readonly hooks?: pulumi.ResourceHookBinding;
  },
): Gateway {
  const { pods, hosts, routeNamespaces, http, tls, nodePorts = {} } = args;
  const { namespace, labels } = pods;
  const { parent, dependsOn, hooks } = opts;
  const listener = (child: string, servers: readonly Server[], more: pulumi.Input<pulumi.Resource>[]) =>
    new Gateway(
      `${name}-${child}`,
      {
        metadata: {
          name: child === "gateway" ? name : `${name}-${child}`,
          namespace,
          // `istioctl analyze` reports the full name of the Secret as missing; it checks the short name in the other Gateway.
          ...(child === "certificates" && { annotations: { "galley.istio.io/analyze-suppress": "IST0101" } }),
        },
        spec: { selector: labels, servers },
      },
      {
        parent,
        dependsOn:
          more.length === 0 ? dependsOn : pulumi.output(dependsOn).apply((first) => [...first, ...more]),
        hooks,
      },
    );
  const certificates = tls ? tlsOfHosts(hosts, tls) : [];
  const timeoutSeconds = args.certificateTimeoutSeconds ?? PROPAGATION_TIMEOUT_SECONDS;
  const proof: pulumi.Input<pulumi.Resource>[] = [];
  if (certificates.length > 0 && timeoutSeconds > 0) {
    const fetched = listener("certificates", certificateServers(certificates, name), []);
    const held = certificatesHeld(fetched, {
      gateway: pods,
      tls: certificates,
      timeoutSeconds,
      cluster: args.cluster,
    });
    proof.push(held.apply((): pulumi.Resource => fetched));
  }
  const redirects = http && tls !== undefined && (tls.redirect ?? true);
  // The redirect binds to the Gateway of plain HTTP. Other routes may bind to it if they must answer by HTTP.
  const redirect = (): VirtualService[] => {
    const plain = listener(
      "http",
      [httpServer(bound(hosts, routeNamespaces && [".", ...routeNamespaces]))],
      proof,
    );
    return hosts.map((host) => {
      const child = `${name}-http-${hostSuffix(host)}`;
      return new VirtualService(
        child,
        {
          metadata: { name: child, namespace },
          spec: httpsRedirect(host, `${namespace}/${name}-http`, nodePorts),
        },
        { parent, dependsOn: [plain] },
      );
    });
  };
  const plainHttp = redirects ? redirect() : [];
  const servers = gatewayServers({
    hosts,
    namespaces: routeNamespaces,
    http: http && !redirects,
    tls,
    ...(args.tlsTermination && { tlsTermination: args.tlsTermination }),
  });
  // Written last, so that port 80 is open at any time.
  const written = listener("gateway", servers, [...proof, ...plainHttp]);
  if (certificates.length > 0 && timeoutSeconds > 0)
    serversTaken(written, servers, { gateway: pods, cluster: args.cluster, timeoutSeconds });
  return written;
}
