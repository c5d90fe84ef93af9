/** The objects of a side as rules read them, and how much the side has of what they refer to. */
import { z } from "zod";
import { hasLabels } from "../diff/istio-objects";
import { keyOf, UNKNOWN, type KubernetesObject, type Side } from "../side";
import { fullHost, hasHosts, isExported, serviceOf } from "./hosts";
import { KINDS, type Kind, type PodSpec, type Spec } from "./specs";

/** An object whose spec is what Istio or Kubernetes reads. */
export interface Read<T> {
  readonly object: KubernetesObject;
  /** `kind namespace/name`. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: T;
}

/** Pods of a Deployment, StatefulSet or DaemonSet, or one Pod. */
export interface Workload extends Read<PodSpec> {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of the pods, in the object: `spec.template` or nothing. */
  readonly template: string;
}

/** What stands behind a host. */
export interface Registered {
  readonly ports: readonly number[];
}

type Labels = Readonly<Record<string, string>>;

export class Mesh {
  /** Objects with a field of another type than the reader's; rules do not look at them. */
  readonly malformed: { object: KubernetesObject; field: string; message: string }[] = [];
  /** What rules would have looked up in objects that the side may not have, in words. */
  readonly notLookedAt = new Set<string>();
  private readonly read = new Map<Kind, Read<unknown>[]>();
  private readonly entries = new Map<string, Set<string>>();

  constructor(readonly side: Side) {
    for (const object of side.objects) this.add(withTexts(object));
  }

  private add(object: KubernetesObject): void {
    const { kind, apiVersion, metadata } = object;
    if (!isKind(kind) || !KINDS[kind][0].test(apiVersion)) return;
    const namespace = metadata.namespace ?? "default";
    this.entries.set(kind, (this.entries.get(kind) ?? new Set()).add(`${namespace}/${metadata.name}`));
    if (JSON.stringify(object.spec ?? null).includes(UNKNOWN)) {
      this.notLookedAt.add(`${keyOf(object)}, of which a value is known only after an update`);
      return;
    }
    const parsed = z.safeParse(KINDS[kind][1], withoutNull(object.spec ?? {}));
    if (!parsed.success) {
      for (const { path, message } of parsed.error.issues)
        this.malformed.push({ object, field: fieldOf(["spec", ...path]), message: wordsOf(message) });
      return;
    }
    const list = this.read.get(kind) ?? [];
    list.push({ object, key: keyOf(object), name: metadata.name, namespace, spec: parsed.data });
    this.read.set(kind, list);
  }

  all<K extends Kind>(kind: K): readonly Read<Spec<K>>[] {
    return (this.read.get(kind) ?? []) as Read<Spec<K>>[];
  }

  /** Whether an object is among those of the side, whatever is in it. */
  has(kind: Kind, namespace: string, name: string): boolean {
    return this.entries.get(kind)?.has(`${namespace}/${name}`) ?? false;
  }

  readonly workloads = lazily((): readonly Workload[] => [
    ...(["Deployment", "StatefulSet", "DaemonSet"] as const).flatMap((kind) =>
      this.all(kind).map(({ spec: { template }, ...read }) => ({
        ...read,
        spec: template?.spec ?? {},
        labels: template?.metadata?.labels ?? {},
        annotations: template?.metadata?.annotations ?? {},
        template: "spec.template.",
      })),
    ),
    ...this.all("Pod")
      // One of a Deployment is seen there.
      .filter(({ object }) => !("ownerReferences" in object.metadata))
      .map((read) => ({
        ...read,
        labels: read.object.metadata.labels ?? {},
        annotations: read.object.metadata.annotations ?? {},
        template: "",
      })),
  ]);

  /** The workloads with these labels. Default namespace: any. */
  selected(labels: Labels = {}, namespace?: string): readonly Workload[] {
    return this.workloads().filter(
      (workload) =>
        (namespace === undefined || workload.namespace === namespace) && hasLabels(workload.labels, labels),
    );
  }

  /** A side that has this namespace, which nobody writes down, is a cluster. */
  private readonly isCluster = lazily(() => this.has("Namespace", "default", "kube-system"));

  /** Whether the side has what is in a namespace. The objects of a Release are not seen. */
  private knows(kinds: readonly Kind[], namespace: string): boolean {
    if (this.all("Release").some((release) => release.namespace === namespace)) return false;
    return (
      this.isCluster() || kinds.some((kind) => this.all(kind).some((one) => one.namespace === namespace))
    );
  }

  knowsServices = (namespace: string): boolean => this.asked("Services", ["Service"], namespace);
  knowsWorkloads = (namespace: string): boolean =>
    this.asked("workloads", ["Deployment", "StatefulSet", "DaemonSet", "Pod"], namespace);
  knowsGateways = (namespace: string): boolean => this.asked("Gateways", ["Gateway"], namespace);
  knowsSecrets = (namespace: string): boolean => this.asked("Secrets", ["Secret"], namespace);
  knowsNamespaces(): boolean {
    if (!this.isCluster()) this.notLookedAt.add("references to namespaces: the side is no whole cluster");
    return this.isCluster();
  }

  private asked(what: string, kinds: readonly Kind[], namespace: string): boolean {
    const known = this.knows(kinds, namespace);
    if (!known)
      this.notLookedAt.add(`references to ${what} in namespace ${namespace}: the side may not have them`);
    return known;
  }

  /** The labels of a Namespace; undefined for one that the side does not have. */
  namespaceLabels(name: string): Labels | undefined {
    const found = this.all("Namespace").find((namespace) => namespace.name === name);
    return found && (found.object.metadata.labels ?? {});
  }

  /** Whether pods get a sidecar; undefined where the side does not say (Istio: the injector's webhook, with its defaults). */
  isInjected({ labels, annotations, namespace }: Workload): boolean | undefined {
    const own = labels["sidecar.istio.io/inject"] ?? annotations["sidecar.istio.io/inject"];
    if (own === "false") return false;
    const around = this.namespaceLabels(namespace);
    if (around?.["istio-injection"] === "disabled") return false;
    if (own === "true" || labels["istio.io/rev"]) return true;
    return around && (around["istio-injection"] === "enabled" || Boolean(around["istio.io/rev"]));
  }

  /** What stands behind a host that an object in a namespace names. Undefined: the side may not have it. */
  lookup(host: string, from: string): Registered | "missing" | undefined {
    const key = `${host} ${from}`;
    if (!this.lookedUp.has(key)) this.lookedUp.set(key, this.find(host, from));
    return this.lookedUp.get(key);
  }

  private readonly lookedUp = new Map<string, Registered | "missing" | undefined>();

  private find(host: string, from: string): Registered | "missing" | undefined {
    const full = fullHost(host, from);
    const named = serviceOf(full);
    const service =
      named &&
      this.all("Service").find((one) => one.name === named.name && one.namespace === named.namespace);
    if (service) return { ports: (service.spec.ports ?? []).map(({ port }) => port) };
    if (named && this.has("Service", named.namespace, named.name)) return undefined;
    const entry = this.all("ServiceEntry").find(
      ({ namespace, spec }) =>
        isExported(spec.exportTo ?? [], namespace, from) &&
        (spec.hosts ?? []).some((one) => hasHosts(one, full) || hasHosts(full, one)),
    );
    if (entry) return { ports: (entry.spec.ports ?? []).map(({ number }) => number) };
    if (named) return this.knowsServices(named.namespace) ? "missing" : undefined;
    const [name = "", namespace = ""] = full.split(".");
    if (this.has("Service", namespace, name)) return "missing";
    return this.asked("ServiceEntries", ["ServiceEntry"], from) ? "missing" : undefined;
  }
}

/** With labels and annotations that are texts, so that no rule fails at what YAML took for something else (`"yes"` without quotes). */
function withTexts(object: KubernetesObject): KubernetesObject {
  const texts = (map: object | null | undefined): Labels =>
    Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, String(value)]));
  const { labels, annotations } = object.metadata;
  return {
    ...object,
    metadata: { ...object.metadata, labels: texts(labels), annotations: texts(annotations) },
  };
}

const isKind = (kind: string): kind is Kind => Object.hasOwn(KINDS, kind);

function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNull(one)]])),
  );
}

/** Of zod, as a sentence. */
const wordsOf = (message: string): string =>
  `${message.replace(/^Invalid input: e/, "E").replace("undefined", "nothing")}.`;

/** `spec.http[0].route`. */
const fieldOf = (path: readonly PropertyKey[]): string =>
  path.map((key, i) => (typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${String(key)}`)).join("");

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
