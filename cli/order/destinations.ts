/** What becomes of a request behind a gateway, as the objects of a view say: at the cluster, the pods and their policies. */
import type { RoutedDestination } from "../../components/simulator";
import { authorization, type WrittenPolicy } from "../../components/simulator/authorization";
import { hasLabels, ofKind } from "../diff/istio-objects";
import { podsBehind, serviceOf } from "../diff/pods";
import { isObject, type KubernetesObject } from "../side";

/** A request as the pods get it. */
export interface Arriving {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Namespace of the gateway's pods. */
  readonly from: string;
}

export type Found =
  /** No Service, port or subset: Envoy answers 503. */
  | { readonly kind: "no cluster" }
  | { readonly kind: "no pods" }
  | { readonly kind: "refused" }
  /** At least one pod. */
  | { readonly kind: "pods"; readonly count: number }
  /** The objects do not say. */
  | { readonly kind: "unknown" };

interface Port {
  readonly name?: string;
  readonly port?: number;
  readonly targetPort?: string | number;
}

export function destinationsOf(
  objects: readonly KubernetesObject[],
): (destination: RoutedDestination, request: Arriving) => Found {
  const pods = podsBehind(objects);
  const services = ofKind(objects, "Service");
  const subsets = ofKind(objects, "DestinationRule");
  const policies = objects.filter(({ kind }) => kind === "AuthorizationPolicy");
  const decided = new Map<string, ReturnType<typeof authorization>>();
  const guard = (namespace: string, labels: Readonly<Record<string, string>>) => {
    const key = `${namespace} ${JSON.stringify(labels)}`;
    let found = decided.get(key);
    if (!found) {
      const own = policies.filter(
        ({ metadata, spec }) => metadata.namespace === namespace && hasLabels(labels, selectorOf(spec)),
      );
      decided.set(key, (found = authorization(own as unknown as WrittenPolicy[])));
    }
    return found;
  };
  return ({ host, subset, port }, { from, ...request }) => {
    const named = serviceOf(host, "");
    const service = services.find(
      ({ metadata }) => metadata.name === named?.name && metadata.namespace === named.namespace,
    );
    if (!named || !service) return { kind: "unknown" };
    const ports = (service.spec as { readonly ports?: readonly Port[] }).ports ?? [];
    const own = port === undefined ? ports[0] : ports.find((one) => one.port === port);
    if (!own) return { kind: "no cluster" };
    const isThere = ({ spec }: (typeof subsets)[number]): boolean =>
      spec.host === host && (spec.subsets ?? []).some(({ name }) => name === subset);
    if (subset !== undefined && !subsets.some(isThere)) return { kind: "no cluster" };
    const behind = pods(subset === undefined ? { host } : { host, subset }, named.namespace);
    if (!behind) return { kind: "unknown" };
    if (behind.count === 0) return { kind: "no pods" };
    const isRefused = behind.workloads.some(({ spec }) => {
      const labels = spec.template?.metadata?.labels ?? {};
      const at = containerPort(spec.template?.spec, own);
      // Gateways of the chart have the account of their name; a policy that names another is not about them.
      const principal = `cluster.local/ns/${from}/sa/istio-ingressgateway`;
      const arriving = { ...request, principal, ...(at !== undefined && { port: at }) };
      return guard(named.namespace, labels)(arriving) !== undefined;
    });
    return isRefused ? { kind: "refused" } : { kind: "pods", count: behind.count };
  };
}

function selectorOf(spec: unknown): Readonly<Record<string, string>> {
  const selector = isObject(spec) ? spec.selector : undefined;
  const labels = isObject(selector) ? selector.matchLabels : undefined;
  return isObject(labels) ? (labels as Readonly<Record<string, string>>) : {};
}

/** Kubernetes: a Service's `targetPort` is a number, or the name of a port of the pod. */
function containerPort(pod: unknown, { port, targetPort = port }: Port): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  const containers = isObject(pod) && Array.isArray(pod.containers) ? pod.containers.filter(isObject) : [];
  const ports = containers.flatMap((one) => (Array.isArray(one.ports) ? one.ports.filter(isObject) : []));
  const found = ports.find(({ name }) => name === targetPort)?.containerPort;
  return typeof found === "number" ? found : undefined;
}
