/** Makes `pulumi preview` say what an edit does to requests and to the pods that answer them, and what takes two edits. */
import * as pulumi from "@pulumi/pulumi";
import { previewHook } from "../readiness/preview-hook";
import { routeChanges, routeChangeText, type ComparedSpec, type RouteChange } from "../traffic/route-change";
import { imageRisk, rises, routeRisks, writtenMaxStep } from "../traffic/route-risks";
import { isShortOfPods, otherPort, shortOfPods, twoEditsText, type Change } from "../traffic/two-edits";
import { otherScale, workloadChanges, type ComparedWorkload } from "./workload-change";

interface ServiceKey {
  readonly name: string;
  readonly namespace: string;
}

/** What a preview has seen of a service. Its routes and its versions may be compared in any order. */
interface Seen {
  readonly pods: Map<string, number>;
  /** Version → its shares and its numbers of pods, where they fall. */
  readonly falls: Map<string, { share?: Change<number>; pods?: Change<number> }>;
  readonly newImages: Set<string>;
  readonly rising: Set<string>;
}

/** By the root resource of a run, since the Automation API runs several programs in one process. */
const runs = new WeakMap<object, Map<string, Seen>>();

function seenOf({ name, namespace }: ServiceKey): Seen {
  const run = pulumi.runtime.getStackResource() ?? runs;
  const services = runs.get(run) ?? new Map<string, Seen>();
  runs.set(run, services);
  const key = `${namespace}/${name}`;
  const seen = services.get(key) ?? {
    pods: new Map(),
    falls: new Map(),
    newImages: new Set(),
    rising: new Set(),
  };
  services.set(key, seen);
  return seen;
}

/** The hooks of a resource's update, of which some may be absent. */
export function beforeUpdate(
  ...hooks: readonly (pulumi.ResourceHook | undefined)[]
): pulumi.ResourceHookBinding | undefined {
  const present = hooks.filter((hook) => hook !== undefined);
  return present.length > 0 ? { beforeUpdate: present } : undefined;
}

interface ComparedRoute {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: ComparedSpec;
}

/** Hook before the update of a VirtualService. `prefix` begins each line. */
export function routePreview(
  name: string,
  service: ServiceKey,
  component: pulumi.Resource,
  prefix = "",
): pulumi.ResourceHook | undefined {
  return previewHook(`${name}-preview`, component, (before, after) => {
    const [old, now] = [before as ComparedRoute, after as ComparedRoute];
    const changes = routeChanges(old.spec, now.spec);
    const seen = seenOf(service);
    const { pods, newImages, rising } = seen;
    for (const { to } of changes.flatMap(rises)) rising.add(to);
    const maxStep = writtenMaxStep(now.metadata.annotations);
    return {
      lines: changes.map((change) => prefix + routeChangeText(change)),
      risks: [
        ...routeRisks(changes, { ...(maxStep !== undefined && { maxStep }), pods, newImages }),
        ...changes.flatMap(falls).flatMap(({ to, share }) => fewerPodsAndRequests(seen, to, { share })),
        ...changedPort(service.name, old.spec, now.spec),
      ],
    };
  });
}

/** The shares of a rule that fall, and that are known. */
function falls(change: RouteChange): { readonly to: string; readonly share: Change<number> }[] {
  if (change.kind !== "changed") return [];
  return change.shares.flatMap(({ to, before = 0, after = before }) =>
    after < before ? [{ to, share: [before, after] as const }] : [],
  );
}

/** What is known of a version, once both its requests and its pods have been compared. */
function fewerPodsAndRequests(
  { falls: known }: Seen,
  version: string,
  fall: { readonly share?: Change<number>; readonly pods?: Change<number> },
): string[] {
  const { share, pods } = { ...known.get(version), ...fall };
  known.set(version, { ...known.get(version), ...fall });
  return share && pods && isShortOfPods(pods, share) ? [twoEditsText(shortOfPods(version, pods, share))] : [];
}

function changedPort(service: string, before: ComparedSpec, after: ComparedSpec): string[] {
  const [old, now] = [before, after].map((spec) => portOf(spec));
  return old === undefined || now === undefined || old === now
    ? []
    : [twoEditsText(otherPort(service, [old, now]))];
}

function portOf({ http }: ComparedSpec): number | undefined {
  const text = JSON.stringify(http ?? []);
  const [, port] = /"destination":\{[^{}]*"port":\{"number":(\d+)\}/.exec(text) ?? [];
  return port === undefined ? undefined : Number(port);
}

/** Hook before the update of the autoscaler of a version. */
export function autoscalerPreview(
  name: string,
  service: ServiceKey,
  version: string,
  component: pulumi.Resource,
): pulumi.ResourceHook | undefined {
  return previewHook(`${name}-preview`, component, (before, after) => {
    const pods = [before, after].map(
      (one) => (one as { spec?: { minReplicas?: number } }).spec?.minReplicas ?? 1,
    );
    return { lines: [], risks: fewerPods(service, version, pods as unknown as Change<number>) };
  });
}

const fewerPods = (service: ServiceKey, version: string, pods: Change<number>): string[] =>
  pods[1] < pods[0] ? fewerPodsAndRequests(seenOf(service), version, { pods }) : [];

/** Hook before the update of the Deployment of a version. `pods` is the lowest number of its pods. */
export function workloadPreview(
  name: string,
  service: ServiceKey,
  version: string,
  pods: number,
  component: pulumi.Resource,
): pulumi.ResourceHook | undefined {
  const { pods: known, newImages, rising } = seenOf(service);
  known.set(version, pods);
  return previewHook(`${name}-preview`, component, (before, after) => {
    const [old, now] = [before, after].map((one) => (one as ComparedWorkload).spec?.replicas);
    const { texts, newImage } = workloadChanges(before as ComparedWorkload, after as ComparedWorkload);
    if (newImage) newImages.add(version);
    return {
      lines: texts.map((text) => `${service.name} ${version}: ${text}`),
      risks: [
        ...(newImage && rising.has(version) ? [imageRisk(version)] : []),
        ...otherScale(before as ComparedWorkload, after as ComparedWorkload, {
          name: `${service.name}-${version}`,
          namespace: service.namespace,
        }),
        ...fewerPods(service, version, [old ?? 0, now ?? 0]),
      ],
    };
  });
}
