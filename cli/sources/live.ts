import {
  apiMessage,
  connect,
  endingWith,
  type ClusterNames,
  type KubernetesAccess,
} from "../../components/kubernetes/api-server";
import { defined } from "../../components/istio/without-undefined";
import { keyOf, type KubernetesObject, type Side } from "../side";
import { asDeclared, isIstio } from "./as-declared";
import { sideObject } from "./kubernetes-objects";
import { messageOf, SourceError } from "./source-error";

export interface ClusterOptions {
  /** Path or contents. Default: the ambient one (`KUBECONFIG`, `~/.kube/config`, in-cluster). */
  readonly kubeconfig?: string;
  /** Default: the current one of the kubeconfig. */
  readonly context?: string;
  /** The declared side, or the names of namespaces whose objects are read. */
  readonly against: Side | readonly string[];
}

/** Of each kind that is read: its group, version and plural. The versions are those that the oldest Kubernetes and Istio serve. */
const KINDS: Readonly<Record<string, readonly [group: string, version: string, plural: string]>> = {
  VirtualService: ["networking.istio.io", "v1", "virtualservices"],
  DestinationRule: ["networking.istio.io", "v1", "destinationrules"],
  Gateway: ["networking.istio.io", "v1", "gateways"],
  ServiceEntry: ["networking.istio.io", "v1", "serviceentries"],
  Sidecar: ["networking.istio.io", "v1", "sidecars"],
  WorkloadEntry: ["networking.istio.io", "v1", "workloadentries"],
  EnvoyFilter: ["networking.istio.io", "v1alpha3", "envoyfilters"],
  AuthorizationPolicy: ["security.istio.io", "v1", "authorizationpolicies"],
  PeerAuthentication: ["security.istio.io", "v1", "peerauthentications"],
  RequestAuthentication: ["security.istio.io", "v1", "requestauthentications"],
  Telemetry: ["telemetry.istio.io", "v1", "telemetries"],
  WasmPlugin: ["extensions.istio.io", "v1alpha1", "wasmplugins"],
  "Gateway of Kubernetes": ["gateway.networking.k8s.io", "v1", "gateways"],
  HTTPRoute: ["gateway.networking.k8s.io", "v1", "httproutes"],
  Deployment: ["apps", "v1", "deployments"],
  StatefulSet: ["apps", "v1", "statefulsets"],
  DaemonSet: ["apps", "v1", "daemonsets"],
  HorizontalPodAutoscaler: ["autoscaling", "v2", "horizontalpodautoscalers"],
  PodDisruptionBudget: ["policy", "v1", "poddisruptionbudgets"],
  Service: ["", "v1", "services"],
  Namespace: ["", "v1", "namespaces"],
};
/** For all answers of a cluster to a command. */
export const LIMIT_MS = 15_000;

/** A question to the cluster: all objects of a kind in a namespace; of kind Namespace that one. */
interface Question {
  readonly kind: string;
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespace: string;
}

/**
 * The objects in a cluster that a declared side can be compared with: of what it declares the same objects, with the same fields, and
 * Istio's objects in the same namespaces, of any author. What cannot be read is as declared, and named in `notShown`.
 *
 * @throws SourceError for a kubeconfig that cannot be read, an unknown context, and a cluster that does not answer or knows no such user.
 */
export async function fromCluster({ against, ...names }: ClusterOptions): Promise<Side> {
  const access = accessTo(names);
  const title = `cluster ${access.config.getCurrentContext()}`;
  const declared = "objects" in against ? against.objects : [];
  const namespaces = "objects" in against ? namespacesOf(declared) : against;
  const asked = questions(declared, namespaces);
  const signal = AbortSignal.timeout(LIMIT_MS);
  const answers = await Promise.all(
    asked.map(async (question) => ({ question, ...(await ask(access, question, signal)) })),
  );
  const live = new Map(answers.flatMap(({ objects }) => objects).map((object) => [identity(object), object]));
  const refused = answers.filter(({ problem }) => problem !== undefined);
  const unread = (object: KubernetesObject): boolean =>
    !asked.some((question) => isOf(object, question)) ||
    refused.some(({ question }) => isOf(object, question));
  const written = new Map(declared.map((object) => [identity(object), object]));
  const compared = declared.flatMap((object) => {
    if (unread(object)) return [object];
    const found = live.get(identity(object));
    return found ? [asDeclared(object, found)] : [];
  });
  const others = [...live.values()].filter(
    (object) => !written.has(identity(object)) && (isIstio(object) || !("objects" in against)),
  );
  return {
    title,
    objects: [...compared, ...others],
    notShown: [
      ...refused.map(
        ({ question: { kind, namespace }, problem = "" }) => `${kind} in namespace ${namespace}: ${problem}`,
      ),
      ...declared
        .filter((object) => !asked.some((question) => isOf(object, question)))
        .map((object) => `${keyOf(object)}: kind not read`),
    ],
  };
}

const groupOf = ({ apiVersion }: { readonly apiVersion: string }): string =>
  apiVersion.split("/").slice(0, -1).join("");
const identity = (object: KubernetesObject): string => `${groupOf(object)} ${keyOf(object)}`;
const isOf = (object: KubernetesObject, { kind, apiVersion, namespace }: Question): boolean =>
  object.kind === kind &&
  groupOf(object) === groupOf({ apiVersion }) &&
  (object.metadata.namespace ?? object.metadata.name) === namespace;

function namespacesOf(objects: readonly KubernetesObject[]): string[] {
  const named = objects.map(
    ({ kind, metadata }) => metadata.namespace ?? (kind === "Namespace" ? metadata.name : ""),
  );
  return [...new Set(named)].filter((name) => name !== "").sort();
}

function questions(declared: readonly KubernetesObject[], namespaces: readonly string[]): Question[] {
  return Object.entries(KINDS).flatMap(([title, [group, version, plural]]) => {
    const kind = title.split(" ")[0] ?? "";
    const own = declared.filter((object) => object.kind === kind && groupOf(object) === group);
    const apiVersion = own[0]?.apiVersion ?? (group === "" ? version : `${group}/${version}`);
    // Objects that are not Istio's matter where they are declared.
    const wanted = isIstio({ apiVersion }) || declared.length === 0 ? namespaces : namespacesOf(own);
    return wanted.map((namespace) => ({ kind, apiVersion, plural, namespace }));
  });
}

/** @throws SourceError for a kubeconfig that cannot be read, and an unknown context. */
export function accessTo({ kubeconfig, context, cluster }: ClusterNames): KubernetesAccess {
  let access: KubernetesAccess;
  try {
    // Options of a command have more than these.
    access = connect(defined({ kubeconfig, context, cluster }));
  } catch (error) {
    // The message of a parser may show a token.
    throw new SourceError(
      `the kubeconfig cannot be read${error instanceof SyntaxError ? "" : `: ${messageOf(error).split("\n")[0] ?? ""}`}`,
    );
  }
  const { config } = access;
  if (config.getCurrentCluster() !== null) return access;
  const contexts = config.getContexts().map(({ name }) => name);
  throw new SourceError(
    `context: found ${(context ?? config.getCurrentContext()) || "nothing"}\n` +
      `  allowed: a context of the kubeconfig${contexts.length === 0 ? ", which has none" : `: ${contexts.join(", ")}`}`,
  );
}

/** Objects, or why there are none to be seen. */
interface Answer {
  readonly objects: readonly KubernetesObject[];
  readonly problem?: string;
}

async function ask(access: KubernetesAccess, question: Question, signal: AbortSignal): Promise<Answer> {
  const { kind, apiVersion } = question;
  try {
    const items = await list(access, question, signal);
    // Items of a list of one kind do not repeat it.
    return { objects: items.map((item) => sideObject({ ...item, kind, apiVersion })) };
  } catch (error) {
    const { code } = error as { code?: unknown };
    // No such object, or no such kind in this cluster.
    if (code === 404) return { objects: [] };
    if (code === 403) return { objects: [], problem: "no right to read it" };
    throw clusterFault(access, error, signal);
  }
}

/** What a cluster's failure to answer is called. */
export function clusterFault({ config }: KubernetesAccess, error: unknown, signal: AbortSignal): SourceError {
  const at = `${config.getCurrentCluster()?.server ?? ""} (context ${config.getCurrentContext()})`;
  if ((error as { code?: unknown }).code === 401)
    return new SourceError(`${at} does not accept the kubeconfig's user`);
  const why = signal.aborted ? `within ${LIMIT_MS / 1000} seconds` : apiMessage(error).split("\n")[0];
  return new SourceError(`${at} does not answer${signal.aborted ? " " : ": "}${why ?? ""}`);
}

async function list(
  { client, config }: KubernetesAccess,
  { kind, apiVersion, plural, namespace }: Question,
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const options = endingWith(client, signal);
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  if (group !== "") {
    const api = config.makeApiClient(client.CustomObjectsApi);
    const answer = (await api.listNamespacedCustomObject({ group, version, namespace, plural }, options)) as {
      readonly items: KubernetesObject[];
    };
    return answer.items;
  }
  const api = config.makeApiClient(client.CoreV1Api);
  const items =
    kind === "Namespace"
      ? [await api.readNamespace({ name: namespace }, options)]
      : (await api.listNamespacedService({ namespace }, options)).items;
  // The client makes dates and classes of it.
  return JSON.parse(JSON.stringify(items)) as KubernetesObject[];
}
