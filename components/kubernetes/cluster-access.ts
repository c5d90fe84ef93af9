import type { ApiException, ConfigurationOptions, KubeConfig } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";

/**
 * Which cluster, when it is not the one of the ambient kubeconfig (`KUBECONFIG`, `~/.kube/config`, in-cluster). Give what
 * the provider of the objects was given: its class does not show it.
 */
export interface ClusterAccess {
  /** Contents of a kubeconfig, or a path to one. */
  readonly kubeconfig?: pulumi.Input<string>;
  /** Context within the kubeconfig; default: its current context. */
  readonly context?: pulumi.Input<string>;
  /** Cluster within the kubeconfig; default: that of the context. */
  readonly cluster?: pulumi.Input<string>;
}

type KubernetesClient = typeof import("./kubernetes-client");

const BUNDLE = "shopzier-mesh/dist/kubernetes-client.cjs";

/** What the bundle must have; the compiler knows that nothing is left out. */
const EXPORTS: Readonly<Record<keyof KubernetesClient, true>> = {
  AdmissionregistrationV1Api: true,
  AppsV1Api: true,
  CoreV1Api: true,
  CustomObjectsApi: true,
  KubeConfig: true,
  KubernetesObjectApi: true,
  loadYaml: true,
  Observable: true,
  PortForward: true,
};

/**
 * The Kubernetes client. Not imported at the top of a file: a preview never needs it, and its nine hundred files take as
 * long to load as Pulumi's own SDK. As one file, where that is built, they take a sixth; an older one may lack what a newer
 * program needs.
 */
async function loadKubernetesClient(): Promise<KubernetesClient> {
  try {
    const bundle = createRequire(__filename)(BUNDLE) as KubernetesClient;
    if (Object.keys(EXPORTS).every((name) => name in bundle)) return bundle;
  } catch {
    // Not built, or half.
  }
  return import("@kubernetes/client-node");
}

/** The Kubernetes client, and the cluster that it asks. */
export interface KubernetesAccess {
  readonly client: KubernetesClient;
  readonly config: KubeConfig;
}

/** The Kubernetes client with the ambient kubeconfig as it is now, or the one that `access` names. */
export async function kubernetesAccess(access: ClusterAccess = {}): Promise<KubernetesAccess> {
  const client = await loadKubernetesClient();
  const { kubeconfig, context, cluster } = await resolved(access);
  const config = new client.KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else if (existsSync(kubeconfig)) config.loadFromFile(kubeconfig);
  else config.loadFromString(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  if (cluster !== undefined) {
    const current = config.getCurrentContext();
    config.contexts = config.contexts.map((c) => (c.name === current ? { ...c, cluster } : c));
  }
  return { client, config };
}

/**
 * The values of an access whose parts another resource may have to make first.
 *
 * @throws Error in a preview that does not know them yet.
 */
async function resolved(access: ClusterAccess): Promise<pulumi.Unwrap<ClusterAccess>> {
  const output = pulumi.output(access);
  // Pulumi never calls back for what is not known.
  if (!(await (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown))
    throw new Error("the kubeconfig is not known before the update");
  return new Promise((resolve) => output.apply(resolve));
}

/** Whether the program runs to change a cluster: neither in a preview nor with Pulumi's mocks, which have no engine. */
export function changesCluster(): boolean {
  return !pulumi.runtime.isDryRun() && pulumi.runtime.getEngine() !== undefined;
}

/** The options of a call to the API server that ends with `signal`: by itself it waits for an answer without a limit. */
export function endingWith(client: KubernetesClient, signal: AbortSignal): ConfigurationOptions {
  return {
    middleware: [
      {
        pre: (request) => {
          request.setSignal(signal);
          return new client.Observable(Promise.resolve(request));
        },
        post: (response) => new client.Observable(Promise.resolve(response)),
      },
    ],
  };
}

/** An answer that will be the same later. */
export class FinalError extends Error {}

/** Whether the API server will not say anything else later: it does not know the caller, or refuses what it asks. */
export function isFinal(error: unknown): boolean {
  if (error instanceof FinalError) return true;
  const { code } = error as Partial<ApiException<unknown>>;
  return code === 401 || code === 403;
}

/** What takes long is asked for less and less often, down to this. */
const SLOWEST_POLL_MS = 1000;

/**
 * Asks until nothing is lacking, and gives what is still lacking at the limit.
 *
 * @param pollMs until the second question; each later one waits longer, so that an answer is seen late by half of its time at most.
 * @param ask says in words what is lacking, undefined when nothing is. An error of the way to the cluster is one more
 *   thing that is lacking, since the next answer may be a good one.
 * @throws what `ask` throws when it is final ({@link isFinal}).
 */
export async function lagAfter(
  { timeoutSeconds, pollMs }: { readonly timeoutSeconds: number; readonly pollMs: number },
  ask: (signal: AbortSignal) => Promise<string | undefined>,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  let lag: string | undefined;
  for (let wait = pollMs; ; wait = Math.max(pollMs, Math.min(wait * 1.5, SLOWEST_POLL_MS))) {
    let seen: string | undefined;
    try {
      seen = await ask(signal);
      if (seen === undefined) return undefined;
    } catch (error) {
      if (isFinal(error)) throw error;
      seen = signal.aborted
        ? "the cluster has not answered"
        : `the cluster does not answer: ${apiMessage(error)}`;
    }
    // What the limit broke off says less than what was seen before.
    if (signal.aborted) return lag ?? seen;
    lag = seen;
    await setTimeout(wait, undefined, { signal }).catch(() => undefined);
  }
}

/** What the API server, or whatever failed on the way to it, has to say. */
export function apiMessage(error: unknown): string {
  const body = (error as ApiException<{ message?: string } | string>).body as
    { message?: string } | string | undefined;
  if (typeof body === "string") {
    try {
      return (JSON.parse(body) as { message?: string }).message ?? body;
    } catch {
      return body;
    }
  }
  if (body?.message !== undefined) return body.message;
  if (!(error instanceof Error)) return String(error);
  // What fetch has to say is in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
