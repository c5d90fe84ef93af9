import { kubernetesAccess, type ClusterAccess } from "../kubernetes/cluster-access";
import { proveCluster } from "../kubernetes/live-object";
import type { GatewayPods } from "../kubernetes/pods";
import { GatewayProxies, lagOfPods } from "./gateway-proxies";

/** A wait for the pods of a gateway. */
export interface GatewayWait {
  readonly gateway: GatewayPods;
  /** Default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
  readonly timeoutSeconds: number;
}

/** Wait before the second question to the pods of a gateway. */
const GATEWAY_POLL_MS = 100;

/**
 * As {@link lagOfPods}, once the cluster of the pods is proved to have the Gateway object that was written.
 *
 * @throws FinalError where the cluster is another one ({@link proveCluster}), or the caller may not ask.
 */
export async function lagOfGateway(
  { name, namespace, uid }: { readonly name: string; readonly namespace: string; readonly uid: string },
  { gateway, cluster = {}, timeoutSeconds }: GatewayWait,
  lagOf: (proxies: GatewayProxies, pod: string, signal: AbortSignal) => Promise<string | undefined>,
): Promise<string | undefined> {
  const proxies = new GatewayProxies(gateway, await kubernetesAccess(cluster));
  try {
    const limit = AbortSignal.timeout(timeoutSeconds * 1000);
    await proveCluster(proxies.access, { kind: "Gateway", namespace, name }, uid, limit);
    return await lagOfPods(proxies, { timeoutSeconds, pollMs: GATEWAY_POLL_MS }, (pod, signal) =>
      lagOf(proxies, pod, signal),
    );
  } finally {
    await proxies.close();
  }
}
