import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** A namespace that the component makes, by its name, or with `create: false` one that exists and stays as it is. */
export type NamespaceArgs = string | { readonly name: string; readonly create?: boolean };

/** Label by which a namespace or a pod chooses a revision of the control plane. */
export const REVISION_LABEL = "istio.io/rev";
/** Label by which a namespace chooses the default revision, or no sidecars. */
const INJECTION_LABEL = "istio-injection";
/** Label by which a pod asks for a sidecar, whatever its namespace says. */
const INJECT_LABEL = "sidecar.istio.io/inject";

export const namespaceName = (namespace: NamespaceArgs): string =>
  typeof namespace === "string" ? namespace : namespace.name;

export const isCreated = (namespace: NamespaceArgs): boolean =>
  typeof namespace === "string" || (namespace.create ?? true);

/** Labels by which pods ask for sidecars themselves, where their namespace is somebody else's. */
export const sidecarLabels = (
  injectionLabels: pulumi.Input<Record<string, string>>,
): pulumi.Output<Record<string, string>> =>
  pulumi.output(injectionLabels).apply(({ [REVISION_LABEL]: revision }): Record<string, string> => ({
    [INJECT_LABEL]: "true",
    ...(revision && { [REVISION_LABEL]: revision }),
  }));

/**
 * Why the pods of a namespace that exists would get no sidecar of ours, or the namespace is none. Its own label is looked at
 * before those of its pods (Istio: "Installing the Sidecar", "Controlling the injection policy").
 */
export function injectionProblems(
  live: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } } | undefined,
  name: string,
  injectionLabels: Readonly<Record<string, string>>,
): string[] {
  if (!live) return [`it does not exist: kubectl create namespace ${name}`];
  const { [INJECTION_LABEL]: injection, [REVISION_LABEL]: revision } = live.metadata?.labels ?? {};
  const wanted = injectionLabels[REVISION_LABEL];
  const says = (label: string, value: string): string[] => [
    `its label ${label}=${value} keeps the pods from the sidecars of ${wanted === undefined ? "the default revision" : `revision ${wanted}`}`,
  ];
  if (injection !== undefined)
    return injection === "enabled" && wanted === undefined ? [] : says(INJECTION_LABEL, injection);
  return revision !== undefined && revision !== wanted ? says(REVISION_LABEL, revision) : [];
}

/** The Namespace as a child of `parent`; nothing where it is somebody else's. */
export function createdNamespace(
  name: string,
  namespace: NamespaceArgs,
  parent: pulumi.Resource,
  labels?: pulumi.Input<Record<string, string>>,
): k8s.core.v1.Namespace[] {
  if (!isCreated(namespace)) return [];
  const metadata = { name: namespaceName(namespace), ...(labels && { labels }) };
  return [new k8s.core.v1.Namespace(`${name}-namespace`, { metadata }, { parent })];
}
