import * as pulumi from "@pulumi/pulumi";
import type { AuthorizationPolicySpec } from "../istio/authorization-policy";
import type { GatewayTls } from "../security/gateway-servers";
import type { ServiceIdentity } from "../security/identity";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { isOurs, lookAt, OURS } from "../kubernetes/existing-object";
import {
  foundGateway,
  type FoundGateway,
  type FoundGatewaySpec,
  type FoundObject,
  type FoundRoutesSpec,
} from "./found-gateway";
import { gatewayListeners } from "./gateway-listeners";
import { labelSelector, type GatewayPods } from "../kubernetes/pods";
import { guarded, withoutCluster } from "../kubernetes/ownership";
import { urlHost } from "./url-host";

export interface ExistingGatewayArgs {
  /** Where the gateway's pods run. */
  readonly namespace: string;
  /** Labels by which they are found. */
  readonly labels: Readonly<Record<string, string>>;
  /** Account of the pods, by which services know them. Default: any account of the namespace. */
  readonly serviceAccount?: string;
  /**
   * A Gateway object, as `namespace/name`, that serves the hosts. Default: one is written beside the pods, under the name of
   * this component, with the hosts, `http` and `tls`.
   */
  readonly gateway?: string;
  /** Hosts that clients may ask for. Not `*`: the gateway has other users. */
  readonly hosts: readonly string[];
  /** Namespaces whose VirtualServices may bind to the hosts. Default: any. */
  readonly routeNamespaces?: readonly string[];
  /** Serve plain HTTP, or redirect it to HTTPS. Default true. */
  readonly http?: boolean;
  /** HTTPS; Secrets are in the namespace of the pods. Default: no HTTPS. */
  readonly tls?: GatewayTls;
  /**
   * After so many seconds without the certificates of `tls` in every pod `pulumi up` fails, before plain HTTP is redirected. 0
   * waits for none. Default 60.
   */
  readonly certificateTimeoutSeconds?: number;
  /** Host name or address by which clients come. Default: the first of the hosts. */
  readonly address?: string;
  /** The cluster that is asked; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * A gateway that somebody else runs and others use too. Nothing of theirs is written: beside the pods there is one Gateway
 * object for our hosts, or not even that. Each preview and update looks whether the pods are there, whether a Gateway object
 * that is named serves the hosts, and whether somebody else routes one of them already.
 */
export class ExistingGateway extends pulumi.ComponentResource {
  /** URL by which a client reaches the gateway, as far as the arguments tell. */
  readonly url: pulumi.Output<string>;
  /** The Gateway object as `namespace/name`, for a VirtualService. */
  readonly gateway: pulumi.Output<string>;
  /** Where the gateway's pods run; plain, since hooks need it. */
  readonly pods: GatewayPods;
  /** By which services know the gateway; plain, since policies are planned from it. */
  readonly identity: ServiceIdentity;

  constructor(name: string, args: ExistingGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:ExistingGateway", name, withoutCluster(args), guarded(args.cluster, opts));
    const { namespace, labels, hosts, routeNamespaces, tls } = args;
    this.pods = { namespace, labels };
    this.identity = { namespace, serviceAccount: args.serviceAccount ?? "*" };
    // What is wrong ends the program before anything is written.
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
      .apply((its) => `${(args.gateway === undefined ? tls : its?.https) ? "https" : "http"}://${host}`);
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
