import type { KubernetesObject } from "@kubernetes/client-node";
import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { setTimeout } from "node:timers/promises";
import { apiMessage, kubernetesAccess, type ClusterAccess } from "../mesh/cluster-access";
import { labelSelector } from "../mesh/gateway-proxies";
import { withoutStack } from "./without-stack";

export interface RolloutArgs {
  readonly cluster?: ClusterAccess;
  /** Beyond so many seconds the update fails. */
  readonly timeoutSeconds: number;
}

const POLL_MS = 500;

/**
 * Resolves once the pods of `deployment` run what was written; rejects beyond the limit, naming the pods that do not.
 *
 * Pulumi's provider waits for that itself, but under load it can take the state of before the update for the result
 * (the deployment controller has not seen the update yet, `observedGeneration` is behind `generation`) and call a broken
 * image a success. The state then keeps what it took, so this asks the cluster itself, in each `up` until it is well.
 */
export function rolledOut(deployment: k8s.apps.v1.Deployment, args: RolloutArgs): pulumi.Output<void> {
  return pulumi
    .all([deployment.metadata, deployment.spec, deployment.status])
    .apply(async ([metadata, spec, status]) => {
      // Unit tests with Pulumi's mocks have no engine, and no cluster that could be asked.
      const writes = !pulumi.runtime.isDryRun() && pulumi.runtime.getEngine() !== undefined;
      if (writes && isBehind({ metadata, status })) {
        const { name, namespace } = metadata;
        try {
          await settled(name, namespace, spec.selector.matchLabels, args);
        } catch (error) {
          throw withoutStack(error as Error);
        }
      }
    });
}

/** Of a Deployment, as the Kubernetes API gives it, what tells how far its rollout is. */
export interface DeploymentState {
  readonly metadata?: { readonly generation?: number };
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

/** Of a pod what tells why it takes no traffic. */
export interface PodState {
  readonly metadata?: { readonly name?: string; readonly deletionTimestamp?: unknown };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/** Whether what is known of a Deployment is from before its controller saw its last update. */
function isBehind({ metadata, status }: DeploymentState): boolean {
  return (status?.observedGeneration ?? 0) < (metadata?.generation ?? 0);
}

async function settled(
  name: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  { cluster, timeoutSeconds }: RolloutArgs,
): Promise<void> {
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  let lag: string | undefined = "was not asked";
  try {
    const { client, config } = await kubernetesAccess(cluster);
    const objects = config.makeApiClient(client.KubernetesObjectApi);
    const pods = config.makeApiClient(client.CoreV1Api);
    for (;;) {
      const deployment = await objects.read<KubernetesObject & DeploymentState>({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name, namespace },
      });
      const { items } = await pods.listNamespacedPod({ namespace, labelSelector: labelSelector({ labels }) });
      lag = rolloutLag(deployment, items);
      if (lag === undefined) return;
      await setTimeout(POLL_MS, undefined, { signal });
    }
  } catch (error) {
    const why = signal.aborted ? ` within ${timeoutSeconds} s: it ${lag}` : `: ${apiMessage(error)}`;
    throw new Error(`Deployment ${namespace}/${name} was not seen rolled out${why}`, { cause: error });
  }
}

/**
 * What a Deployment still lacks until its pods run what was written, in words; undefined once it lacks nothing
 * (the rules of `kubectl rollout status`).
 *
 * @param pods those that its selector finds.
 */
export function rolloutLag(deployment: DeploymentState, pods: readonly PodState[]): string | undefined {
  if (isBehind(deployment)) return "has not been taken up by the deployment controller";
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {};
  const wanted = deployment.spec?.replicas ?? 1;
  const reasons = pods.flatMap(unreadiness);
  const because = reasons.length > 0 ? ` (${reasons.join("; ")})` : "";
  if (updatedReplicas < wanted) return `has ${updatedReplicas} of ${wanted} new pods${because}`;
  if (replicas > updatedReplicas) return `still has ${replicas - updatedReplicas} old pods${because}`;
  if (availableReplicas < updatedReplicas) {
    return `has ${availableReplicas} of ${updatedReplicas} pods ready${because}`;
  }
}

/** Why a pod that shall take traffic does not. */
function unreadiness({ metadata, status }: PodState): string[] {
  const condition = (type: string) => status?.conditions?.find((c) => c.type === type);
  if (metadata?.deletionTimestamp !== undefined || condition("Ready")?.status === "True") return [];
  const waiting = status?.containerStatuses?.flatMap(({ name, state }) =>
    state?.waiting
      ? [`${name}: ${[state.waiting.reason, state.waiting.message].filter(Boolean).join(", ")}`]
      : [],
  );
  const unscheduled = condition("PodScheduled");
  const words =
    unscheduled?.status === "False"
      ? [unscheduled.message ?? "is not scheduled"]
      : waiting?.length
        ? waiting
        : [condition("Ready")?.message ?? "is not ready"];
  return words.map((why) => `pod ${metadata?.name ?? ""} ${why}`);
}
