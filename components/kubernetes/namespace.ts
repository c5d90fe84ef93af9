import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterAccess } from "./cluster-access";
import { lookAt, thisStack } from "./existing-object";
import { OWNER_MARK, stackOf } from "./owner";

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

/** Labels by which a namespace opts in to the sidecars of a revision; default: of the default revision. */
export const injectionLabels = (revision: string | undefined): Record<string, string> =>
  revision === undefined ? { [INJECTION_LABEL]: "enabled" } : { [REVISION_LABEL]: revision };

/** Labels by which pods ask for sidecars themselves, where their namespace is somebody else's. */
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
 * Why a namespace cannot be used as it is: there is none, it is in the state of `stack` (organization/project/stack), or its
 * pods would get no sidecars by `injectionLabels`. Its own label is looked at before those of its pods (Istio: "Installing the
 * Sidecar", "Controlling the injection policy").
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
  // `default` is the revision of who names none.
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
  /** Of a namespace that is made. */
  readonly labels?: pulumi.Input<Record<string, string>>;
  /** By which pods get sidecars. Default: they get none. */
  readonly injectionLabels?: pulumi.Input<Record<string, string>>;
  readonly cluster?: ClusterAccess | undefined;
}

/** The Namespace, where it is made. What goes into it depends on `ready`, or on the name: one that exists is looked at before. */
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
