/** Makes `pulumi preview` say what an edit does to requests and to the pods that answer them. */
import * as pulumi from "@pulumi/pulumi";
import { routeChanges, routeChangeText, UNKNOWN, type ComparedSpec } from "../traffic/route-change";
import { imageRisk, rises, routeRisks, writtenMaxStep } from "../traffic/route-risks";
import { workloadChanges, type ComparedWorkload } from "./workload-change";

interface ServiceKey {
  readonly name: string;
  readonly namespace: string;
}

/** What a preview has seen of a service. Its routes and its versions may be compared in any order. */
interface Seen {
  readonly pods: Map<string, number>;
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
  const seen = services.get(key) ?? { pods: new Map(), newImages: new Set(), rising: new Set() };
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

/** What `compare` finds goes to the log below `component`. Only a preview has the hook; Pulumi's mocks cannot register any. */
function previewHook(
  name: string,
  component: pulumi.Resource,
  compare: (before: unknown, after: unknown) => { readonly lines: string[]; readonly risks: string[] },
): pulumi.ResourceHook | undefined {
  if (!pulumi.runtime.isDryRun() || pulumi.runtime.getEngine() === undefined) return undefined;
  const callback = async ({ oldInputs, newInputs }: pulumi.ResourceHookArgs): Promise<void> => {
    try {
      const { lines, risks } = compare(plain(oldInputs), plain(newInputs));
      // A preview that fails right after this hook takes no more messages.
      await Promise.all([
        ...lines.map((line) => pulumi.log.info(line, component)),
        ...risks.map((risk) => pulumi.log.warn(risk, component)),
      ]);
    } catch (error) {
      // A preview does not fail because of what it says.
      await pulumi.log.debug(`no comparison of ${name}: ${String(error)}`, component);
    }
  };
  return new pulumi.ResourceHook(name, callback, { onDryRun: true });
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
    const { pods, newImages, rising } = seenOf(service);
    for (const { to } of changes.flatMap(rises)) rising.add(to);
    const maxStep = writtenMaxStep(now.metadata.annotations);
    return {
      lines: changes.map((change) => prefix + routeChangeText(change)),
      risks: routeRisks(changes, { ...(maxStep !== undefined && { maxStep }), pods, newImages }),
    };
  });
}

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
    const { texts, newImage } = workloadChanges(before as ComparedWorkload, after as ComparedWorkload);
    if (newImage) newImages.add(version);
    return {
      lines: texts.map((text) => `${service.name} ${version}: ${text}`),
      risks: newImage && rising.has(version) ? [imageRisk(version)] : [],
    };
  });
}

/** Inputs as a hook gets them, with {@link UNKNOWN} for what is known only after `up`, and a word for a secret. */
function plain(value: unknown): unknown {
  if (pulumi.isUnknown(value)) return UNKNOWN;
  if (pulumi.Output.isInstance(value)) return "[secret]";
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, plain(of)]));
}
