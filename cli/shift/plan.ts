/** What a shift of a version takes before it begins: steps, requests, time and pods. */
import { planShift, stepsTo, type StepPlan } from "../../components/evidence";
import { plainName } from "../../components/traffic/sticky";
import { stepsWithin, writtenMaxStep } from "../../components/traffic/route-risks";
import { percentByWeight } from "../../components/traffic/weights";
import { qualifiedName, type KubernetesObject } from "../side";
import { SourceError } from "../sources/source-error";
import { ofKind } from "../diff/istio-objects";
import { podsBehind } from "../diff/pods";
import { number } from "../diff/words";

export interface ShiftOptions {
  /** The subset that gets more requests. */
  readonly version: string;
  /** Percent at the end. */
  readonly to: number;
  /** Requests per second of all versions together. */
  readonly rate: number;
  /** Percent of requests that must succeed. Default 99.9, as of the alert rules. */
  readonly availability?: number;
  /** Percent of requests that must be fast. Default 99, as of the alert rules. */
  readonly latency?: number;
  /** So many times as many bad requests as the objective allows are to be seen. Default 2. */
  readonly detect?: number;
  /** VirtualService, where several have the version: `namespace/name`. */
  readonly virtualService?: string;
}

export interface ShiftStep extends StepPlan {
  /** Pods that the version needs so that none gets more requests than the busiest pod before the shift. Absent: unknown. */
  readonly pods?: number;
}

export interface Shift {
  readonly version: string;
  readonly virtualService: string;
  readonly rule: string;
  /** Percent now. */
  readonly from: number;
  /** The version with most requests now. */
  readonly baseline?: string;
  /** Pods that the version has now. */
  readonly pods?: number;
  readonly steps: readonly ShiftStep[];
  /** Seconds: of a good version, and if each step lasts until its limit. */
  readonly expected: number;
  readonly longest: number;
}

/** @throws SourceError where no rule, or more than one VirtualService, has the version, and where it has the share already. */
export function plannedShift(objects: readonly KubernetesObject[], options: ShiftOptions): Shift {
  const { version, to, rate, detect, availability = 99.9, latency = 99 } = options;
  const { virtualService, namespace, rule, maxStep, shares } = ruleOf(objects, options);
  const from = shares.find((share) => share.version === version)?.percent ?? 0;
  if (from >= to)
    throw new SourceError(`${version} has ${number(from)} % already. Allowed: --to above that, up to 100.`);
  const others = shares.filter((share) => share.version !== version && share.percent > 0);
  const baseline = others.sort((a, b) => b.percent - a.percent)[0]?.version;
  const plan = planShift(
    {
      ...(baseline !== undefined && { baseline }),
      candidates: [version],
      criteria: { errors: { objective: 1 - availability / 100 }, latency: { objective: 1 - latency / 100 } },
    },
    { steps: shiftSteps(to, from, maxStep), rate, ...(detect !== undefined && { detect }) },
  );
  const pods = podsBehind(objects);
  const behind = (one: Share): number | undefined => pods(one.destination, namespace)?.count;
  const busiest = Math.max(0, ...shares.map((one) => one.percent / (behind(one) || Infinity)));
  const own = shares.find((share) => share.version === version);
  const have = own && behind(own);
  return {
    version,
    virtualService,
    rule,
    from,
    ...(baseline !== undefined && { baseline }),
    ...(have !== undefined && { pods: have }),
    ...plan,
    steps: plan.steps.map((step) => ({
      ...step,
      ...(busiest > 0 && { pods: Math.max(1, Math.ceil(step.share / busiest - 1e-9)) }),
    })),
  };
}

interface Share {
  readonly version: string;
  readonly percent: number;
  readonly destination: { readonly host: string; readonly subset?: string };
}

interface Rule {
  readonly virtualService: string;
  readonly namespace: string;
  readonly rule: string;
  readonly maxStep: number | undefined;
  readonly shares: readonly Share[];
}

/** The last rule that names the version: those before it are for some requests only. */
function ruleOf(objects: readonly KubernetesObject[], { version, virtualService }: ShiftOptions): Rule {
  const all = ofKind(objects, "VirtualService").flatMap((object): Rule[] => {
    const { metadata, spec } = object;
    const { namespace = "", annotations } = metadata;
    const rules = (spec.http ?? []).filter(({ route }) =>
      route?.some(({ destination }) => destination.subset === version),
    );
    const rule = rules.at(-1);
    if (!rule?.route) return [];
    const percents = percentByWeight(rule.route);
    return [
      {
        virtualService: qualifiedName(object),
        namespace,
        rule: plainName(rule.name ?? ""),
        maxStep: writtenMaxStep(annotations),
        shares: rule.route.map(({ destination }, i) => ({
          version: destination.subset ?? destination.host,
          percent: percents[i] ?? 0,
          destination,
        })),
      },
    ];
  });
  const named = all.filter((rule) => virtualService === undefined || rule.virtualService === virtualService);
  const [found, ...more] = named;
  if (!found) {
    const versions = new Set(
      ofKind(objects, "VirtualService").flatMap(({ spec }) =>
        (spec.http ?? []).flatMap(({ route = [] }) =>
          route.flatMap(({ destination }) => destination.subset ?? []),
        ),
      ),
    );
    throw new SourceError(
      `No rule sends requests to ${version}. Allowed: ${[...versions].join(", ") || "there are no subsets"}.`,
    );
  }
  if (more.length > 0) {
    throw new SourceError(
      `${version} is in ${named.map((rule) => rule.virtualService).join(" and ")}. Name one: --virtual-service ${found.virtualService}`,
    );
  }
  return found;
}

/** The usual steps, with others between, so that none is larger than allowed. */
export function shiftSteps(to: number, from: number, maxStep: number | undefined): number[] {
  const steps = stepsTo(to, from);
  if (maxStep === undefined || maxStep <= 0) return steps;
  return steps.flatMap((step, i) => {
    const last = i === 0 ? from : (steps[i - 1] ?? from);
    const parts = stepsWithin(last, step, maxStep);
    return Array.from({ length: parts }, (_, k) => (k === parts - 1 ? step : last + (k + 1) * maxStep));
  });
}
