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
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

/** What calls by one identity, such as an IngressGateway. */
export interface Identified {
  readonly identity: ServiceIdentity;
}

export interface ServiceAccessArgs {
  /** Value of the label `app` on the service's pods, and name of the policies. */
  readonly service: string;
  /** The namespace, which must exist. */
  readonly namespace: pulumi.Input<string>;
  /** Port of the service's containers. */
  readonly port: number;
  /** Gateways and identities that may request `paths`. */
  readonly from: readonly (ServiceIdentity | Identified)[];
  /** Default: every path. It is also the default of the entries of `services`. */
  readonly paths?: readonly RoutedPath[];
  /** Other services of the mesh that are allowed or denied. Default: none is allowed. */
  readonly services?: CallerLists;
  /**
   * The requests of `from` that need a token, which the service's sidecars verify. It is for a gateway with other users, who
   * do not use these tokens. Default: none. A token in any other request must be valid too.
   */
  readonly authentication?: Authentication;
  /** The connections that its sidecars accept. Default: the mode of the mesh or the namespace. */
  readonly mutualTls?: MutualTlsMode;
  /** Namespaces whose pods may fetch metrics from the proxies (ports 15020 and 15090). Default: none. */
  readonly scrapers?: readonly string[];
  /** Whether to write a NetworkPolicy too. Default true. */
  readonly networkPolicy?: boolean;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * The access to a service: an AuthorizationPolicy for its sidecars, by identity, port and path, and a NetworkPolicy by
 * namespace and port. A request that they do not allow is refused.
 */
export class ServiceAccess extends pulumi.ComponentResource {
  constructor(name: string, args: ServiceAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { service, namespace } = args;
    super("shopzier-mesh:index:ServiceAccess", name, { service, namespace }, guarded(args.cluster, opts));
    const from = args.from.map((caller) => ("identity" in caller ? caller.identity : caller));
    const { allow, deny } = planServiceAccess({ ...args, from });
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
      const plan = planAuthentication(args.authentication, selector, from);
      const tokens = new RequestAuthentication(
        `${name}-tokens`,
        { metadata, spec: plan.requestAuthentication },
        { parent: this },
      );
      // Deleted before the verification of tokens, which it needs; otherwise it would refuse all requests in between.
      new AuthorizationPolicy(
        `${name}-authentication`,
        { metadata: { ...metadata, name: `${service}-authentication` }, spec: plan.required },
        { parent: this, dependsOn: [tokens] },
      );
    }
    if (args.networkPolicy ?? true) {
      new k8s.networking.v1.NetworkPolicy(
        `${name}-network`,
        { metadata, spec: serviceNetworkPolicy({ ...args, from }) },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
