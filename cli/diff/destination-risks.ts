/** Risks of destinations: that nobody answers there, or other pods than before. */
import type { Destination } from "../../components/istio/virtual-service";
import { keyOf, qualifiedName, type KubernetesObject } from "../side";
import { ofKind } from "./istio-objects";
import { podsBehind, serviceOf } from "./pods";
import type { Risk } from "./report";
import { risk } from "./risks";
import { ruleName } from "./rules";

/** Of a side: what each destination of each rule of a VirtualService is. */
export interface Sent {
  readonly virtualService: string;
  readonly namespace: string;
  readonly rule: string;
  readonly destination: Destination;
}

/** Destinations that get requests. */
export function sent(objects: readonly KubernetesObject[]): Sent[] {
  return ofKind(objects, "VirtualService").flatMap((object) =>
    (object.spec.http ?? []).flatMap((rule, index) =>
      (rule.route ?? [])
        .filter(({ weight }) => rule.route?.length === 1 || (weight ?? 0) > 0)
        .map(({ destination }) => ({
          virtualService: qualifiedName(object),
          namespace: object.metadata.namespace ?? "",
          rule: ruleName(rule, index),
          destination,
        })),
    ),
  );
}

/** A destination by the service that its host means. */
function destinationKey({ namespace, destination: { host, subset = "" } }: Sent): string {
  const service = serviceOf(host, namespace);
  return `${service ? `${service.namespace}/${service.name}` : host} ${subset}`;
}

/** Requests that no pod answers, of rules whose requests were answered before. */
export function unanswered(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const earlier = new Set(missing(before).map(({ key }) => key));
  const found = missing(after, subsetsByHost(before)).filter(({ key }) => !earlier.has(key));
  // A destination that several rules have is told once.
  return [
    ...new Map(found.map(({ risk: one, destination }) => [`${one.code} ${destination}`, one])).values(),
  ];
}

interface Missing {
  readonly risk: Risk;
  readonly destination: string;
  /** Of the risk, the rule and the destination. */
  readonly key: string;
}

/** `known`: the subsets of another side, where a DestinationRule that is not here was. */
function missing(
  objects: readonly KubernetesObject[],
  known?: (host: string, namespace: string) => ReadonlySet<string> | undefined,
): Missing[] {
  const pods = podsBehind(objects);
  const subsets = subsetsByHost(objects);
  return sent(objects).flatMap((one): Missing[] => {
    const { namespace, rule, virtualService, destination } = one;
    const { host, subset } = destination;
    const say = (code: "W001" | "W002", why: string): Missing[] => {
      const own = destinationKey(one);
      const key = `${code} ${virtualService} ${rule} ${own}`;
      return [{ risk: risk(code, `rule ${rule}`, why), destination: own, key }];
    };
    // Without a DestinationRule of the host on either side, it may stand elsewhere.
    const named =
      subsets(host, namespace) ?? (known?.(host, namespace)?.has(subset ?? "") ? new Set() : undefined);
    if (subset && named && !named.has(subset)) {
      const why = `Rule ${rule} sends requests to ${subset} of ${host}, and no DestinationRule has this subset: they get 503.`;
      return say("W002", why);
    }
    const behind = pods(destination, namespace);
    if (behind?.count !== 0 || !hasWorkloads(objects, serviceOf(host, namespace)?.namespace)) return [];
    const name = subset ?? serviceOf(host, namespace)?.name ?? host;
    return say("W001", `Rule ${rule} sends requests to ${name}, which has no pods: they get 503.`);
  });
}

/** Whether the objects of a namespace have workloads at all; else they are elsewhere. */
const hasWorkloads = (objects: readonly KubernetesObject[], namespace: string | undefined): boolean =>
  objects.some(
    ({ kind, metadata }) => /^(Deployment|StatefulSet)$/.test(kind) && metadata.namespace === namespace,
  );

/** Destinations of both sides that lead to other workloads: by other labels of a subset, or another selector of a Service. */
export function otherPods(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const [old, now] = [podsBehind(before), podsBehind(after)];
  const earlier = new Map(sent(before).map((one) => [destinationKey(one), one]));
  const found = new Map<string, Risk>();
  for (const one of sent(after)) {
    const key = destinationKey(one);
    const was = earlier.get(key);
    const [a, b] = [was && old(was.destination, was.namespace), now(one.destination, one.namespace)];
    if (!a || !b) continue;
    const [from, to] = [a, b].map(({ workloads }) => workloads.map(keyOf).sort().join(", "));
    if (from === to || from === "" || to === "") continue;
    const name = one.destination.subset ?? one.destination.host;
    found.set(
      key,
      risk(
        "W015",
        `rule ${one.rule}`,
        `Requests to ${name} go to the pods of ${to ?? ""}, and went to those of ${from ?? ""}.`,
      ),
    );
  }
  return [...found.values()];
}

function subsetsByHost(
  objects: readonly KubernetesObject[],
): (host: string, namespace: string) => ReadonlySet<string> | undefined {
  const key = (host: string, namespace: string): string => {
    const service = serviceOf(host, namespace);
    return service ? `${service.namespace}/${service.name}` : host;
  };
  const found = new Map<string, Set<string>>();
  for (const { metadata, spec } of ofKind(objects, "DestinationRule")) {
    if (spec.host === undefined) continue;
    const own = key(spec.host, metadata.namespace ?? "");
    const names = found.get(own) ?? new Set();
    for (const { name } of spec.subsets ?? []) names.add(name);
    found.set(own, names);
  }
  return (host, namespace) => found.get(key(host, namespace));
}
