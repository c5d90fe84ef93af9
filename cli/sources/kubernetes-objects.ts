import { createHmac, randomBytes } from "node:crypto";
import { isObject, SECRET, type KubernetesObject } from "../side";

/** Any other kind is taken to be in a namespace. From the API of Kubernetes 1.35, and the usual operators. */
const OF_THE_CLUSTER = new Set(
  `APIService CertificateSigningRequest ClusterExternalSecret ClusterIssuer ClusterPolicy ClusterRole ClusterRoleBinding
  ClusterSecretStore ClusterTrustBundle CSIDriver CSINode CustomResourceDefinition DeviceClass EC2NodeClass FlowSchema GatewayClass
  IngressClass IPAddress Istio IstioCNI IstioRevision IstioRevisionTag MutatingAdmissionPolicy MutatingAdmissionPolicyBinding
  MutatingWebhookConfiguration Namespace Node NodePool PersistentVolume PriorityClass PriorityLevelConfiguration ResourceSlice
  RuntimeClass ServiceCIDR StorageClass ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
  ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass ZTunnel`.split(/\s+/),
);

/** Values of Secrets in it: written there by `kubectl apply`. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** What a value is, in words. */
export function found(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? "text" : `a ${typeof value}`;
}

export function without<Map extends object>(map: Map, ...keys: readonly string[]): Partial<Map> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key))) as Partial<Map>;
}

/** Why a value is no Kubernetes object, in words; undefined where it is one. */
export function notAnObject(value: unknown): string | undefined {
  if (!isObject(value)) return `found ${found(value)}, a Kubernetes object is a map`;
  for (const field of ["apiVersion", "kind"])
    if (typeof value[field] !== "string" || value[field] === "")
      return `found ${found(value[field])} as ${field}, a Kubernetes object has a text there`;
  const { metadata } = value;
  if (!isObject(metadata)) return `found ${found(metadata)} as metadata, a Kubernetes object has a map there`;
  for (const field of ["name", "namespace"]) {
    const name = metadata[field];
    if ((name !== undefined || field === "name") && (typeof name !== "string" || name === ""))
      return `found ${found(name)} as metadata.${field}, a Kubernetes object has a text there`;
  }
  return undefined;
}

/** Kinds without a namespace that definitions among `values` declare. */
export function clusterKinds(values: readonly unknown[]): ReadonlySet<string> {
  const declared = values.flatMap((value) => {
    const { kind, spec } = isObject(value) ? value : {};
    if (kind !== "CustomResourceDefinition" || !isObject(spec) || spec.scope !== "Cluster") return [];
    return isObject(spec.names) && typeof spec.names.kind === "string" ? [spec.names.kind] : [];
  });
  return new Set([...OF_THE_CLUSTER, ...declared]);
}

/**
 * The object of a side: with a namespace where its kind has one, without `status`, and without values of Secrets.
 *
 * @param value is a Kubernetes object ({@link notAnObject}).
 */
export function sideObject(
  value: KubernetesObject,
  {
    namespace = "default",
    ofCluster = OF_THE_CLUSTER,
  }: { namespace?: string; ofCluster?: ReadonlySet<string> } = {},
): KubernetesObject {
  const { metadata } = value;
  const annotations = without(isObject(metadata.annotations) ? metadata.annotations : {}, LAST_APPLIED);
  const object = {
    ...without(value, "status"),
    metadata: {
      ...without(metadata, "annotations", "managedFields", "namespace"),
      ...(!ofCluster.has(value.kind) && { namespace: metadata.namespace ?? namespace }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
  } as KubernetesObject;
  return value.kind === "Secret" && value.apiVersion === "v1" ? withoutValues(object) : object;
}

/** Differs in each run, so that nobody finds a short value by trying. Sides are compared in one run. */
const key = randomBytes(32);

function withoutValues(secret: KubernetesObject): KubernetesObject {
  const { data, stringData } = secret;
  const values = new Map(Object.entries(isObject(data) ? data : {}));
  for (const [name, text] of Object.entries(isObject(stringData) ? stringData : {}))
    values.set(name, Buffer.from(String(text)).toString("base64"));
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  // Either may be one hidden or unknown text.
  const whole = JSON.stringify([sorted, ...[data, stringData].filter((one) => !isObject(one))]);
  return {
    ...(without(secret, "stringData") as KubernetesObject),
    data: Object.fromEntries(sorted.map(([name]) => [name, SECRET])),
    spec: { digest: createHmac("sha256", key).update(whole).digest("hex").slice(0, 16) },
  };
}
