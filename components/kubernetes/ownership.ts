import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { setTimeout } from "node:timers/promises";
import { apiMessage, kubernetesAccess, type ClusterAccess } from "./cluster-access";
import { conflictReport, OWNER_MARK, ownerMark, verdictOn, type Conflict, type Lineage } from "./owner";
import { withoutStack } from "./without-stack";

/** How long the API server may take to say whether an object is there. */
const TIMEOUT_MS = 10_000;

/** What Kubernetes makes of a part of a program. */
const OBJECT = /^kubernetes:(?!helm\.sh\/|kustomize|yaml)/;
/** A change of their data replaces these: in a preview the old one is still there. */
const REPLACED = "ConfigMap";

interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The cluster of the ambient kubeconfig. */
const AMBIENT: ClusterAccess = {};
const guards = new Map<ClusterAccess | undefined, pulumi.ResourceTransformation>();
const lineages = new WeakMap<pulumi.Resource, Lineage>();
const lineageOf = new Map<string, Lineage>();
const conflicts: Conflict[] = [];
const registrations: Promise<void>[] = [];
let reporting: Promise<void> | undefined;
let warned = false;

/** What a component keeps in the state of its arguments: a kubeconfig may not be among them. */
export function withoutCluster<Args extends { readonly cluster?: ClusterAccess }>({
  cluster: _,
  ...inputs
}: Args): Omit<Args, "cluster"> {
  return inputs;
}

/**
 * The options of a component that takes over nothing: every Kubernetes object below it is marked as this stack's and, before it
 * is created, looked for in the cluster. (Pulumi's provider writes over what has the same name, and deletes it at the end.)
 *
 * Charts are left to Helm, which refuses what another release or nobody's hand owns. With Pulumi's mocks nothing is done.
 */
export function guarded(
  cluster: ClusterAccess | undefined,
  opts: pulumi.ComponentResourceOptions = {},
): pulumi.ComponentResourceOptions {
  if (pulumi.runtime.getEngine() === undefined) return opts;
  if (opts.parent && lineages.has(opts.parent)) return opts;
  const ownProvider =
    opts.provider ?? opts.providers ?? opts.parent?.getProvider("kubernetes:core/v1:Namespace");
  const asked = cluster ?? (ownProvider === undefined ? AMBIENT : undefined);
  if (asked === undefined) unchecked("give the component the cluster of its provider (argument cluster)");
  return { ...opts, transformations: [...(opts.transformations ?? []), guard(asked)] };
}

function guard(cluster: ClusterAccess | undefined): pulumi.ResourceTransformation {
  const known = guards.get(cluster);
  if (known) return known;
  const hook = cluster && beforeCreate(`shopzier-mesh-ownership-${guards.size}`, cluster);
  const made: pulumi.ResourceTransformation = ({ resource, type, name, props, opts }) => {
    const { parent } = opts;
    const lineage = [...((parent && lineages.get(parent)) ?? []), { type, name }];
    if (!OBJECT.test(type)) {
      lineages.set(resource, lineage);
      return undefined;
    }
    const options = opts as pulumi.CustomResourceOptions;
    if (options.id !== undefined) return undefined;
    const urn = new Promise<string>((resolve) => {
      pulumi.createUrn(name, type, parent).apply(resolve);
    });
    void urn.then((its) => lineageOf.set(its, lineage));
    const mark = urn.then((its) => ownerMark(pulumi.getOrganization(), its));
    if (hook && pulumi.runtime.isDryRun()) reportAfter(resource);
    return {
      props: { ...props, metadata: marked((props as { metadata?: pulumi.Input<Metadata> }).metadata, mark) },
      opts: {
        ...options,
        ...(hook && {
          hooks: { ...options.hooks, beforeCreate: [hook, ...(options.hooks?.beforeCreate ?? [])] },
        }),
      },
    };
  };
  guards.set(cluster, made);
  return made;
}

type Annotations = Readonly<Record<string, pulumi.Input<string>>>;
interface Metadata {
  readonly annotations?: pulumi.Input<Annotations>;
}

/** Only what is an output itself becomes one: a preview shows an object whole. */
function marked(metadata: pulumi.Input<Metadata> = {}, mark: Promise<string>): pulumi.Input<Metadata> {
  if (isLater(metadata))
    return pulumi
      .output(metadata)
      .apply((its) => ({ ...its, annotations: { ...its.annotations, [OWNER_MARK]: mark } }));
  const { annotations = {} } = metadata;
  return {
    ...metadata,
    annotations: isLater(annotations)
      ? pulumi.output(annotations).apply((its) => ({ ...its, [OWNER_MARK]: mark }))
      : { ...annotations, [OWNER_MARK]: mark },
  };
}

function isLater<T>(value: pulumi.Input<T>): value is Promise<T> | pulumi.OutputInstance<T> {
  return pulumi.Output.isInstance(value) || value instanceof Promise;
}

function beforeCreate(name: string, cluster: ClusterAccess): pulumi.ResourceHook {
  let api: Promise<KubernetesObjectApi> | undefined;
  return new pulumi.ResourceHook(
    name,
    async ({ urn, newInputs }) => {
      const written = newInputs as Written;
      const mark = written.metadata.annotations?.[OWNER_MARK];
      if (mark === undefined || written.metadata.name === undefined) return;
      let live: KubernetesObject | undefined;
      try {
        api ??= kubernetesAccess(cluster).then(({ client, config }) =>
          client.KubernetesObjectApi.makeApiClient(config),
        );
        live = await find(await api, written);
      } catch (error) {
        unchecked(apiMessage(error));
        return;
      }
      const verdict = verdictOn(live?.metadata, mark);
      const { kind, metadata } = written;
      const preview = pulumi.runtime.isDryRun();
      if (verdict.kind === "free") {
        if (live && !preview) goesOn(kind, metadata.name ?? "");
        return;
      }
      if (preview && kind === REPLACED && ofPulumi(live?.metadata)) return;
      const conflict: Conflict = {
        kind,
        name: written.metadata.name,
        namespace: metadata.namespace,
        urn,
        lineage: lineageOf.get(urn) ?? [],
        verdict,
      };
      if (!preview) throw withoutStack(new Error(conflictReport([conflict])));
      conflicts.push(conflict);
    },
    { onDryRun: true },
  );
}

/** Said beforehand, since the provider's own refusal would not name the way on. */
function goesOn(kind: string, name: string): void {
  void pulumi.log.info(
    `${kind} ${name} is what an interrupted update of this stack has made, and is gone on with. ` +
      "A provider from 4.29 on refuses it (already exists) unless kubernetes:upsertExistingObjects is true.",
  );
}

/** Written by Pulumi before objects were marked. */
function ofPulumi(live: KubernetesObject["metadata"]): boolean {
  return (
    live?.annotations?.[OWNER_MARK] === undefined &&
    live?.managedFields?.some(({ manager }) => manager?.startsWith("pulumi-kubernetes")) === true
  );
}

async function find(
  api: KubernetesObjectApi,
  { apiVersion, kind, metadata: { name = "", namespace } }: Written,
): Promise<KubernetesObject | undefined> {
  const limit = new AbortController();
  try {
    return await Promise.race([
      api.read({ apiVersion, kind, metadata: { name, namespace } }),
      setTimeout(TIMEOUT_MS, undefined, { signal: limit.signal, ref: false }).then(() => {
        throw new Error(`no answer within ${TIMEOUT_MS / 1000} s`);
      }),
    ]);
  } catch (error) {
    // Neither is there what has no kind yet (a chart brings it), nor what has no namespace.
    const { code, message } = error as { code?: number; message: string };
    if (code === 404 || message.includes("Unrecognized API version and kind")) return undefined;
    throw error;
  } finally {
    limit.abort();
  }
}

function unchecked(why: string): void {
  if (warned) return;
  warned = true;
  void pulumi.log.warn(`Whether what is about to be created is somebody else's could not be checked: ${why}`);
}

/** A preview goes through all objects before it fails. */
function reportAfter(resource: pulumi.Resource): void {
  registrations.push(
    // The URN comes with the constructor, which has not ended, and is known once the hooks have run.
    Promise.resolve().then(
      () =>
        new Promise((resolve) => {
          resource.urn.apply(() => {
            resolve();
          });
        }),
    ),
  );
  reporting ??= report();
}

async function report(): Promise<void> {
  for (let seen = -1; seen < registrations.length;) {
    seen = registrations.length;
    await Promise.all(registrations);
  }
  reporting = undefined;
  // Left to Pulumi, which ends the program with it.
  if (conflicts.length > 0) throw withoutStack(new Error(conflictReport(conflicts.splice(0))));
}
