import type { LiveObject } from "./drift";
import { endingWith, kubernetesAccess, type ClusterAccess } from "./cluster-access";

/** Where the API has each kind that the gateways follow. */
const PLACES = {
  VirtualService: { group: "networking.istio.io", version: "v1", plural: "virtualservices" },
  EnvoyFilter: { group: "networking.istio.io", version: "v1alpha3", plural: "envoyfilters" },
  AuthorizationPolicy: { group: "security.istio.io", version: "v1", plural: "authorizationpolicies" },
  RequestAuthentication: { group: "security.istio.io", version: "v1", plural: "requestauthentications" },
} as const;

export interface ObjectKey {
  readonly kind: keyof typeof PLACES;
  readonly namespace: string;
  readonly name: string;
}

/**
 * The object as it is in the cluster; without `live` where there is none.
 *
 * @throws what the API server refuses, or what fails on the way to it.
 */
export async function readObject(
  access: ClusterAccess,
  { kind, namespace, name }: ObjectKey,
  signal: AbortSignal,
): Promise<{ readonly live?: LiveObject }> {
  const { client, config } = await kubernetesAccess(access);
  const api = config.makeApiClient(client.CustomObjectsApi);
  try {
    const live: unknown = await api.getNamespacedCustomObject(
      { ...PLACES[kind], namespace, name },
      endingWith(client, signal),
    );
    return { live: live as LiveObject };
  } catch (error) {
    if ((error as { code?: number }).code === 404) return {};
    throw error;
  }
}

/**
 * The specs of all objects of a kind in the cluster.
 *
 * @throws what the API server refuses, or what fails on the way to it.
 */
export async function readSpecs<Spec>(
  access: ClusterAccess,
  kind: ObjectKey["kind"],
  signal: AbortSignal,
): Promise<readonly Spec[]> {
  const { client, config } = await kubernetesAccess(access);
  const api = config.makeApiClient(client.CustomObjectsApi);
  const { items } = (await api.listClusterCustomObject(PLACES[kind], endingWith(client, signal))) as {
    readonly items: readonly { readonly spec: Spec }[];
  };
  return items.map(({ spec }) => spec);
}
