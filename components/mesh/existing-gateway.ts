import * as pulumi from "@pulumi/pulumi";
import type { AuthorizationPolicySpec } from "../istio/authorization-policy";
import type { GatewayTls } from "../security/gateway-servers";
import type { ServiceIdentity } from "../security/identity";
import { isOurs, lookAt, OURS } from "../kubernetes/existing-object";
import {
  foundGateway,
  type FoundGateway,
  type FoundGatewaySpec,
  type FoundObject,
  type FoundRoutesSpec,
} from "./found-gateway";
import { gatewayListeners } from "./gateway-objects";
import { labelSelector, type GatewayPods } from "../kubernetes/pods";
import { located, withoutCluster, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";
import { urlHost } from "./url-host";

export interface ExistingGatewayArgs {
  /** Namespace of the gateway's pods. */
  readonly namespace: string;
  /** Labels that select the gateway's pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** Service account of the pods, which is part of their identity. Default: any account of the namespace. */
  readonly serviceAccount?: string;
  /**
   * A Gateway object, as `namespace/name`, that serves the hosts. Default: the component writes one in the namespace of the
   * pods, with its own name, from the hosts, `http` and `tls`.
   */
  readonly gateway?: string;
  /** Hosts of the service. Not `*`, since the gateway has other users. */
  readonly hosts: readonly string[];
  /** Namespaces whose VirtualServices may bind to the hosts. Default: any. */
  readonly routeNamespaces?: readonly string[];
  /** Whether to serve plain HTTP, or to redirect it to HTTPS. Default true. */
  readonly http?: boolean;
  /** HTTPS, with Secrets in the namespace of the pods. Default: no HTTPS. */
  readonly tls?: GatewayTls;
  /**
   * Time limit in seconds until every pod has the certificates of `tls`. After it `pulumi up` fails, before plain HTTP is
   * redirected. 0 does not wait. Default 60.
   */
  readonly certificateTimeoutSeconds?: number;
  /** Host name or address that clients connect to. Default: the first of the hosts. */
  readonly address?: string;
  /** The cluster that is asked. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * A gateway with another owner and other users. The component writes at most one Gateway object for its hosts, in the
 * namespace of the pods. Each preview and update checks that the pods exist, that a named Gateway object serves the hosts,
 * and that no other VirtualService routes one of them.
 */
export class ExistingGateway extends pulumi.ComponentResource {
  /** URL of the gateway for clients, from the arguments. */
  readonly url: pulumi.Output<string>;
  /** The Gateway object as `namespace/name`, for a VirtualService. */
  readonly gateway: pulumi.Output<string>;
  /** The gateway's pods. The value is plain, since hooks need it. */
  readonly pods: GatewayPods;
  /** The gateway's identity. The value is plain, since the plan of policies needs it. */
  readonly identity: ServiceIdentity;

  constructor(name: string, args: ExistingGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:ExistingGateway", name, withoutCluster(args), guarded(args.cluster, opts));
    const { namespace, labels, hosts, routeNamespaces, tls } = args;
    this.pods = { namespace, labels };
    this.identity = { namespace, serviceAccount: args.serviceAccount ?? "*" };
    // A problem ends the program before an object is written.
    const found = find(name, args);
    const checked = pulumi.output(found).apply((): pulumi.Resource[] => []);
    this.gateway =
      args.gateway === undefined
        ? gatewayListeners(
            name,
            {
              pods: this.pods,
              hosts,
              routeNamespaces,
              http: args.http ?? true,
              tls,
              certificateTimeoutSeconds: args.certificateTimeoutSeconds,
              cluster: args.cluster,
            },
            { parent: this, dependsOn: checked },
          ).metadata.apply((m) => `${m.namespace}/${m.name}`)
        : pulumi.output(found).apply(() => args.gateway ?? "");
    const host = urlHost(args.address ?? hosts[0] ?? "");
    this.url = pulumi
      .output(found)
      .apply((found) => `${(args.gateway === undefined ? tls : found?.https) ? "https" : "http"}://${host}`);
    this.registerOutputs({ url: this.url, gateway: this.gateway, pods: this.pods, identity: this.identity });
  }
}

const SECURITY = { group: "security.istio.io", version: "v1" };
const NETWORKING = { group: "networking.istio.io", version: "v1" };

function find(name: string, args: ExistingGatewayArgs): Promise<FoundGateway | undefined> {
  const { namespace, cluster } = args;
  return lookAt(
    {
      what: `The gateway in namespace ${namespace} with ${labelSelector(args)}`,
      rights: `list pods, services and authorizationpolicies in namespace ${namespace}, and gateways and virtualservices of all namespaces`,
      cluster,
    },
    async (access) => {
      const { client, config } = access;
      if (await isOurs(access, namespace)) return { found: undefined, problems: [OURS] };
      const objects = config.makeApiClient(client.CustomObjectsApi);
      const list = async <Object>(plural: string): Promise<readonly Object[]> => {
        const answer: unknown = await objects.listCustomObjectForAllNamespaces({
          ...NETWORKING,
          resourcePlural: plural,
        });
        return (answer as { readonly items: readonly Object[] }).items;
      };
      const own = async <Spec>(plural: string): Promise<readonly FoundObject<Spec>[]> => {
        const answer: unknown = await objects.listNamespacedCustomObject({ ...SECURITY, namespace, plural });
        return (answer as { readonly items: readonly FoundObject<Spec>[] }).items;
      };
      const core = config.makeApiClient(client.CoreV1Api);
      const [pods, services, gateways, virtualServices, policies] = await Promise.all([
        core.listNamespacedPod({ namespace, labelSelector: labelSelector(args) }),
        core.listNamespacedService({ namespace }),
        list<FoundObject<FoundGatewaySpec>>("gateways"),
        list<FoundObject<FoundRoutesSpec>>("virtualservices"),
        own<AuthorizationPolicySpec>("authorizationpolicies"),
      ]);
      const live = { pods: pods.items, services: services.items, gateways, virtualServices, policies };
      return foundGateway({ ...args, name }, live);
    },
  );
}
