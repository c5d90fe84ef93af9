/** The rights that `pulumi up` of a side needs in a cluster. */
import { isObject, type KubernetesObject, type Side } from "../side";

/** A right, as Kubernetes names it. */
export interface Right {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  /** Absent: all namespaces, or an object of the whole cluster. */
  readonly namespace?: string;
}

/** Of the provider, which writes by server-side apply. */
const WRITES = ["get", "create", "patch", "delete"];

/** What the charts of Istio, Prometheus, Jaeger and Grafana have, and Helm's own record. A side does not show it. */
const CHARTS_IN_A_NAMESPACE: Readonly<Record<string, readonly string[]>> = {
  "": ["configmaps", "secrets", "services", "serviceaccounts"],
  apps: ["deployments", "statefulsets"],
  autoscaling: ["horizontalpodautoscalers"],
  policy: ["poddisruptionbudgets"],
  "rbac.authorization.k8s.io": ["roles", "rolebindings"],
};
const CHARTS_IN_THE_CLUSTER: Readonly<Record<string, readonly string[]>> = {
  "apiextensions.k8s.io": ["customresourcedefinitions"],
  "admissionregistration.k8s.io": ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
  "rbac.authorization.k8s.io": ["clusterroles", "clusterrolebindings"],
};

/** The rights that writing the objects, and waiting for pods and gateways, needs. Each is named once. */
export function rightsOf({ objects }: Side): Right[] {
  const releases = objects.filter(isRelease);
  const filled = new Set(releases.map(namespaceOf));
  const gateways = gatewayNamespaces(objects);
  const pods = (namespace: string, verb: string, subresource?: string): Right => ({
    ...{ group: "", resource: "pods", verb, namespace },
    ...(subresource !== undefined && { subresource }),
  });
  const rights = [
    ...objects.filter((object) => !isRelease(object)).flatMap(ownWrites),
    ...(releases.length > 0 ? writes(CHARTS_IN_THE_CLUSTER, {}) : []),
    ...[...filled].flatMap((namespace) => writes(CHARTS_IN_A_NAMESPACE, { namespace })),
    // On a gateway of others, the hosts of their routes are compared.
    ...(gateways.some((namespace) => !filled.has(namespace))
      ? ["gateways", "virtualservices"].map((resource) => ({
          ...{ group: "networking.istio.io", resource, verb: "list" },
        }))
      : []),
    ...objects.filter(({ kind }) => kind === "Deployment").map((object) => pods(namespaceOf(object), "list")),
    ...gateways.flatMap((namespace) => [
      pods(namespace, "list"),
      pods(namespace, "get", "portforward"),
      pods(namespace, "create", "portforward"),
    ]),
  ];
  return [...new Map(rights.map((right) => [JSON.stringify(right), right])).values()];
}

const isRelease = ({ apiVersion }: KubernetesObject): boolean => apiVersion.startsWith("helm.sh/");
const namespaceOf = ({ metadata }: KubernetesObject): string => metadata.namespace ?? "default";

function writes(
  kinds: Readonly<Record<string, readonly string[]>>,
  namespace: { readonly namespace?: string },
): Right[] {
  return Object.entries(kinds).flatMap(([group, resources]) =>
    resources.flatMap((resource) => WRITES.map((verb) => ({ group, resource, verb, ...namespace }))),
  );
}

function ownWrites({ apiVersion, kind, metadata: { namespace } }: KubernetesObject): Right[] {
  const group = apiVersion.split("/").slice(0, -1).join("");
  return writes({ [group]: [plural(kind)] }, namespace === undefined ? {} : { namespace });
}

/** As `UnsafeGuessKindToResource` of k8s.io/apimachinery: right for every kind of Kubernetes, Istio and the Gateway API. */
function plural(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith("s")) return `${lower}es`;
  return lower.endsWith("y") && !lower.endsWith("ay") ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

/** Of the Gateways that are written, and of those that VirtualServices name. */
function gatewayNamespaces(objects: readonly KubernetesObject[]): string[] {
  const istio = objects.filter(({ apiVersion }) => apiVersion.startsWith("networking.istio.io/"));
  const named = istio.flatMap(({ kind, spec }) =>
    kind === "VirtualService" && isObject(spec) && Array.isArray(spec.gateways)
      ? spec.gateways.flatMap((gateway) => /^([^/]+)\//.exec(String(gateway))?.[1] ?? [])
      : [],
  );
  return [...new Set([...istio.filter(({ kind }) => kind === "Gateway").map(namespaceOf), ...named])].sort();
}
