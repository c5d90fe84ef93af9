/** Edits that one `pulumi up` cannot make without harm in between, with the way in two. */
import {
  isShortOfPods,
  LAST_ADDRESSES,
  otherPort,
  shortOfPods,
  toAutoscaler,
  toReplicas,
  type Change,
  type TwoEdits,
} from "../../components/traffic/two-edits";
import { textAt, valueAt } from "../requests/mesh-settings";
import { keyOf, type KubernetesObject } from "../side";
import { byKey, ofKind } from "./istio-objects";
import type { Risk } from "./report";
import { risk } from "./risks";
import type { ComparedRule } from "./rules";
import { sharesOf } from "./words";

/** @param rules of both sides, those that are the same too. */
export function orderRisks(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  rules: readonly ComparedRule[],
): Risk[] {
  const found = [
    ...rules.flatMap(fallingTogether),
    ...otherScales(before, after),
    ...otherPorts(before, after),
    ...lastAddresses(before, after),
  ];
  return [...new Map(found.map((one) => [one.why, one])).values()];
}

const inTwo = (where: string, { happens, instead }: TwoEdits): Risk =>
  risk("W018", where, `${happens}.`, `${instead}.`);

function fallingTogether({ rule, before, after }: ComparedRule): Risk[] {
  const earlier = sharesOf(before);
  return [...sharesOf(after).values()].flatMap((share) => {
    const old = earlier.get(share.to);
    if (old?.pods === undefined || share.pods === undefined) return [];
    const pods = [old.pods, share.pods] as const;
    const percents = [old.percent, share.percent] as const;
    return isShortOfPods(pods, percents)
      ? [inTwo(`rule ${rule}`, shortOfPods(share.to, pods, percents))]
      : [];
  });
}

function otherScales(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const old = byKey(ofKind(before, "Deployment"));
  const scaled = (objects: readonly KubernetesObject[]): Set<string> =>
    new Set(
      ofKind(objects, "HorizontalPodAutoscaler").map(
        ({ metadata, spec }) => `${metadata.namespace ?? ""} ${spec.scaleTargetRef?.name ?? ""}`,
      ),
    );
  const [had, has] = [scaled(before), scaled(after)];
  return ofKind(after, "Deployment").flatMap((object) => {
    const { name, namespace = "" } = object.metadata;
    const [from, to] = [old.get(keyOf(object))?.spec.replicas, object.spec.replicas];
    const key = `${namespace} ${name}`;
    const getsOne = (from ?? 1) > 1 && to === undefined && has.has(key) && !had.has(key);
    const losesOne = from === undefined && to !== undefined && had.has(key) && !has.has(key);
    if (getsOne) return [inTwo(keyOf(object), toAutoscaler({ name, namespace }, from ?? 1))];
    return losesOne ? [inTwo(keyOf(object), toReplicas({ name, namespace }, to))] : [];
  });
}

function otherPorts(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const old = byKey(ofKind(before, "Service"));
  const portsOf = (object: KubernetesObject | undefined): number[] => {
    const ports = valueAt(object, "spec", "ports");
    return Array.isArray(ports) ? ports.map((one: unknown) => Number(valueAt(one, "port"))) : [];
  };
  return ofKind(after, "Service").flatMap((object) => {
    const [from, to] = [portsOf(old.get(keyOf(object))), portsOf(object)];
    const isOther = from.length > 0 && !from.some((port) => to.includes(port));
    const change: Change<number> = [from[0] ?? 0, to[0] ?? 0];
    return isOther ? [inTwo(keyOf(object), otherPort(object.metadata.name, change))] : [];
  });
}

function lastAddresses(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const now = byKey(after);
  const policyOf = (object: KubernetesObject | undefined): string | undefined =>
    textAt(object, "spec", "values", "service", "externalTrafficPolicy");
  const isEnforced = ({ kind, metadata, spec }: KubernetesObject): boolean =>
    kind === "AuthorizationPolicy" &&
    metadata.annotations?.["istio.io/dry-run"] !== "true" &&
    /"(not)?[iI]pBlocks"/.test(JSON.stringify(spec));
  if (!before.some(isEnforced)) return [];
  return before
    .filter((object) => object.kind === "Release" && policyOf(object) === "Local")
    .filter((object) => now.has(keyOf(object)) && policyOf(now.get(keyOf(object))) !== "Local")
    .map((object) => inTwo(keyOf(object), LAST_ADDRESSES));
}
