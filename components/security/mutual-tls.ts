import * as pulumi from "@pulumi/pulumi";
import { PeerAuthentication } from "../istio/peer-authentication";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { guarded, withoutCluster } from "../kubernetes/ownership";

/** Which connections sidecars take (Istio: PeerAuthentication.MutualTLS.Mode). */
export const MutualTlsMode = {
  /** Mutual TLS alone. */
  STRICT: "STRICT",
  /** Plain text too: for the time in which clients get their sidecars. */
  PERMISSIVE: "PERMISSIVE",
} as const;
export type MutualTlsMode = (typeof MutualTlsMode)[keyof typeof MutualTlsMode];

export interface MutualTlsArgs {
  /** For every namespace that `namespaces` does not name. Default STRICT. */
  readonly mode?: MutualTlsMode;
  /** Namespaces, which must exist, with a mode of their own: the stages of a migration. */
  readonly namespaces?: Readonly<Record<string, MutualTlsMode>>;
  /** Root namespace of the mesh, where a policy holds for all of it. Default `istio-system`. */
  readonly rootNamespace?: string;
  /** The cluster that is asked whether an object is there already; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * Mutual TLS between the workloads of the mesh: a PeerAuthentication `default` for the mesh, and one for each namespace
 * with a mode of its own. Clients need no setting: a proxy uses TLS towards whoever has a sidecar (Istio: auto mTLS).
 */
export class MutualTls extends pulumi.ComponentResource {
  readonly mode: pulumi.Output<MutualTlsMode>;

  constructor(name: string, args: MutualTlsArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:MutualTls", name, withoutCluster(args), guarded(args.cluster, opts));
    const mode = args.mode ?? MutualTlsMode.STRICT;
    const policy = (child: string, namespace: string, its: MutualTlsMode, dependsOn: pulumi.Resource[]) =>
      new PeerAuthentication(
        `${name}-${child}`,
        { metadata: { name: "default", namespace }, spec: { mtls: { mode: its } } },
        { parent: this, dependsOn },
      );
    const exceptions = Object.entries(args.namespaces ?? {}).map(([namespace, its]) =>
      policy(namespace, namespace, its, []),
    );
    // A namespace that stays permissive says so before the mesh becomes strict.
    policy("mesh", args.rootNamespace ?? "istio-system", mode, exceptions);
    this.mode = pulumi.output(mode);
    this.registerOutputs({ mode: this.mode });
  }
}
