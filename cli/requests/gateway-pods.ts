/** Which pods are gateways: their labels say which Gateways, policies and filters are for them. */
import { hasLabels } from "../diff/istio-objects";
import type { KubernetesObject } from "../side";
import type { DecidingObjects } from "./deciding-objects";
import { chartOf, textAt, textsAt, trustedProxiesOf } from "./mesh-settings";

export type Labels = Readonly<Record<string, string>>;

/** A pod of a gateway, as far as it is known. */
export interface GatewayPod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly trustedProxies?: number | undefined;
  readonly notLookedAt: readonly string[];
}

/** Of the workloads that are shown, else one for each selector of a Gateway. */
export function gatewayPods({ side, gateways, policies, envoyFilters }: DecidingObjects): GatewayPod[] {
  const selectors = gateways.map((one) => textsAt(one, "spec", "selector"));
  const shown = side.objects
    .flatMap(workloadOf)
    .filter(({ labels }) =>
      selectors.some((selector) => Object.keys(selector).length > 0 && hasLabels(labels, selector)),
    );
  const assumed = new Map<string, GatewayPod>();
  for (const { metadata, spec } of gateways) {
    const labels = textsAt(spec, "selector");
    if (shown.some((pod) => hasLabels(pod.labels, labels))) continue;
    const text = Object.entries(labels)
      .map((entry) => entry.join("="))
      .sort()
      .join(",");
    if (assumed.has(text)) continue;
    // Where the pods are is seen by what else is for them.
    const others = [
      ...side.objects
        .filter(({ kind }) => kind === "Service")
        .map((one) => [one, textsAt(one, "spec", "selector")] as const),
      ...policies.map((one) => [one, textsAt(one, "spec", "selector", "matchLabels")] as const),
      ...envoyFilters.map((one) => [one, textsAt(one, "spec", "workloadSelector", "labels")] as const),
    ];
    const neighbour = others.find(
      ([, selected]) => Object.keys(selected).length > 0 && hasLabels(labels, selected),
    );
    const namespace = neighbour?.[0].metadata.namespace ?? metadata.namespace ?? "default";
    const name = `gateway ${text || "of every proxy"}`;
    assumed.set(text, {
      name,
      namespace,
      labels,
      notLookedAt: [`the pods of ${name}, which are taken to be in namespace ${namespace}`],
    });
  }
  return [...shown, ...assumed.values()];
}

/** A workload that may be a gateway. */
export function workloadOf(object: KubernetesObject): GatewayPod[] {
  const { kind, metadata } = object;
  if (kind === "Release" && /(^|\/)gateway$/.test(chartOf(object))) {
    const name = textAt(object, "spec", "values", "name") ?? textAt(object, "spec", "name") ?? metadata.name;
    const namespace = textAt(object, "spec", "namespace") ?? metadata.namespace ?? "default";
    return [
      {
        name: `gateway ${namespace}/${name}`,
        namespace,
        labels: {
          ...{ app: name, istio: name.replace(/^istio-/, "") },
          ...textsAt(object, "spec", "values", "labels"),
        },
        trustedProxies: trustedProxiesOf(
          textAt(object, "spec", "values", "podAnnotations", "proxy.istio.io/config"),
        ),
        notLookedAt: [],
      },
    ];
  }
  if (!/^(Deployment|DaemonSet|StatefulSet)$/.test(kind)) return [];
  const pod = ["spec", "template", "metadata"];
  const namespace = metadata.namespace ?? "default";
  return [
    {
      name: `gateway ${namespace}/${metadata.name}`,
      namespace,
      labels: textsAt(object, ...pod, "labels"),
      trustedProxies: trustedProxiesOf(textAt(object, ...pod, "annotations", "proxy.istio.io/config")),
      notLookedAt: [],
    },
  ];
}
