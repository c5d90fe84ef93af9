import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AuthorizationPolicy } from "../istio/authorization-policy";
import { DENY_ALL } from "./network-policy";
import { located, withoutCluster, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface DefaultDenyArgs {
  /** The namespace, which must exist. */
  readonly namespace: pulumi.Input<string>;
  /** Whether to write a NetworkPolicy too. Default true. */
  readonly networkPolicy?: boolean;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * Refuses each request to the workloads of a namespace that no policy allows: an AuthorizationPolicy `allow-nothing` and a
 * NetworkPolicy `default-deny`. Make it depend on the policies that allow, so that these exist before others are refused.
 */
export class DefaultDeny extends pulumi.ComponentResource {
  constructor(name: string, args: DefaultDenyArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:DefaultDeny", name, withoutCluster(args), guarded(args.cluster, opts));
    const { namespace } = args;
    new AuthorizationPolicy(
      `${name}-requests`,
      { metadata: { name: "allow-nothing", namespace }, spec: {} },
      { parent: this },
    );
    if (args.networkPolicy ?? true) {
      new k8s.networking.v1.NetworkPolicy(
        `${name}-network`,
        { metadata: { name: "default-deny", namespace }, spec: DENY_ALL },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
