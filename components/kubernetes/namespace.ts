import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterAccess } from "./cluster";
import { lookAt, thisStack } from "./existing-object";
import { OWNER_MARK, stackOf } from "./owner";

/** Name of a namespace that the component creates. With `create: false` the namespace exists and is not changed. Default true. */
export type NamespaceArgs = string | { readonly name: string; readonly create?: boolean };

/** Label with which a namespace or a pod selects a revision of the control plane. */
export const REVISION_LABEL = "istio.io/rev";
/** Label with which a namespace selects the default revision, or no sidecars. */
const INJECTION_LABEL = "istio-injection";
/** Label with which a pod asks for a sidecar; it has priority over the labels of the namespace. */
const INJECT_LABEL = "sidecar.istio.io/inject";

export const namespaceName = (namespace: NamespaceArgs): string =>
  typeof namespace === "string" ? namespace : namespace.name;

export const isCreated = (namespace: NamespaceArgs): boolean =>
  typeof namespace === "string" || (namespace.create ?? true);

/** Labels with which a namespace asks for the sidecars of a revision. Default: the default revision. */
export const injectionLabels = (revision: string | undefined): Record<string, string> =>
  revision === undefined ? { [INJECTION_LABEL]: "enabled" } : { [REVISION_LABEL]: revision };

/** Labels with which pods ask for sidecars themselves. They are needed where another owner has labelled the namespace. */
export const sidecarLabels = (
  injectionLabels: pulumi.Input<Record<string, string>>,
): pulumi.Output<Record<string, string>> =>
  pulumi.output(injectionLabels).apply(({ [REVISION_LABEL]: revision }): Record<string, string> => ({
    [INJECT_LABEL]: "true",
    ...(revision && { [REVISION_LABEL]: revision }),
  }));

interface LiveNamespace {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/**
 * Why a namespace cannot be used without a change: it does not exist, it is in the state of `stack`
 * (organization/project/stack), or its labels keep pods with `injectionLabels` from sidecars. Labels of the namespace have
 * priority over those of pods (Istio: "Installing the Sidecar", "Controlling the injection policy").
 */
export function namespaceProblems(
  live: LiveNamespace | undefined,
  name: string,
  stack: string,
  injectionLabels?: Readonly<Record<string, string>>,
): string[] {
  if (!live) return [`it does not exist: kubectl create namespace ${name}`];
  const mark = live.metadata?.annotations?.[OWNER_MARK];
  if (mark !== undefined && stackOf(mark) === stack) {
    return [
      "this stack has made it, and would now delete it with all that is in it. To keep it, take it out of the state: " +
        `pulumi state delete '${mark.slice(mark.indexOf(" ") + 1)}' && kubectl annotate namespace ${name} ${OWNER_MARK}-`,
    ];
  }
  const { [INJECTION_LABEL]: injection, [REVISION_LABEL]: revision } = live.metadata?.labels ?? {};
  if (!injectionLabels) return [];
  // The revision `default` is that of an injection label without a revision.
  const wanted = injectionLabels[REVISION_LABEL] === "default" ? undefined : injectionLabels[REVISION_LABEL];
  const says = (label: string, value: string): string[] => [
    `its label ${label}=${value} keeps the pods from the sidecars of ${wanted === undefined ? "the default revision" : `revision ${wanted}`}`,
  ];
  if (injection !== undefined)
    return injection === "enabled" && wanted === undefined ? [] : says(INJECTION_LABEL, injection);
  return revision !== undefined && revision !== (wanted ?? "default") ? says(REVISION_LABEL, revision) : [];
}

export interface NamespaceOptions {
  readonly parent: pulumi.Resource;
  /** Labels of a namespace that is created. Default: none. */
  readonly labels?: pulumi.Input<Record<string, string>>;
  /** Labels with which pods ask for sidecars. Default: pods have none, and no sidecars. */
  readonly injectionLabels?: pulumi.Input<Record<string, string>>;
  readonly cluster?: ClusterAccess | undefined;
}

/**
 * Creates a namespace, or checks one that exists. Objects in it depend on `ready`, or on the name, so that the check comes first.
 */
export function namespaceFor(
  name: string,
  namespace: NamespaceArgs,
  { parent, labels, injectionLabels, cluster }: NamespaceOptions,
): {
  readonly name: pulumi.Output<string>;
  readonly ready: pulumi.Input<pulumi.Resource[]>;
  readonly created?: k8s.core.v1.Namespace;
} {
  const own = namespaceName(namespace);
  if (!isCreated(namespace)) {
    const ready = pulumi.output(injectionLabels).apply((wanted) => usable(own, wanted, cluster));
    return { name: ready.apply(() => own), ready };
  }
  const metadata = { name: own, labels };
  const created = new k8s.core.v1.Namespace(`${name}-namespace`, { metadata }, { parent });
  return { name: created.metadata.name, ready: [created], created };
}

async function usable(
  name: string,
  injectionLabels: Readonly<Record<string, string>> | undefined,
  cluster: ClusterAccess | undefined,
): Promise<pulumi.Resource[]> {
  await lookAt(
    { what: `Namespace ${name}`, rights: `get namespace ${name}`, cluster },
    async ({ client, config }) => {
      const live = await config
        .makeApiClient(client.CoreV1Api)
        .readNamespace({ name })
        .catch((error: unknown) => {
          if ((error as { code?: number }).code === 404) return undefined;
          throw error;
        });
      return { found: live, problems: namespaceProblems(live, name, thisStack(), injectionLabels) };
    },
  );
  return [];
}
