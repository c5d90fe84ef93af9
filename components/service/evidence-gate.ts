/** Lets `pulumi up` refuse more requests for a version that the evidence calls worse. */
import * as pulumi from "@pulumi/pulumi";
import {
  begin,
  increase,
  judge,
  observe,
  type EvidenceSettings,
  type Reading,
  type Shares,
  type Verdict,
} from "../evidence";
import type { ClusterAccess } from "../kubernetes/cluster";
import { apiMessage, type KubernetesAccess } from "../kubernetes/api-server";
import { changesCluster, kubernetesAccess } from "../kubernetes/cluster-access";
import { readObject } from "../kubernetes/live-object";
import { withoutStack } from "../kubernetes/without-stack";
import { PrometheusApi } from "../observability/prometheus-api";
import { criteriaOf, PrometheusCounters } from "../observability/prometheus-counters";
import type { RouteMetrics } from "../observability/route-metrics";
import { rolesOf, splitOf, type RoutedObject, type Split } from "../observability/route-split";
import { countedSeconds, lastChange, STEP_SECONDS } from "../observability/settled-route";
import { sharesBeforeShift } from "../traffic/shift-mark";

export interface EvidenceGateArgs {
  /** How far back requests are counted, in seconds; never to before the last change of the route. Default 1800. */
  readonly windowSeconds?: number;
  /** What happens to a rise about which nothing was counted: no Prometheus, no scrape since the last change, no request. Default `allow`. */
  readonly onMissing?: "allow" | "refuse";
  /** A rise that goes ahead whatever the evidence says. It is in the outputs of the routes. */
  readonly override?: GateOverride;
}

export interface GateOverride {
  readonly version: string;
  /** Percent of the requests, up to which the version may rise. */
  readonly to: number;
  readonly reason: string;
}

/** A share of the split that rises. */
export interface SplitRise {
  readonly version: string;
  readonly before: number;
  readonly after: number;
}

/**
 * The rises of an edit that the evidence decides about. A version without requests has shown nothing yet, and one that had at least half of the
 * requests may rise by any number: that is the way back from a canary.
 */
export function judgedRises(before: Split, after: Split | undefined): SplitRise[] {
  return Object.entries(before.shares)
    .map(([version, share]) => ({ version, before: share, after: after?.shares[version] ?? 0 }))
    .filter((rise) => rise.after > rise.before && rise.before > 0 && rise.before < 50);
}

export type GateAnswer =
  | { readonly allowed: true; readonly words: readonly string[] }
  | { readonly allowed: false; readonly words: readonly string[] };

/**
 * What the gate says to rises, from verdicts of the versions; a version without one was not counted, for the reasons in `missing`.
 *
 * @param fled rising version → why requests leave another one, which is worse than it. Such a rise is a way back.
 */
export function gateAnswer(
  rises: readonly SplitRise[],
  verdicts: Readonly<Record<string, Verdict>>,
  missing: readonly string[],
  { onMissing = "allow", override }: EvidenceGateArgs,
  fled: Readonly<Record<string, string>> = {},
): GateAnswer {
  const judged = rises.map((rise) => {
    const verdict = verdicts[rise.version];
    const counted = Object.values(verdict?.findings ?? {}).some(({ step }) => step.candidate.of > 0);
    const refused = counted ? verdict?.verdict === "worse" : onMissing === "refuse";
    const by = override?.version === rise.version && rise.after <= override.to ? override : undefined;
    const rising = `${rise.version} rises from ${rise.before} to ${rise.after} %`;
    const flight = fled[rise.version];
    if (flight !== undefined) return { refused: false, words: `${rising}: ${flight}` };
    const why = counted
      ? (verdict?.words ?? "")
      : `nothing was counted of it (${missing.join(" ") || "no requests since the last change of the route"})`;
    return {
      refused: refused && by === undefined,
      words: refused && by ? `${rising} by override (${by.reason}): ${why}` : `${rising}: ${why}`,
    };
  });
  const refused = judged.filter((one) => one.refused);
  if (refused.length > 0) return { allowed: false, words: refused.map(({ words }) => words) };
  return { allowed: true, words: judged.map(({ words }) => words) };
}

/** Candidate → verdict from readings, in their order. */
export function verdictsOf(
  readings: readonly Reading[],
  split: Split,
  metrics: RouteMetrics,
  roles: Pick<EvidenceSettings, "baseline" | "candidates"> = rolesOf(split.shares),
): Readonly<Record<string, Verdict>> {
  const evidence = readings.slice(1).reduce(
    (known, reading, i) => {
      const { batch } = increase(readings[i] ?? reading, reading);
      return batch ? observe(known, batch) : known;
    },
    begin({ ...roles, criteria: criteriaOf(metrics) }),
  );
  return judge(evidence);
}

/** Rising version → the words about one that loses requests to it and is worse than it. */
export function fledVersions(
  readings: readonly Reading[],
  [before, after]: readonly [Split, Split | undefined],
  metrics: RouteMetrics,
): Readonly<Record<string, string>> {
  const losers = Object.entries(before.shares)
    .filter(([version, share]) => share > (after?.shares[version] ?? 0))
    .map(([version]) => version);
  return Object.fromEntries(
    judgedRises(before, after).flatMap(({ version }) => {
      const roles = { baseline: version, candidates: losers };
      const worse = Object.values(verdictsOf(readings, before, metrics, roles)).find(
        (verdict) => verdict.verdict === "worse",
      );
      return worse ? [[version, worse.words] as const] : [];
    }),
  );
}

const DEFAULT_WINDOW_SECONDS = 1800;
const ANSWER_MS = 10_000;

export interface GatedRoute {
  readonly metrics: RouteMetrics;
  readonly gate: EvidenceGateArgs;
  /** Namespace of the gateway's pods. */
  readonly gatewayNamespace: string;
  readonly cluster?: ClusterAccess;
}

/** Hook before the update of the VirtualService `name`; undefined where no cluster is changed. */
export function evidenceGate(
  name: string,
  route: GatedRoute,
  component: pulumi.Resource,
): pulumi.ResourceHook | undefined {
  if (!changesCluster()) return undefined;
  return new pulumi.ResourceHook(`${name}-gate`, async ({ oldInputs, newInputs }) => {
    const [before, after] = [splitOf(oldInputs as RoutedObject), splitOf(newInputs as RoutedObject)];
    const rising = before ? judgedRises(before, after) : [];
    if (!before || rising.length === 0) return;
    const { verdicts, missing, fled, earlier } = await counted(before, after, route);
    // The way back of a shift is never held up, also not where nothing is counted.
    const rises = rising.filter((rise) => rise.after > (earlier[rise.version] ?? 0) + 1e-9);
    const answer = gateAnswer(rises, verdicts, missing, route.gate, fled);
    if (answer.allowed) {
      for (const words of answer.words) await pulumi.log.info(`gate: ${words}`, component);
      return;
    }
    const [first] = rises;
    const override = `{ version: ${first?.version ?? ""}, to: ${first?.after ?? 0}, reason: ... }`;
    throw withoutStack(
      new Error(
        `The gate refuses more requests:\n${answer.words.map((words) => `  - ${words}`).join("\n")}\n` +
          `The route was not changed. To go ahead nevertheless, say why: override: ${override} of the gate.`,
      ),
    );
  });
}

interface Counted {
  readonly verdicts: Readonly<Record<string, Verdict>>;
  readonly missing: readonly string[];
  readonly fled: Readonly<Record<string, string>>;
  /** Shares from before the running or last shift. */
  readonly earlier: Shares;
}

async function counted(before: Split, after: Split | undefined, route: GatedRoute): Promise<Counted> {
  const nothing = { verdicts: {}, missing: [], fled: {}, earlier: {} };
  let known: Counted = nothing;
  try {
    const access = await kubernetesAccess(route.cluster);
    const { changedAt, earlier } = await lastShares(access, before);
    known = { ...nothing, earlier };
    const window = countedSeconds(changedAt, route.gate.windowSeconds ?? DEFAULT_WINDOW_SECONDS);
    if (window === 0) return { ...known, missing: ["The route changed a moment ago."] };
    const { metrics, gatewayNamespace } = route;
    const token = process.env.PROMETHEUS_TOKEN;
    const api = PrometheusApi.connect({ address: metrics.prometheus, ...(token && { token }) }, access);
    const counters = new PrometheusCounters(api, { ...metrics, service: before.service, gatewayNamespace });
    const { readings, unclear } = await counters.history(before.shares, {
      seconds: window,
      step: STEP_SECONDS,
    });
    if (readings.length < 2) return { ...known, missing: unclear };
    const verdicts = verdictsOf(readings, before, metrics);
    return { ...known, verdicts, missing: unclear, fled: fledVersions(readings, [before, after], metrics) };
  } catch (error) {
    return { ...known, missing: [apiMessage(error)] };
  }
}

/** Since when the route has its shares, and the shares from before a shift. */
async function lastShares(
  access: KubernetesAccess,
  { namespace, name }: Split,
): Promise<{ readonly changedAt: number; readonly earlier: Shares }> {
  const key = { kind: "VirtualService", namespace, name } as const;
  const { live } = await readObject(access, key, AbortSignal.timeout(ANSWER_MS));
  return {
    // What does not say counts as changed now.
    changedAt: lastChange(live?.metadata) ?? Date.now() / 1000,
    earlier: sharesBeforeShift(live?.metadata?.annotations) ?? {},
  };
}
