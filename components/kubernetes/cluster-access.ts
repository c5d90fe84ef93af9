import * as pulumi from "@pulumi/pulumi";
import { connect, type KubernetesAccess } from "./api-server";
import type { ClusterAccess } from "./cluster";

export type { ClusterAccess } from "./cluster";

/** The Kubernetes client with the kubeconfig of `access`, or with the ambient one. */
export const kubernetesAccess = async (access: ClusterAccess = {}): Promise<KubernetesAccess> =>
  connect(await resolved(access));

/**
 * The values of an access, parts of which may be outputs of another resource.
 *
 * @throws Error in a preview if an output is unknown.
 */
async function resolved(access: ClusterAccess): Promise<pulumi.Unwrap<ClusterAccess>> {
  const output = pulumi.output(access);
  // Pulumi never calls back for an unknown output.
  if (!(await (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown))
    throw new Error("the kubeconfig is not known before the update");
  return new Promise((resolve) => output.apply(resolve));
}

/** Whether this run changes a cluster. False in a preview and with Pulumi's mocks, which have no engine. */
export function changesCluster(): boolean {
  return !pulumi.runtime.isDryRun() && pulumi.runtime.getEngine() !== undefined;
}
