import * as pulumi from "@pulumi/pulumi";
import { PeerAuthentication } from "../istio/peer-authentication";
import { located, withoutCluster, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

/** The connections that sidecars accept (Istio: PeerAuthentication.MutualTLS.Mode). */
export const MutualTlsMode = {
  /** Only mutual TLS. */
  STRICT: "STRICT",
  /** Plain text too, until all clients have a sidecar. */
  PERMISSIVE: "PERMISSIVE",
} as const;
export type MutualTlsMode = (typeof MutualTlsMode)[keyof typeof MutualTlsMode];

export interface MutualTlsArgs {
  /** Mode of every namespace that `namespaces` does not name. Default STRICT. */
  readonly mode?: MutualTlsMode;
  /** Namespace → its mode, for a migration in stages. The namespaces must exist. */
  readonly namespaces?: Readonly<Record<string, MutualTlsMode>>;
  /** Root namespace of the mesh, whose policies apply to the whole mesh. Default `istio-system`. */
  readonly rootNamespace?: string;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * Mutual TLS between the workloads of the mesh: a PeerAuthentication `default` for the mesh, and one for each namespace
 * with its own mode. Clients need no setting: a proxy uses TLS for each server that has a sidecar (Istio: auto mTLS).
 */
export class MutualTls extends pulumi.ComponentResource {
  readonly mode: pulumi.Output<MutualTlsMode>;

  constructor(name: string, args: MutualTlsArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:MutualTls", name, withoutCluster(args), guarded(args.cluster, opts));
    const mode = args.mode ?? MutualTlsMode.STRICT;
    const policy = (
      child: string,
      namespace: string,
      policyMode: MutualTlsMode,
      dependsOn: pulumi.Resource[],
    ) =>
      new PeerAuthentication(
        `${name}-${child}`,
        { metadata: { name: "default", namespace }, spec: { mtls: { mode: policyMode } } },
        { parent: this, dependsOn },
      );
    const exceptions = Object.entries(args.namespaces ?? {}).map(([namespace, policyMode]) =>
      policy(namespace, namespace, policyMode, []),
    );
    // The exceptions are written first, so that a permissive namespace is never strict in between.
    policy("mesh", args.rootNamespace ?? "istio-system", mode, exceptions);
    this.mode = pulumi.output(mode);
    this.registerOutputs({ mode: this.mode });
  }
}
