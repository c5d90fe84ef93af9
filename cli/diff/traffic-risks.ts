/** Risks in where requests go. */
import type { KubernetesObject } from "../side";
import type { Destination } from "../../components/istio/virtual-service";
import { ofKind, byKey } from "./istio-objects";
import { images, podsBehind, serviceOf } from "./pods";
import type { Report, Risk, RuleChange, Share } from "./report";
import { risk } from "./risks";
import { number, sharesOf } from "./words";
import { keyOf } from "../side";

/** Of a side: what each destination of each rule of a VirtualService is. */
interface Sent {
  readonly virtualService: string;
  readonly namespace: string;
  readonly rule: string;
  readonly destination: Destination;
}

export interface TrafficRiskOptions {
  /** Points of percent that a share may rise in one edit. Default: what the VirtualService's annotation says, else any. */
  readonly maxStep?: number;
}

const MAX_STEP = "shopzier-mesh/max-step";

export function trafficRisks(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  { rules }: Pick<Report, "rules">,
  { maxStep }: TrafficRiskOptions,
): Risk[] {
  return [
    ...withoutPods(before, after),
    ...withImage(before, after, rules),
    ...rules.flatMap((change) => stepRisks(change, after, maxStep)),
    ...rules.flatMap(loadRisks),
    ...rules.flatMap(ruleRisks),
    ...faults(before, after),
    ...lostHosts(before, after),
  ];
}

function sent(objects: readonly KubernetesObject[]): Sent[] {
  return ofKind(objects, "VirtualService").flatMap(({ metadata, spec }) =>
    (spec.http ?? []).flatMap(({ name, route = [] }, index) =>
      route
        .filter(({ weight }) => route.length === 1 || (weight ?? 0) > 0)
        .map(({ destination }) => ({
          virtualService: `${metadata.namespace ?? ""}/${metadata.name}`,
          namespace: metadata.namespace ?? "",
          rule: name || `${index + 1}.`,
          destination,
        })),
    ),
  );
}

/** Requests that go to no pod, and that did not so before. */
function withoutPods(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const earlier = new Set(missing(before).map(({ key }) => key));
  const found = missing(after).filter(({ key }) => !earlier.has(key));
  return [...new Map(found.map((one) => [one.key, one.risk])).values()];
}

function missing(objects: readonly KubernetesObject[]): { key: string; risk: Risk }[] {
  const pods = podsBehind(objects);
  const subsets = subsetsByHost(objects);
  return sent(objects).flatMap(({ namespace, rule, destination }) => {
    const { host, subset } = destination;
    const service = serviceOf(host, namespace);
    const name = subset ?? service?.name ?? host;
    const key = `${host} ${subset ?? ""}`;
    const known = subsets(host, namespace);
    // Without a DestinationRule of the host among the objects, it may stand elsewhere.
    if (subset && known && !known.has(subset)) {
      const why = `Rule ${rule} sends requests to ${subset} of ${host}, and no DestinationRule has this subset: they get 503.`;
      return [{ key, risk: risk("W002", `rule ${rule}`, why) }];
    }
    const behind = pods(destination, namespace);
    if (!behind || behind.count > 0 || !hasWorkloads(objects, service?.namespace)) return [];
    const why = `Rule ${rule} sends requests to ${name}, which has no pods: they get 503.`;
    return [{ key, risk: risk("W001", `rule ${rule}`, why) }];
  });
}

/** Whether the objects of a namespace have workloads at all; else they are elsewhere. */
const hasWorkloads = (objects: readonly KubernetesObject[], namespace: string | undefined): boolean =>
  objects.some(
    ({ kind, metadata }) => /^(Deployment|StatefulSet)$/.test(kind) && metadata.namespace === namespace,
  );

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

/** Destinations whose share rises, by rule. */
function rising({ before, after }: RuleChange): (Share & { readonly from: number })[] {
  const earlier = sharesOf(before);
  return [...sharesOf(after).values()]
    .map((share) => ({ ...share, from: earlier.get(share.to)?.percent ?? 0 }))
    .filter(({ percent, from }) => percent > from);
}

function withImage(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  rules: readonly RuleChange[],
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
      return [`${virtualService} ${destination.subset ?? ""}`, other && keyOf(other)] as const;
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
  change: RuleChange,
  after: readonly KubernetesObject[],
  given: number | undefined,
): Risk[] {
  if (change.kind !== "changed") return [];
  const [namespace = "", name = ""] = change.virtualService.split("/");
  const object = after.find(
    ({ kind, metadata }) =>
      kind === "VirtualService" && metadata.name === name && (metadata.namespace ?? "") === namespace,
  );
  const written = Number(object?.metadata.annotations?.[MAX_STEP] ?? NaN);
  const limit = given ?? (Number.isNaN(written) ? undefined : written);
  if (limit === undefined) return [];
  return (
    rising(change)
      // The way back to the version that most requests go to may be one step.
      .filter(({ from, percent }) => from < 50 && percent - from > limit + 1e-9)
      .map(({ to, from, percent }) => {
        const steps = Math.ceil((percent - from) / limit - 1e-9);
        const why = `The share of ${to} rises by ${number(percent - from)} points, this stack allows ${number(limit)}.`;
        return risk("W012", `rule ${change.rule}`, why, `Raise it in ${steps} steps, or set maxStep.`);
      })
  );
}

/** Half as much again as the busiest pod had is more than autoscaling and spare room usually carry at once. */
const MUCH_MORE = 1.5;

/** Needs no rate: of one rule, percent by pod say how much more a pod gets. */
function loadRisks({ kind, rule, before, after }: RuleChange): Risk[] {
  if (kind !== "changed") return [];
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

function ruleRisks({ kind, rule, match, after, unreachable }: RuleChange): Risk[] {
  if (kind === "removed") return [];
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
        (service.spec.http ?? []).flatMap(({ name, fault }, index) =>
          fault ? [[`${keyOf(service)} ${name || `${index + 1}.`}`, name || `${index + 1}.`] as const] : [],
        ),
      ),
    );
  const earlier = names(before);
  return [...names(after)]
    .filter(([key]) => !earlier.has(key))
    .map(([, rule]) => risk("W013", `rule ${rule}`, `Requests of rule ${rule} get a fault on purpose.`));
}

function lostHosts(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const hosts = (objects: readonly KubernetesObject[]): Set<string> =>
    new Set(ofKind(objects, "VirtualService").flatMap(({ spec }) => spec.hosts ?? []));
  const now = hosts(after);
  const covered = (host: string): boolean =>
    now.has(host) ||
    [...now].some((other) => other === "*" || (other.startsWith("*.") && host.endsWith(other.slice(1))));
  return [...hosts(before)]
    .filter((host) => !covered(host))
    .map((host) =>
      risk("W011", `host ${host}`, `No VirtualService has host ${host} any more: its requests get 404.`),
    );
}
