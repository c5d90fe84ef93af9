/** Risks in where requests go. */
import type { KubernetesObject } from "../side";
import { otherPods, sent, unanswered } from "./destination-risks";
import { isLargeStep, stepsWithin, writtenMaxStep } from "../../components/traffic/route-risks";
import { ofKind, byKey } from "./istio-objects";
import { matchWords } from "./match-words";
import { images, podsBehind, serviceOf } from "./pods";
import type { Risk, Share } from "./report";
import { risk } from "./risks";
import type { ComparedRule } from "./rules";
import { number, sharesOf } from "./words";
import { keyOf } from "../side";

export interface TrafficRiskOptions {
  /** Points of percent that a share may rise in one edit. Default: what the VirtualService's annotation says, else any. */
  readonly maxStep?: number;
}

/** @param rules of both sides, those that are the same too. */
export function trafficRisks(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  rules: readonly ComparedRule[],
  { maxStep }: TrafficRiskOptions,
): Risk[] {
  return [
    ...unanswered(before, after),
    ...otherPods(before, after),
    ...withImage(before, after, rules),
    ...rules.flatMap((change) => stepRisks(change, after, maxStep)),
    ...rules.flatMap(loadRisks),
    ...rules.flatMap(ruleRisks),
    ...faults(before, after),
    ...lostHosts(before, after),
  ];
}

/** Destinations whose share rises, by rule. */
function rising({ before, after }: ComparedRule): (Share & { readonly from: number })[] {
  const earlier = sharesOf(before);
  return [...sharesOf(after).values()]
    .map((share) => ({ ...share, from: earlier.get(share.to)?.percent ?? 0 }))
    .filter(({ percent, from }) => percent > from);
}

function withImage(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  rules: readonly ComparedRule[],
): Risk[] {
  const old = byKey([...ofKind(before, "Deployment"), ...ofKind(before, "StatefulSet")]);
  const pods = podsBehind(after);
  const changed = new Map(
    sent(after).map(({ virtualService, namespace, destination }) => {
      const workloads = pods(destination, namespace)?.workloads ?? [];
      const other = workloads.find((workload) => {
        const earlier = old.get(keyOf(workload));
        return earlier && JSON.stringify(images(earlier)) !== JSON.stringify(images(workload));
      });
      const name = destination.subset ?? serviceOf(destination.host, namespace)?.name ?? "";
      return [`${virtualService} ${name}`, other && keyOf(other)] as const;
    }),
  );
  const found = rules
    .filter(({ kind }) => kind === "changed")
    .flatMap((change) =>
      rising(change).flatMap(({ to, from, percent }) => {
        const workload = changed.get(`${change.virtualService} ${to.split(" ").at(-1) ?? ""}`);
        if (!workload) return [];
        const why = `The share of ${to} rises from ${number(from)} to ${number(percent)} % while ${workload} gets another image.`;
        return [[`${workload} ${to}`, risk("W003", `rule ${change.rule}`, why)] as const];
      }),
    );
  return [...new Map(found).values()];
}

function stepRisks(
  change: ComparedRule,
  after: readonly KubernetesObject[],
  given: number | undefined,
): Risk[] {
  if (change.kind !== "changed") return [];
  const object = after.find((one) => keyOf(one) === `VirtualService ${change.virtualService}`);
  const limit = given ?? writtenMaxStep(object?.metadata.annotations);
  if (limit === undefined) return [];
  return rising(change)
    .filter(({ from, percent }) => isLargeStep(from, percent, limit))
    .map(({ to, from, percent }) => {
      const why = `The share of ${to} rises by ${number(percent - from)} points, this stack allows ${number(limit)}.`;
      const fix = `Raise it in ${stepsWithin(from, percent, limit)} steps, or set maxStep.`;
      return risk("W012", `rule ${change.rule}`, why, fix);
    });
}

/** Half as much again as the busiest pod had is more than autoscaling and spare room usually carry at once. */
const MUCH_MORE = 1.5;

/** Needs no rate: of one rule, percent by pod say how much more a pod gets. */
function loadRisks({ rule, before, after }: ComparedRule): Risk[] {
  const load = ({ percent, pods = 0 }: Share): number => (pods > 0 ? percent / pods : 0);
  const busiest = Math.max(0, ...[...sharesOf(before).values()].map(load));
  if (busiest === 0) return [];
  return [...sharesOf(after).values()]
    .filter((share) => load(share) > MUCH_MORE * busiest)
    .map((share) => {
      const rate = share.perPod === undefined ? "" : ` (${number(share.perPod)} requests per second)`;
      const why = `Each of ${share.pods ?? 0} pods of ${share.to} gets ${number(load(share))} % of the requests${rate}; before, no pod got more than ${number(busiest)} %.`;
      const pods = Math.ceil(share.percent / busiest);
      return risk(
        "W008",
        `rule ${rule}`,
        why,
        `Give ${share.to} ${pods} pods first, or raise its share in smaller steps.`,
      );
    });
}

function ruleRisks({ kind, rule, match, after, unreachable }: ComparedRule): Risk[] {
  if (kind === "removed" || kind === "same") return [];
  const found: Risk[] = [];
  if (unreachable) {
    found.push(
      risk(
        "W010",
        `rule ${rule}`,
        `No request reaches rule ${rule}: an earlier rule takes all that it matches (${match}).`,
      ),
    );
  }
  if (
    after?.kind === "split" &&
    after.shares.length > 0 &&
    after.shares.every(({ percent }) => percent === 0)
  ) {
    found.push(risk("W014", `rule ${rule}`, `All weights of rule ${rule} are 0. Istio refuses it.`));
  }
  return found;
}

function faults(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const names = (objects: readonly KubernetesObject[]): Map<string, string> =>
    new Map(
      ofKind(objects, "VirtualService").flatMap((service) =>
        (service.spec.http ?? []).flatMap((rule) => {
          // The place of a rule without a name changes with those before it.
          const name = rule.name || matchWords(rule.match);
          return rule.fault ? [[`${(service.spec.hosts ?? []).join()} ${name}`, name] as const] : [];
        }),
      ),
    );
  const earlier = names(before);
  return [...names(after)]
    .filter(([key]) => !earlier.has(key))
    .map(([, rule]) => risk("W013", `rule ${rule}`, `Requests of rule ${rule} get a fault on purpose.`));
}

/** Hosts at gateways: a sidecar calls a host without a VirtualService as it is. */
function lostHosts(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const hosts = (objects: readonly KubernetesObject[]): string[] =>
    ofKind(objects, "VirtualService")
      .filter(({ spec }) => spec.gateways?.some((gateway) => gateway !== "mesh"))
      .flatMap(({ spec }) => spec.hosts ?? []);
  const now = new Set(hosts(after));
  const covered = (host: string): boolean =>
    now.has(host) ||
    [...now].some((other) => other === "*" || (other.startsWith("*.") && host.endsWith(other.slice(1))));
  return [...new Set(hosts(before))]
    .filter((host) => !covered(host))
    .map((host) =>
      risk(
        "W011",
        `host ${host}`,
        `No VirtualService of a gateway has host ${host} any more: its requests get 404.`,
      ),
    );
}
