/** Which pods stand behind a destination of a rule, as the objects of a side say. */
import type { Destination } from "../../components/istio/virtual-service";
import { isObject, type KubernetesObject } from "../side";

import { hasLabels, ofKind, type WithSpec, type WrittenWorkload } from "./istio-objects";

type Workload = WithSpec<WrittenWorkload>;

/** Of a destination. */
export interface Pods {
  /** At least this many: of an autoscaler its `minReplicas`. */
  readonly count: number;
  readonly workloads: readonly Workload[];
}

/** Where a host name of the cluster points to. `namespace` is that of the rule. */
export function serviceOf(host: string, namespace: string): { name: string; namespace: string } | undefined {
  const [name = "", own = namespace, ...rest] = host.split(".");
  const known = rest.length === 0 || rest[0] === "svc";
  return known && name !== "" && name !== "*" ? { name, namespace: own } : undefined;
}

/** Looks up the pods of destinations. Undefined where the objects do not say: no Service, or no selector, or no subset. */
export function podsBehind(
  objects: readonly KubernetesObject[],
): (destination: Destination, namespace: string) => Pods | undefined {
  const services = ofKind(objects, "Service");
  const rules = ofKind(objects, "DestinationRule");
  const workloads = [...ofKind(objects, "Deployment"), ...ofKind(objects, "StatefulSet")];
  const autoscalers = ofKind(objects, "HorizontalPodAutoscaler");

  const subsetLabels = (service: { name: string; namespace: string }, subset: string) =>
    rules
      .filter(({ spec, metadata }) => {
        const to = spec.host === undefined ? undefined : serviceOf(spec.host, metadata.namespace ?? "");
        return to?.name === service.name && to.namespace === service.namespace;
      })
      .flatMap(({ spec }) => spec.subsets ?? [])
      .find(({ name }) => name === subset)?.labels;

  const replicas = ({ kind, metadata, spec }: Workload): number => {
    const autoscaler = autoscalers.find(
      (one) =>
        one.metadata.namespace === metadata.namespace &&
        one.spec.scaleTargetRef?.name === metadata.name &&
        (one.spec.scaleTargetRef.kind ?? kind) === kind,
    );
    // An autoscaler leaves a workload alone that has no replicas.
    if (autoscaler && spec.replicas !== 0) return autoscaler.spec.minReplicas ?? 1;
    return spec.replicas ?? 1;
  };

  return ({ host, subset }, namespace) => {
    const service = serviceOf(host, namespace);
    const found = services.find(
      ({ metadata }) => metadata.name === service?.name && metadata.namespace === service.namespace,
    );
    if (!service || !found?.spec.selector) return undefined;
    const labels = subset === undefined || subset === "" ? {} : subsetLabels(service, subset);
    if (!labels) return undefined;
    const wanted = { ...found.spec.selector, ...labels };
    // A DaemonSet or a Rollout has pods, too, and does not say how many.
    if (objects.some((object) => isOtherWorkload(object, service.namespace, wanted))) return undefined;
    const behind = workloads.filter(
      ({ metadata, spec }) =>
        metadata.namespace === service.namespace && hasLabels(spec.template?.metadata?.labels, wanted),
    );
    return { count: behind.reduce((sum, workload) => sum + replicas(workload), 0), workloads: behind };
  };
}

function isOtherWorkload(
  { kind, metadata, spec }: KubernetesObject,
  namespace: string,
  wanted: Readonly<Record<string, string>>,
): boolean {
  if (metadata.namespace !== namespace || /^(Deployment|StatefulSet|Job|CronJob)$/.test(kind)) return false;
  const template = isObject(spec) ? spec.template : undefined;
  const pod = isObject(template) ? template.metadata : undefined;
  const labels = isObject(pod) ? pod.labels : undefined;
  return isObject(labels) && Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** Container images of a workload, by container. */
export const images = ({ spec }: Workload): Readonly<Record<string, string>> =>
  Object.fromEntries((spec.template?.spec?.containers ?? []).map(({ name, image }) => [name, image ?? ""]));
