import * as pulumi from "@pulumi/pulumi";
import { Gateway, type Server } from "../istio/gateway";
import { VirtualService } from "../istio/virtual-service";
import {
  bound,
  gatewayServers,
  hostSuffix,
  httpServer,
  httpsRedirect,
  type GatewayTls,
  type NodePorts,
} from "../security/gateway-servers";
import type { GatewayPods } from "./gateway-proxies";

/** What gateway pods listen to. */
export interface GatewayListenersArgs {
  readonly pods: GatewayPods;
  readonly hosts: readonly string[];
  /** Namespaces whose VirtualServices may bind to the hosts. Default: any. */
  readonly routeNamespaces?: readonly string[];
  /** Listen for plain HTTP on port 80. */
  readonly http: boolean;
  /** Listen for HTTPS on port 443. Default: no HTTPS. */
  readonly tls?: GatewayTls;
  readonly nodePorts?: NodePorts;
}

/** Writes the Gateway objects of `args.hosts`, and what redirects HTTP to HTTPS; gives the one that routes bind to. */
export function gatewayListeners(
  name: string,
  args: GatewayListenersArgs,
  {
    parent,
    dependsOn,
  }: { readonly parent: pulumi.Resource; readonly dependsOn: pulumi.Input<pulumi.Resource[]> },
): Gateway {
  const { pods, hosts, routeNamespaces, http, tls, nodePorts = {} } = args;
  const { namespace, labels } = pods;
  const listener = (child: string, objectName: string, servers: Server[], after: pulumi.Resource[]) =>
    new Gateway(
      `${name}-${child}`,
      { metadata: { name: objectName, namespace }, spec: { selector: labels, servers } },
      { parent, dependsOn: pulumi.output(dependsOn).apply((before) => [...before, ...after]) },
    );
  const redirects = http && tls !== undefined && (tls.redirect ?? true);
  // Only the redirect binds to the Gateway of plain HTTP; a route that must answer there by HTTP may bind to it too.
  const redirect = (): VirtualService[] => {
    const servers = [httpServer(bound(hosts, routeNamespaces && [".", ...routeNamespaces]))];
    const plain = listener("http", `${name}-http`, servers, []);
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
    ...(routeNamespaces && { namespaces: routeNamespaces }),
    http: http && !redirects,
    ...(tls && { tls }),
  });
  // Last, so that port 80 is never closed on the way.
  return listener("gateway", name, servers, plainHttp);
}
