import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AuthorizationPolicy } from "../istio/authorization-policy";
import type { ServiceIdentity } from "./identity";
import { serviceNetworkPolicy } from "./network-policy";
import { planServiceAccess, type CallerLists } from "./caller-lists";
import type { RoutedPath } from "../traffic/paths";
import { PeerAuthentication } from "../istio/peer-authentication";
import { RequestAuthentication } from "../istio/request-authentication";
import { planAuthentication, type Authentication } from "./authentication";
import type { MutualTlsMode } from "./mutual-tls";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { guarded, withoutCluster } from "../kubernetes/ownership";

export interface ServiceAccessArgs {
  /** Value of the label `app` on the service's pods; names the policies too. */
  readonly service: string;
  /** The namespace, which must exist. */
  readonly namespace: pulumi.Input<string>;
  /** Port of the service's containers. */
  readonly port: number;
  /** Identities that may ask for `paths`: `identity` of the gateway. */
  readonly from: readonly ServiceIdentity[];
  /** Default: every path. Also the default of the entries of `services`. */
  readonly paths?: readonly RoutedPath[];
  /** Other services of the mesh that may, or may not, ask. Default: none may. */
  readonly services?: CallerLists;
  /**
   * Who of `from` has to show a token, verified by the service's own sidecars: for a gateway whose other users know nothing of
   * these tokens. Default: nobody. A token that is shown must be valid, whoever shows it.
   */
  readonly authentication?: Authentication;
  /** Which connections its sidecars take. Default: what holds for the mesh or the namespace. */
  readonly mutualTls?: MutualTlsMode;
  /** Namespaces whose pods may fetch metrics from the proxies (ports 15020 and 15090). Default: none. */
  readonly scrapers?: readonly string[];
  /** Write a NetworkPolicy that says the same to the cluster's network. Default true. */
  readonly networkPolicy?: boolean;
  /** The cluster that is asked whether an object is there already; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * Who may reach a service: an AuthorizationPolicy for its sidecars, by identity, port and path, and a NetworkPolicy for the
 * network, by namespace and port. What neither allows is refused.
 */
export class ServiceAccess extends pulumi.ComponentResource {
  constructor(name: string, args: ServiceAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:ServiceAccess", name, withoutCluster(args), guarded(args.cluster, opts));
    const { service, namespace } = args;
    const { allow, deny } = planServiceAccess(args);
    const metadata = { name: service, namespace };
    new AuthorizationPolicy(`${name}-allow`, { metadata, spec: allow }, { parent: this });
    if (deny) {
      new AuthorizationPolicy(
        `${name}-deny`,
        { metadata: { ...metadata, name: `${service}-deny` }, spec: deny },
        { parent: this },
      );
    }
    const selector = { matchLabels: { app: service } };
    if (args.mutualTls) {
      new PeerAuthentication(
        `${name}-mtls`,
        { metadata, spec: { selector, mtls: { mode: args.mutualTls } } },
        { parent: this },
      );
    }
    if (args.authentication) {
      const plan = planAuthentication(args.authentication, selector, args.from);
      const tokens = new RequestAuthentication(
        `${name}-tokens`,
        { metadata, spec: plan.requestAuthentication },
        { parent: this },
      );
      // Deleted before the verification of tokens is, or everything would be refused meanwhile.
      new AuthorizationPolicy(
        `${name}-authentication`,
        { metadata: { ...metadata, name: `${service}-authentication` }, spec: plan.required },
        { parent: this, dependsOn: [tokens] },
      );
    }
    if (args.networkPolicy ?? true) {
      new k8s.networking.v1.NetworkPolicy(
        `${name}-network`,
        { metadata, spec: serviceNetworkPolicy(args) },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
