import type { KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { setTimeout } from "node:timers/promises";
import { apiMessage } from "./api-server";
import { kubernetesAccess, type ClusterAccess } from "./cluster-access";
import { findObject, type ObjectReference } from "./find-object";
import { conflictReport, OWNER_MARK, ownerMark, verdictOn, type Conflict, type Lineage } from "./owner";
import { withoutStack } from "./without-stack";

/** Time limit for the API server's answer whether an object exists. */
const TIMEOUT_MS = 10_000;

/** Types of resources that are single Kubernetes objects. */
const OBJECT = /^kubernetes:(?!helm\.sh\/|kustomize|yaml)/;
/** A kind whose objects Pulumi replaces if their data changes. In a preview the old object still exists. */
const REPLACED = "ConfigMap";

interface Written extends ObjectReference {
  readonly metadata: ObjectReference["metadata"] & {
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

const guards = new Map<ClusterAccess | undefined, pulumi.ResourceTransformation>();
const lineages = new WeakMap<pulumi.Resource, Lineage>();
const lineageOf = new Map<string, Lineage>();
const conflicts: Conflict[] = [];
const registrations: Promise<void>[] = [];
let reporting: Promise<void> | undefined;
let warned = false;

/**
 * Options of a component that takes over no existing object. Every Kubernetes object below it gets the {@link OWNER_MARK} of this
 * stack, and is refused if the cluster has an object of that name and another owner. Without this check, Pulumi's provider up
 * to 4.28 writes over such an object, and `destroy` deletes it.
 *
 * Objects of charts are not checked, since Helm refuses those that its release does not own. With Pulumi's mocks nothing is checked.
 */
export function guarded(
  cluster: ClusterAccess | undefined,
  opts: pulumi.ComponentResourceOptions = {},
): pulumi.ComponentResourceOptions {
  if (pulumi.runtime.getEngine() === undefined) return opts;
  if (opts.parent && lineages.has(opts.parent)) return opts;
  if (cluster === undefined) unchecked("give the component the cluster of its provider (argument cluster)");
  return { ...opts, transformations: [...(opts.transformations ?? []), guard(cluster)] };
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
    void urn.then((known) => lineageOf.set(known, lineage));
    const mark = urn.then((known) => ownerMark(pulumi.getOrganization(), known));
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

/** Adds the mark to an object's metadata. Plain metadata stays plain, so that a preview shows the object as a whole. */
function marked(metadata: pulumi.Input<Metadata> = {}, mark: Promise<string>): pulumi.Input<Metadata> {
  if (isLater(metadata))
    return pulumi
      .output(metadata)
      .apply((known) => ({ ...known, annotations: { ...known.annotations, [OWNER_MARK]: mark } }));
  const { annotations = {} } = metadata;
  return {
    ...metadata,
    annotations: isLater(annotations)
      ? pulumi.output(annotations).apply((known) => ({ ...known, [OWNER_MARK]: mark }))
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
        if (live && !preview) noteInterrupted(kind, metadata.name ?? "");
        return;
      }
      if (preview && kind === REPLACED && isUnmarked(live?.metadata)) return;
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

/** Names the setting before the provider refuses the object, since the provider's message does not. */
function noteInterrupted(kind: string, name: string): void {
  void pulumi.log.info(
    `${kind} ${name} is what an interrupted update of this stack has made, and is gone on with. ` +
      "A provider from 4.29 on refuses it (already exists) unless kubernetes:upsertExistingObjects is true.",
  );
}

/** Whether Pulumi wrote an object before objects had a mark. */
function isUnmarked(live: KubernetesObject["metadata"]): boolean {
  return (
    live?.annotations?.[OWNER_MARK] === undefined &&
    live?.managedFields?.some(({ manager }) => manager?.startsWith("pulumi-kubernetes")) === true
  );
}

async function find(api: KubernetesObjectApi, object: Written): Promise<KubernetesObject | undefined> {
  const limit = new AbortController();
  try {
    return await Promise.race([
      findObject(api, object),
      setTimeout(TIMEOUT_MS, undefined, { signal: limit.signal, ref: false }).then(() => {
        throw new Error(`no answer within ${TIMEOUT_MS / 1000} s`);
      }),
    ]);
  } finally {
    limit.abort();
  }
}

function unchecked(why: string): void {
  if (warned) return;
  warned = true;
  void pulumi.log.warn(`The owners of existing objects could not be checked: ${why}`);
}

/** A preview checks all objects before it fails. */
function reportAfter(resource: pulumi.Resource): void {
  registrations.push(
    // The constructor, which has not ended, sets the URN. It resolves after the hooks.
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
  // Nothing catches this rejection, so Pulumi ends the program with it.
  if (conflicts.length > 0) throw withoutStack(new Error(conflictReport(conflicts.splice(0))));
}
