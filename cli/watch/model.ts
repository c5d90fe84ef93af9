/** What `shopzier watch` knows: readings in, rows out. Pure. */
import {
  begin,
  increase,
  judge,
  observe,
  type Batch,
  type Criterion,
  type Evidence,
  type Reading,
  type Verdict,
} from "../../components/evidence";
import { type Shares } from "../../components/traffic/weights";
import { number } from "../diff/words";
import { inForce, type GatewayPod, type Observed } from "./observed";
import { SHARE_ALPHA, testShares, versionsOff, type ShareTest } from "./share-test";
import { rolesOf, sameSplit, type Split } from "../../components/observability/route-split";

export interface WatchSettings {
  readonly split: Split;
  readonly criteria: Readonly<Record<string, Criterion>>;
  /** Default: that of `begin`. */
  readonly alpha?: number;
}

/** What is known after some readings. */
export interface WatchState {
  readonly settings: WatchSettings;
  readonly evidence: Evidence | undefined;
  readonly shareTest: ShareTest;
  readonly last: Reading | undefined;
  /** The batches of the last {@link RECENT_SECONDS} with the shares in force, from the oldest. */
  readonly recent: readonly Batch[];
  readonly unclear: readonly string[];
}

/** Rates and ratios of a row are of this time. */
const RECENT_SECONDS = 120;
/** Every request is counted by it. */
const COUNTED = "errors";

export const beginWatch = (settings: WatchSettings): WatchState => ({
  settings,
  evidence: undefined,
  shareTest: {},
  last: undefined,
  recent: [],
  unclear: [],
});

export function withReading(state: WatchState, reading: Reading): WatchState {
  if (state.last === undefined) return { ...state, last: reading, unclear: [] };
  if (reading.at === state.last.at) return state;
  const { batch, unclear } = increase(state.last, reading);
  if (batch === undefined) return { ...state, last: reading, recent: [], shareTest: {}, unclear };
  const shareTest = state.settings.split.otherRequests
    ? {}
    : testShares(state.shareTest, batch.shares, batch.counts, COUNTED);
  return {
    ...state,
    evidence: observe(evidenceFor(state, batch.shares), batch),
    shareTest,
    last: reading,
    recent: lastOf([...state.recent, batch], RECENT_SECONDS),
    unclear,
  };
}

/** Evidence begins anew where a version gets requests that was not among those compared. */
function evidenceFor({ evidence, settings }: WatchState, shares: Shares): Evidence {
  const serving = Object.keys(shares).filter((version) => (shares[version] ?? 0) > 0);
  const { baseline = "", candidates = [] } = evidence?.settings ?? {};
  if (evidence && serving.every((version) => version === baseline || candidates.includes(version)))
    return evidence;
  const { criteria, alpha } = settings;
  return begin({ ...rolesOf(shares), criteria, ...(alpha !== undefined && { alpha }) });
}

function lastOf(batches: readonly Batch[], seconds: number): readonly Batch[] {
  const all = batches.reduce((sum, batch) => sum + batch.seconds, 0);
  const [first, ...others] = batches;
  return first && all - first.seconds >= seconds ? lastOf(others, seconds) : batches;
}

/** Requests per second of all versions lately; undefined where nothing was counted. */
export function rateOf({ recent }: WatchState): number | undefined {
  const seconds = recent.reduce((sum, batch) => sum + batch.seconds, 0);
  const all = recent.flatMap(({ counts }) => Object.values(counts).map((of) => of[COUNTED]?.of ?? 0));
  return seconds > 0 ? all.reduce((a, b) => a + b, 0) / seconds : undefined;
}

export interface VersionRow {
  readonly version: string;
  /** Percent by the stack file, or the manifests; null: not given. */
  readonly declared: number | null;
  /** Percent by the VirtualService in the cluster. */
  readonly configured: number;
  /** Percent that every gateway pod's Envoy has; null: they differ, or were not asked. */
  readonly envoy: number | null;
  /** Percent of the requests counted lately; null: none. */
  readonly measured: number | null;
  /** Requests per second; null: not known. */
  readonly rate: number | null;
  /** Criterion → requests counted lately. */
  readonly criteria: Readonly<Record<string, { readonly bad: number; readonly of: number }>>;
  /** Null: compared with others as their baseline, or without requests. */
  readonly verdict: Verdict["verdict"] | null;
  readonly words: string | null;
  /** How strong the evidence is, and what a verdict takes: of the criterion nearest to worse, and of that furthest from good enough. */
  readonly worse: { readonly evidence: number; readonly needed: number } | null;
  readonly good: { readonly evidence: number; readonly needed: number } | null;
  /** Seconds until a verdict if all goes on so; null: not known. */
  readonly left: number | null;
}

export interface WatchReport {
  readonly at: string;
  /** `namespace/name`. */
  readonly virtualService: string;
  readonly rule: string;
  readonly baseline: string | null;
  readonly versions: readonly VersionRow[];
  readonly gateways: readonly GatewayPod[];
  /** Where declared, configured, in Envoy and measured differ: a sentence each. */
  readonly drift: readonly string[];
  /** What was not counted or asked, and why: a sentence each. */
  readonly unclear: readonly string[];
}

export function reportOf(state: WatchState, observed: Observed): WatchReport {
  const { evidence, recent, settings } = state;
  const { split } = settings;
  const { declared, configured, gateways, counters } = observed;
  const envoy = inForce(gateways);
  const verdicts = evidence ? judge(evidence) : {};
  const seconds = recent.reduce((sum, batch) => sum + batch.seconds, 0);
  const counted = (version: string, criterion: string): { bad: number; of: number } =>
    recent
      .map(({ counts }) => counts[version]?.[criterion] ?? { bad: 0, of: 0 })
      .reduce((a, b) => ({ bad: a.bad + b.bad, of: a.of + b.of }), { bad: 0, of: 0 });
  const versions = [...new Set([...Object.keys(configured), ...Object.keys(declared ?? {})])];
  const all = versions.reduce((sum, version) => sum + counted(version, COUNTED).of, 0);
  const rows = versions.map((version): VersionRow => {
    const verdict = verdicts[version];
    const findings = Object.values(verdict?.findings ?? {});
    const { of } = counted(version, COUNTED);
    return {
      version,
      declared: declared ? (declared[version] ?? 0) : null,
      configured: configured[version] ?? 0,
      envoy: envoy ? (envoy[version] ?? 0) : null,
      measured: all > 0 ? (100 * of) / all : null,
      rate: seconds > 0 ? of / seconds : null,
      criteria: Object.fromEntries(
        Object.keys(settings.criteria).map((name) => [name, counted(version, name)]),
      ),
      verdict: verdict?.verdict ?? null,
      words: verdict?.words ?? null,
      worse: findings.map(({ worse }) => worse).sort((a, b) => b.evidence - a.evidence)[0] ?? null,
      good: findings.map(({ good }) => good).sort((a, b) => a.evidence - b.evidence)[0] ?? null,
      left: verdict?.verdict === "inconclusive" ? (verdict.forecast?.seconds ?? null) : null,
    };
  });
  return {
    at: observed.at,
    virtualService: `${split.namespace}/${split.name}`,
    rule: split.rule,
    baseline: evidence?.settings.baseline ?? null,
    versions: rows,
    gateways,
    drift: [...drift(observed), ...measuredOff(state, rows, all)],
    unclear: [
      ...new Set([
        ...gateways.flatMap(({ pod, problem }) =>
          problem === undefined ? [] : [`Gateway pod ${pod}: ${problem}.`],
        ),
        ...counters.unclear,
        ...state.unclear,
        ...notScraped(gateways, counters.reading),
        ...(split.otherRequests === undefined
          ? []
          : [`Measured shares are not compared with those in force: ${split.otherRequests}.`]),
      ]),
    ],
  };
}

function drift({ declared, configured, gateways }: Observed): string[] {
  return [
    ...(declared && !sameSplit(declared, configured)
      ? [
          `Declared is ${sharesText(declared)}, and the VirtualService in the cluster has ${sharesText(configured)}.`,
        ]
      : []),
    ...gateways.flatMap(({ pod, shares }) =>
      shares === undefined || sameSplit(shares, configured)
        ? []
        : [`Gateway pod ${pod} has ${sharesText(shares)} instead of ${sharesText(configured)}.`],
    ),
  ];
}

function measuredOff({ shareTest }: WatchState, rows: readonly VersionRow[], all: number): string[] {
  return versionsOff(shareTest).flatMap((version) => {
    const row = rows.find((one) => one.version === version);
    if (row?.measured == null) return [];
    return [
      `${version} got ${number(row.measured)} % of the last ${all.toLocaleString("en-US")} requests and should get ${number(row.envoy ?? row.configured)} %, which chance ` +
        `brings at most once in ${1 / SHARE_ALPHA} watches. Is a version without healthy pods, are attempts counted that were repeated, or does another route catch requests?`,
    ];
  });
}

function notScraped(gateways: readonly GatewayPod[], reading: Reading | undefined): string[] {
  if (reading === undefined) return [];
  return gateways
    .filter(({ pod }) => reading.pods[pod] === undefined)
    .map(({ pod }) => `Gateway pod ${pod} is not counted: Prometheus has no request counters of it.`);
}

/** `v1 80 %, v2 20 %`. */
export const sharesText = (shares: Shares): string =>
  Object.entries(shares)
    .map(([version, percent]) => `${version} ${number(percent)} %`)
    .join(", ");

/** 0: nothing to object, 1: not whole, 2: a version is worse, or something differs. */
export function exitCodeOf({ versions, drift, gateways }: WatchReport): 0 | 1 | 2 {
  if (drift.length > 0 || versions.some(({ verdict }) => verdict === "worse")) return 2;
  return gateways.length === 0 || versions.every(({ rate }) => rate === null) ? 1 : 0;
}
