import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  apiMessage,
  changesCluster,
  endingWith,
  FinalError,
  kubernetesAccess,
  lagAfter,
  type ClusterAccess,
} from "../kubernetes/cluster-access";
import { otherObject } from "../kubernetes/drift";
import { labelSelector } from "../kubernetes/pods";
import { withoutStack } from "../kubernetes/without-stack";

export interface RolloutArgs {
  readonly cluster?: ClusterAccess;
  /** Beyond so many seconds the update fails. */
  readonly timeoutSeconds: number;
  /** Fewest pods that an autoscaler keeps, which starts from one. Default: there is none. */
  readonly minReplicas?: number;
}

const POLL_MS = 500;

/**
 * Resolves once the pods of `deployment` run what was written; rejects beyond the limit, naming the pods that do not.
 *
 * Pulumi's provider waits for that itself, but under load it can take the state of before the update for the result
 * (the deployment controller has not seen the update yet, or has just begun) and call a broken image a success. The state
 * then keeps what it read at the end, a rollout that is not done, so this asks the cluster itself, in each `up` until it is.
 * Where an autoscaler keeps the pods, it asks too: Kubernetes starts one pod, which would get the traffic of all.
 */
export function rolledOut(deployment: k8s.apps.v1.Deployment, args: RolloutArgs): pulumi.Output<void> {
  // Its URN, unlike its status, is known in previews.
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
    readonly initContainerStatuses?: readonly ContainerState[];
    readonly containerStatuses?: readonly ContainerState[];
  };
}

interface ContainerState {
  readonly name: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** Whether what is known of a Deployment is from before its controller saw its last update. */
function isBehind({ metadata, status }: DeploymentState): boolean {
  return (status?.observedGeneration ?? 0) < (metadata?.generation ?? 0);
}

/** Exported for tests. */
export async function settled(
  deployment: {
    readonly name: string;
    readonly namespace: string;
    /** Of the object that was written: one of the same name in another cluster says nothing of it. */
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
      // Pods that fail after the autoscaler made them must not hold up a shift away from them.
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
 * What a Deployment still lacks until its pods run what was written, in words; undefined once it lacks nothing
 * (the rules of `kubectl rollout status`).
 *
 * @param pods those that its selector finds.
 * @param minReplicas fewest pods that its autoscaler keeps.
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

/** Why a pod that shall take traffic does not. */
function unreadiness({ metadata, status }: PodState): string[] {
  const condition = (type: string) => status?.conditions?.find((c) => c.type === type);
  if (metadata?.deletionTimestamp !== undefined || condition("Ready")?.status === "True") return [];
  const waitingOf = (containers: readonly ContainerState[] = []): string[] =>
    containers.flatMap(({ name, state }) =>
      state?.waiting
        ? [`${name}: ${[state.waiting.reason, state.waiting.message].filter(Boolean).join(", ")}`]
        : [],
    );
  // The others wait for an init container (since Kubernetes 1.29 the proxy is one) and say no more than that.
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
