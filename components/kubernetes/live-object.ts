import { answer, endingWith, FinalError, type KubernetesAccess } from "./api-server";
import { otherObject, type LiveObject } from "./drift";

/** Group, version and plural of each kind that a gateway follows. */
const PLACES = {
  Gateway: { group: "networking.istio.io", version: "v1", plural: "gateways" },
  VirtualService: { group: "networking.istio.io", version: "v1", plural: "virtualservices" },
  DestinationRule: { group: "networking.istio.io", version: "v1", plural: "destinationrules" },
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
 * The object in the cluster; without `live` where it does not exist. A cluster that cannot answer is asked again ({@link answer}).
 *
 * @throws the error of the API server, except 404; when `signal` ends the wait, the last error of the connection too.
 */
export async function readObject(
  { client, config }: KubernetesAccess,
  { kind, namespace, name }: ObjectKey,
  signal: AbortSignal,
): Promise<{ readonly live?: LiveObject }> {
  const api = config.makeApiClient(client.CustomObjectsApi);
  try {
    const live: unknown = await answer(
      () => api.getNamespacedCustomObject({ ...PLACES[kind], namespace, name }, endingWith(client, signal)),
      signal,
    );
    return { live: live as LiveObject };
  } catch (error) {
    if ((error as { code?: number }).code === 404) return {};
    throw error;
  }
}

/**
 * The specs of all objects of a kind in the cluster. A cluster that cannot answer is asked again.
 *
 * @throws as {@link readObject}, and for 404.
 */
export async function readSpecs<Spec>(
  { client, config }: KubernetesAccess,
  kind: ObjectKey["kind"],
  signal: AbortSignal,
): Promise<readonly Spec[]> {
  const api = config.makeApiClient(client.CustomObjectsApi);
  const { items } = (await answer(
    () => api.listClusterCustomObject(PLACES[kind], endingWith(client, signal)),
    signal,
  )) as { readonly items: readonly { readonly spec: Spec }[] };
  return items.map(({ spec }) => spec);
}

/**
 * Proves that the cluster has the object that was written through a provider. Another cluster may have an object of the same
 * name, whose answers do not count.
 *
 * @throws FinalError if the object does not exist or has another uid; otherwise as {@link readObject}.
 */
export async function proveCluster(
  access: KubernetesAccess,
  key: ObjectKey,
  uid: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { live } = await readObject(access, key, signal);
  const other = otherObject(live, uid);
  if (other === undefined) return;
  throw new FinalError(
    `${key.kind} ${key.namespace}/${key.name} ${other}\n` +
      "If it was made anew by hand, `pulumi up --refresh --skip-preview` puts back what the stack file says.",
  );
}
