/** Asks a cluster what `pulumi up` of a stack would meet. Nothing is written. */
import type { KubernetesObject as ClientObject } from "@kubernetes/client-node";
import { apiMessage, type KubernetesAccess } from "../../components/kubernetes/api-server";
import { findObject } from "../../components/kubernetes/find-object";
import { OWNER_MARK, ownerMark, verdictOn, type LiveMetadata } from "../../components/kubernetes/owner";
import { isObject, keyOf, type KubernetesObject, type Side } from "../side";
import { clusterFault, LIMIT_MS } from "../sources/live";
import { rightsOf, type Right } from "./rights";

/** A control plane, or a gateway. */
export interface IstioPart {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly revision: string;
}

export interface Findings {
  readonly context: string;
  readonly server: string;
  readonly kubernetes: string;
  /** Or why they are not known. */
  readonly controlPlanes: readonly IstioPart[] | string;
  readonly gateways: readonly IstioPart[] | string;
  readonly missingRights: readonly Right[];
  /** Objects of the stack that exist without its mark, with their owners. */
  readonly foreign: readonly { readonly object: string; readonly owner: string }[];
  /** Namespaces that the stack writes in and does not create, and that do not exist. */
  readonly missingNamespaces: readonly string[];
  /** What of the stack could not be looked at. */
  readonly notLookedAt: readonly string[];
}

/** Whether `up` can run without a conflict. */
export const isWell = ({ missingRights, foreign, missingNamespaces }: Findings): boolean =>
  missingRights.length + foreign.length + missingNamespaces.length === 0;

/** A program of Pulumi for a stack. */
interface Owner {
  readonly project: string;
  readonly stack: string;
}

/**
 * @param owner whose mark the stack's objects have.
 * @throws SourceError for a cluster that does not answer or knows no such user.
 */
export async function examine(side: Side, owner: Owner, access: KubernetesAccess): Promise<Findings> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  try {
    return await Promise.race([findings(side, owner, access), ending(limit)]);
  } catch (error) {
    throw clusterFault(access, error, limit);
  }
}

const ending = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(new Error("no answer"));
    });
  });

async function findings(side: Side, owner: Owner, access: KubernetesAccess): Promise<Findings> {
  const cluster = new Cluster(access);
  const [kubernetes, parts, missingRights, missingNamespaces, existing] = await Promise.all([
    cluster.version(),
    cluster.deployments().then(istioParts, apiMessage),
    cluster.missing(rightsOf(side)),
    cluster.absent(foreignNamespaces(side.objects)),
    Promise.all(side.objects.map(async (object) => ({ object, live: await cluster.metadata(object) }))),
  ]);
  const isKnown = typeof parts !== "string";
  return {
    context: access.config.getCurrentContext(),
    server: access.config.getCurrentCluster()?.server ?? "none",
    kubernetes,
    controlPlanes: isKnown ? parts.controlPlanes : parts,
    gateways: isKnown ? parts.gateways : parts,
    missingRights,
    foreign: existing.flatMap(({ object, live }) => foreignOwner(object, live, owner)),
    missingNamespaces,
    notLookedAt: [
      ...side.notShown,
      ...existing.flatMap(({ object, live }) =>
        typeof live === "string" ? [`${keyOf(object)}: ${live}`] : [],
      ),
    ],
  };
}

/** Metadata of an object; undefined where there is none; a text where it may not be read. */
type Found = LiveMetadata | string | undefined;

function foreignOwner(
  object: KubernetesObject,
  live: Found,
  { project, stack }: Owner,
): { object: string; owner: string }[] {
  if (typeof live === "string") return [];
  // Local backends and Pulumi Cloud name the organization differently, so only project and stack are compared.
  const [organization = ""] = live?.annotations?.[OWNER_MARK]?.split(" ") ?? [];
  const verdict = verdictOn(live, ownerMark(organization, `urn:pulumi:${stack}::${project}::`));
  return verdict.kind === "foreign" ? [{ object: keyOf(object), owner: verdict.owner }] : [];
}

/** The namespaces that are written in, and that are not created. */
function foreignNamespaces(objects: readonly KubernetesObject[]): string[] {
  const created = new Set(
    objects.filter(({ kind }) => kind === "Namespace").map(({ metadata: { name } }) => name),
  );
  const used = objects.flatMap(({ metadata: { namespace } }) => (namespace === undefined ? [] : [namespace]));
  return [...new Set(used)].filter((name) => !created.has(name)).sort();
}

type Labels = Readonly<Record<string, string>>;
interface Deployment extends ClientObject {
  readonly spec?: {
    readonly template: { readonly metadata?: { readonly labels?: Labels; readonly annotations?: Labels } };
  };
}

function istioParts(deployments: readonly Deployment[]): Record<"controlPlanes" | "gateways", IstioPart[]> {
  const parts = deployments.map(({ metadata, spec }) => {
    const { labels = {}, annotations = {} } = spec?.template.metadata ?? {};
    const part: IstioPart = {
      namespace: metadata?.namespace ?? "",
      name: metadata?.name ?? "",
      version: labels["app.kubernetes.io/version"] ?? "unknown",
      revision: labels["istio.io/rev"] ?? "default",
    };
    return { part, labels, annotations };
  });
  return {
    controlPlanes: parts.filter(({ labels }) => labels.app === "istiod").map(({ part }) => part),
    gateways: parts
      .filter(({ annotations }) => annotations["inject.istio.io/templates"] === "gateway")
      .map(({ part }) => part),
  };
}

/** The questions. Each of them may throw what the API server answers. */
class Cluster {
  private readonly objects;

  constructor(private readonly access: KubernetesAccess) {
    this.objects = access.client.KubernetesObjectApi.makeApiClient(access.config);
  }

  async version(): Promise<string> {
    const { client, config } = this.access;
    return (await config.makeApiClient(client.VersionApi).getCode()).gitVersion;
  }

  async deployments(): Promise<readonly Deployment[]> {
    const { client, config } = this.access;
    return (await config.makeApiClient(client.AppsV1Api).listDeploymentForAllNamespaces()).items;
  }

  /** Those of the rights that the caller does not have. */
  async missing(rights: readonly Right[]): Promise<Right[]> {
    // A caller with all rights, the usual case, needs only one question.
    if (await this.may({ group: "*", resource: "*", verb: "*" })) return [];
    const allowed = await Promise.all(rights.map((right) => this.may(right)));
    return rights.filter((_, i) => allowed[i] !== true);
  }

  private async may({ group, resource, subresource, verb, namespace }: Right): Promise<boolean> {
    const review: unknown = await this.objects.create({
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: { group, resource, subresource, verb, namespace } },
    } as ClientObject);
    return isObject(review) && isObject(review.status) && review.status.allowed === true;
  }

  async metadata(object: KubernetesObject): Promise<Found> {
    // No kind of Kubernetes: Helm itself refuses a release that exists.
    if (object.apiVersion.startsWith("helm.sh/")) return undefined;
    try {
      return (await findObject(this.objects, object))?.metadata;
    } catch (error) {
      if ((error as { code?: unknown }).code === 403) return "no right to read it";
      throw error;
    }
  }

  async absent(namespaces: readonly string[]): Promise<string[]> {
    const found = await Promise.all(
      namespaces.map((name) => this.metadata({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    );
    return namespaces.filter((_, i) => found[i] === undefined);
  }
}
