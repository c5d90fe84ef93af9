/** Risks of destinations: that nobody answers there, or other pods than before. */
import type { Destination } from "../../components/istio/virtual-service";
import { keyOf, type KubernetesObject } from "../side";
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
  return ofKind(objects, "VirtualService").flatMap(({ metadata, spec }) =>
    (spec.http ?? []).flatMap((rule, index) =>
      (rule.route ?? [])
        .filter(({ weight }) => rule.route?.length === 1 || (weight ?? 0) > 0)
        .map(({ destination }) => ({
          virtualService: `${metadata.namespace ?? ""}/${metadata.name}`,
          namespace: metadata.namespace ?? "",
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
  const found = missing(after, new Set(missing(before).keys()), subsetsByHost(before));
  // A destination that several rules have is told once.
  return [...new Map([...found.values()].map((one) => [one.why.replace(/^Rule \S+/, ""), one])).values()];
}

/** By code, rule and destination. `known`: the subsets of another side, where a DestinationRule that is not here was. */
function missing(
  objects: readonly KubernetesObject[],
  without: ReadonlySet<string> = new Set(),
  known?: (host: string, namespace: string) => ReadonlySet<string> | undefined,
): Map<string, Risk> {
  const pods = podsBehind(objects);
  const subsets = subsetsByHost(objects);
  const found = new Map<string, Risk>();
  for (const one of sent(objects)) {
    const { namespace, rule, virtualService, destination } = one;
    const { host, subset } = destination;
    const say = (code: "W001" | "W002", why: string): void => {
      const key = `${code} ${virtualService} ${rule} ${destinationKey(one)}`;
      if (!without.has(key)) found.set(key, risk(code, `rule ${rule}`, why));
    };
    // Without a DestinationRule of the host on either side, it may stand elsewhere.
    const named =
      subsets(host, namespace) ?? (known?.(host, namespace)?.has(subset ?? "") ? new Set() : undefined);
    if (subset && named && !named.has(subset)) {
      say(
        "W002",
        `Rule ${rule} sends requests to ${subset} of ${host}, and no DestinationRule has this subset: they get 503.`,
      );
      continue;
    }
    const behind = pods(destination, namespace);
    if (behind?.count !== 0 || !hasWorkloads(objects, serviceOf(host, namespace)?.namespace)) continue;
    const name = subset ?? serviceOf(host, namespace)?.name ?? host;
    say("W001", `Rule ${rule} sends requests to ${name}, which has no pods: they get 503.`);
  }
  return found;
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
