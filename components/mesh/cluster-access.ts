import type { ApiException, KubeConfig } from "@kubernetes/client-node";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

/** Which cluster, when it is not the one of the ambient kubeconfig (`KUBECONFIG`, `~/.kube/config`, in-cluster). */
export interface ClusterAccess {
  /** Contents of a kubeconfig, or a path to one. */
  readonly kubeconfig?: string;
  /** Context within the kubeconfig; default: its current context. */
  readonly context?: string;
}

const BUNDLE = "shopzier-mesh/dist/kubernetes-client.cjs";

/**
 * The Kubernetes client. Not imported at the top of a file: a preview never needs it, and its nine hundred files take as
 * long to load as Pulumi's own SDK. As one file, where that is built, they take a sixth.
 */
async function loadKubernetesClient(): Promise<typeof import("@kubernetes/client-node")> {
  try {
    return createRequire(__filename)(BUNDLE) as typeof import("@kubernetes/client-node");
  } catch {
    return import("@kubernetes/client-node");
  }
}

/** The Kubernetes client with the ambient kubeconfig, or the one that `access` names. */
export async function kubernetesAccess({ kubeconfig, context }: ClusterAccess = {}): Promise<{
  readonly client: typeof import("@kubernetes/client-node");
  readonly config: KubeConfig;
}> {
  const client = await loadKubernetesClient();
  const config = new client.KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else if (existsSync(kubeconfig)) config.loadFromFile(kubeconfig);
  else config.loadFromString(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  return { client, config };
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
