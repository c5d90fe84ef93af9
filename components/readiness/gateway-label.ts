import * as pulumi from "@pulumi/pulumi";
import { apiMessage, endingWith, FinalError, lagAfter } from "../kubernetes/api-server";
import { kubernetesAccess, type ClusterAccess } from "../kubernetes/cluster-access";
import { proveCluster } from "../kubernetes/live-object";
import { labelSelector, type GatewayPods } from "../kubernetes/pods";
import { withoutStack } from "../kubernetes/without-stack";

/**
 * Label by which objects select the pods of one gateway. Istio selects pods in all namespaces, and `istio: ingressgateway` is
 * on every gateway that was installed as Istio's documentation shows.
 */
export const GATEWAY_LABEL = "shopzier-mesh/gateway";

const POLL_MS = 250;

/**
 * Runs before the update of an object that selects the gateway's pods. If the old object selects them without the label,
 * this resolves once every pod has the label, including pods that terminate. A pod that is no longer selected would lose its
 * listeners and policies at once.
 *
 * @param before inputs and outputs of the last update.
 * @param pods with the labels of the old selector.
 * @throws Error with the pods that lack the label after the time limit.
 */
export async function everyPodLabelled(
  before: Pick<pulumi.ResourceHookArgs, "oldInputs" | "oldOutputs">,
  pods: GatewayPods,
  { cluster, timeoutSeconds }: { readonly cluster?: ClusterAccess; readonly timeoutSeconds: number },
): Promise<void> {
  if (selectsByLabel(before.oldInputs)) return;
  const { kind, metadata } = (before.oldOutputs ?? {}) as Partial<Selecting>;
  const { namespace } = pods;
  const selector = `${labelSelector(pods)},!${GATEWAY_LABEL}`;
  let left: string | undefined;
  try {
    const access = await kubernetesAccess(cluster);
    const { client, config } = access;
    const api = config.makeApiClient(client.CoreV1Api);
    left = await lagAfter({ timeoutSeconds, pollMs: POLL_MS }, async (signal) => {
      if (kind && metadata) await proveCluster(access, { kind, ...metadata }, metadata.uid, signal);
      const found = await api.listNamespacedPod(
        { namespace, labelSelector: selector },
        endingWith(client, signal),
      );
      return found.items.map(({ metadata }) => metadata?.name).join(", ") || undefined;
    });
  } catch (error) {
    if (error instanceof FinalError) throw withoutStack(error);
    void pulumi.log.warn(`The labels of the gateway pods could not be read: ${apiMessage(error)}`);
  }
  if (left !== undefined) {
    throw withoutStack(
      new Error(
        `Gateway pods in namespace ${namespace} are without label ${GATEWAY_LABEL} after ${timeoutSeconds} s: ${left}\n` +
          "What selects them was not changed, so they serve as before. Run the same command again once they have ended: " +
          `kubectl get pods -n ${namespace} -l '${selector}'`,
      ),
    );
  }
}

interface Selecting {
  readonly kind: "Gateway" | "EnvoyFilter";
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid?: string };
}

/** Whether a Gateway or an EnvoyFilter has the label in its selector. */
function selectsByLabel(inputs: unknown): boolean {
  const { spec } = inputs as {
    readonly spec?: { readonly selector?: object; readonly workloadSelector?: { readonly labels?: object } };
  };
  return GATEWAY_LABEL in (spec?.selector ?? spec?.workloadSelector?.labels ?? {});
}
