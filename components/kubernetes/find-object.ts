import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";

/** Names an object of any kind. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
}

/**
 * The object in the cluster. Undefined where there is none, also where the cluster does not have its kind yet, which a chart may bring.
 *
 * @throws any other answer of the API server.
 */
export async function findObject(
  api: KubernetesObjectApi,
  { apiVersion, kind, metadata: { name = "", namespace } }: ObjectReference,
): Promise<KubernetesObject | undefined> {
  try {
    return await api.read({ apiVersion, kind, metadata: { name, namespace } });
  } catch (error) {
    // The client has no code for a kind that its discovery does not find. A missing namespace is a 404.
    const { code, message } = error as { code?: number; message: string };
    if (code === 404 || message.includes("Unrecognized API version and kind")) return undefined;
    throw error;
  }
}
