import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { apiMessage, endingWith, FinalError, lagAfter } from "../kubernetes/api-server";
import { changesCluster, kubernetesAccess, type ClusterAccess } from "../kubernetes/cluster-access";
import { otherObject } from "../kubernetes/drift";
import { labelSelector } from "../kubernetes/pods";
import { withoutStack } from "../kubernetes/without-stack";

export interface RolloutArgs {
  readonly cluster?: ClusterAccess;
  /** The update fails after this time. */
  readonly timeoutSeconds: number;
  /** Minimum of the autoscaler. A new Deployment starts with one pod until the autoscaler acts. Default: no autoscaler. */
  readonly minReplicas?: number;
}

const POLL_MS = 500;

/**
 * Resolves once the pods of `deployment` run the spec that was written. Rejects after the time limit with the pods that do not.
 *
 * Pulumi's provider waits for the rollout too. Under load it can mistake the status before the update for the result,
 * because the deployment controller has not seen the update or has just begun it, and then a broken image counts as a
 * success. The outputs show this as a rollout that is not done, so this function asks the cluster, in each `up` until it is done.
 * It also asks if there is an autoscaler: Kubernetes starts one pod, which would get the requests of all.
 */
export function rolledOut(deployment: k8s.apps.v1.Deployment, args: RolloutArgs): pulumi.Output<void> {
  // A preview knows the URN, but not the status.
  if (!changesCluster()) return deployment.urn.apply(() => undefined);
  return pulumi
    .all([deployment.metadata, deployment.spec, deployment.status])
    .apply(async ([metadata, spec, status]) => {
      const behind = rolloutLag({ metadata, spec, status }, []) !== undefined;
      if (!behind && args.minReplicas === undefined) return;
      const { name, namespace, uid } = metadata;
      try {
        await settled({ name, namespace, uid, labels: spec.selector.matchLabels, behind }, args);
      } catch (error) {
        throw withoutStack(error as Error);
      }
    });
}

/** The fields of a Deployment in the Kubernetes API that show the progress of its rollout. */
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

/** The fields of a pod in the Kubernetes API that show why it is not ready. */
export interface PodState {
  readonly metadata?: { readonly name?: string; readonly deletionTimestamp?: unknown };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerState[];
    readonly containerStatuses?: readonly ContainerState[];
  };
}

interface ContainerState {
  readonly name: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** Whether the status is older than the last update of the Deployment. */
function isBehind({ metadata, status }: DeploymentState): boolean {
  return (status?.observedGeneration ?? 0) < (metadata?.generation ?? 0);
}

/** Exported for tests. */
export async function settled(
  deployment: {
    readonly name: string;
    readonly namespace: string;
    /** Uid of the object that was written. It distinguishes that object from one of the same name in another cluster. */
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly behind: boolean;
  },
  { cluster, timeoutSeconds, minReplicas = 0 }: RolloutArgs,
): Promise<void> {
  const { name, namespace, uid, labels } = deployment;
  const failure = `Deployment ${namespace}/${name} was not seen rolled out`;
  let waiting = deployment.behind;
  let lag: string | undefined;
  try {
    const { client, config } = await kubernetesAccess(cluster);
    const apps = config.makeApiClient(client.AppsV1Api);
    const core = config.makeApiClient(client.CoreV1Api);
    lag = await lagAfter({ timeoutSeconds, pollMs: POLL_MS }, async (signal) => {
      const options = endingWith(client, signal);
      const state = await apps
        .readNamespacedDeployment({ name, namespace }, options)
        .catch((error: unknown) => {
          if ((error as { code?: unknown }).code !== 404) throw error;
          return undefined;
        });
      const other = otherObject(state, uid);
      if (state === undefined || other !== undefined)
        throw new FinalError(`it ${other ?? ""}; \`pulumi refresh\` reads anew what is there`);
      // If pods fail later, after the autoscaler started them, a shift away from them must not wait.
      waiting ||= (state.spec?.replicas ?? 1) < minReplicas;
      if (!waiting) return undefined;
      const { items } = await core.listNamespacedPod(
        { namespace, labelSelector: labelSelector({ labels }) },
        options,
      );
      const lack = rolloutLag(state, items, minReplicas);
      return lack === undefined ? undefined : `it ${lack}`;
    });
  } catch (error) {
    throw new Error(`${failure}: ${apiMessage(error)}`, { cause: error });
  }
  if (lag !== undefined) throw new Error(`${failure} within ${timeoutSeconds} s: ${lag}`);
}

/**
 * What the rollout of a Deployment lacks, in words; undefined once it is done (the conditions of `kubectl rollout status`).
 *
 * @param pods the pods that the Deployment selects.
 * @param minReplicas minimum of its autoscaler. Default: no autoscaler.
 */
export function rolloutLag(
  deployment: DeploymentState,
  pods: readonly PodState[],
  minReplicas = 0,
): string | undefined {
  if (isBehind(deployment)) return "has not been taken up by the deployment controller";
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {};
  const wanted = Math.max(deployment.spec?.replicas ?? 1, minReplicas);
  const reasons = pods.flatMap(unreadiness);
  const because = reasons.length > 0 ? ` (${reasons.join("; ")})` : "";
  if (updatedReplicas < wanted) return `has ${updatedReplicas} of ${wanted} new pods${because}`;
  if (replicas > updatedReplicas) return `still has ${replicas - updatedReplicas} old pods${because}`;
  if (availableReplicas < updatedReplicas) {
    return `has ${availableReplicas} of ${updatedReplicas} pods ready${because}`;
  }
}

/** Why a pod is not ready; nothing for a pod that is ready or terminates. */
function unreadiness({ metadata, status }: PodState): string[] {
  const condition = (type: string) => status?.conditions?.find((c) => c.type === type);
  if (metadata?.deletionTimestamp !== undefined || condition("Ready")?.status === "True") return [];
  const waitingOf = (containers: readonly ContainerState[] = []): string[] =>
    containers.flatMap(({ name, state }) =>
      state?.waiting
        ? [`${name}: ${[state.waiting.reason, state.waiting.message].filter(Boolean).join(", ")}`]
        : [],
    );
  // Containers that wait for an init container do not say why. Since Kubernetes 1.29 the proxy is an init container.
  const initial = waitingOf(status?.initContainerStatuses);
  const waiting = initial.length > 0 ? initial.slice(0, 1) : waitingOf(status?.containerStatuses);
  const unscheduled = condition("PodScheduled");
  const words =
    unscheduled?.status === "False"
      ? [unscheduled.message ?? "is not scheduled"]
      : waiting.length > 0
        ? waiting
        : [condition("Ready")?.message ?? "is not ready"];
  return words.map((why) => `pod ${metadata?.name ?? ""} ${why}`);
}
