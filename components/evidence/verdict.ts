/** What follows from evidence: a verdict, the numbers it rests on, and words. */
import { serves, type Count } from "./counts";
import { BETTER, DEFAULT_ALPHA, ownership, WORSE, worseTosses } from "./evidence";
import type { CriterionEvidence, Evidence, EvidenceSettings, Tally } from "./evidence";
import { repetitionsUntil, type Bets, type TestMartingale, type Tosses } from "./test-martingale";
import { about, count, duration, percent } from "./verdict-words";

/** How strong evidence is, and what a verdict takes. Without evidence it is 1. */
export interface Strength {
  readonly evidence: number;
  readonly needed: number;
}

export const reached = ({ evidence, needed }: Strength): boolean => evidence >= needed;

/** The numbers of one criterion. */
export interface Finding {
  readonly objective: number;
  readonly shift: Tally;
  readonly step: Tally;
  readonly worse: Strength;
  readonly good: Strength;
}

interface Said {
  /** Criterion → its numbers. */
  readonly findings: Readonly<Record<string, Finding>>;
  readonly words: string;
}

export interface Worse extends Said {
  readonly verdict: "worse";
  readonly than: "baseline" | "objective";
  readonly criterion: string;
}

export interface GoodEnough extends Said {
  readonly verdict: "good enough";
}

export interface Inconclusive extends Said {
  readonly verdict: "inconclusive";
  /** What comes of it if all goes on as in this step; undefined where no verdict does. */
  readonly forecast: Forecast | undefined;
}

export interface Forecast {
  readonly verdict: "worse" | "good enough";
  /** How many more requests of the version. */
  readonly requests: number;
  /** How long they take at the rate of this step. */
  readonly seconds: number;
}

export type Verdict = Worse | GoodEnough | Inconclusive;

/** The evidence that a verdict takes. No test of a true claim ever reaches the inverse of its share of `alpha` with more than that probability. */
export function needed({ alpha = DEFAULT_ALPHA, candidates, criteria }: EvidenceSettings): Needed {
  // A version is good enough only where it is so by every criterion: these need not share.
  return {
    worse: (candidates.length * Object.keys(criteria).length) / alpha,
    good: candidates.length / alpha,
  };
}

export interface Needed {
  readonly worse: number;
  readonly good: number;
}

/**
 * Candidate → verdict.
 *
 * Worse holds for the rest of the shift, good enough in this step. A version that is neither is inconclusive: also where it misses the objective
 * and the baseline does too.
 */
export function judge(evidence: Evidence): Readonly<Record<string, Verdict>> {
  const { settings, shares, versions } = evidence;
  const baseline = serves(settings.baseline, shares) ? settings.baseline : undefined;
  return Object.fromEntries(
    Object.entries(versions).map(([version, known]) => {
      const judged = Object.entries(known).map(([name, found]) => criterion(settings, name, found, baseline));
      return [version, verdict(version, baseline, judged)];
    }),
  );
}

/** A criterion with all that a verdict takes of it. */
interface Judged extends Finding {
  readonly name: string;
  readonly bad: string;
  /** How many more requests until it is worse, or good enough; undefined where it never will be. */
  readonly untilWorse: number | undefined;
  readonly untilGood: number | undefined;
}

/** How strong the evidence of one criterion is that a version is worse, and that it is good enough. */
export function strengths(
  settings: EvidenceSettings,
  { peak, within, margin, step }: CriterionEvidence,
  baseline: string | undefined,
): { readonly worse: Strength; readonly good: Strength } {
  const need = needed(settings);
  const log = comparesMargin(settings, step, baseline) ? Math.min(within.log, margin.log) : within.log;
  return {
    worse: { evidence: capital(peak), needed: need.worse },
    good: { evidence: capital(log), needed: need.good },
  };
}

/** JSON has no infinity. */
const capital = (log: number): number => Math.exp(Math.min(log, 700));

/** Where nobody had a bad request yet, there is nothing to compare. */
const comparesMargin = (
  settings: EvidenceSettings,
  { candidate, baseline }: Tally,
  name: string | undefined,
): settings is EvidenceSettings & { margin: number } =>
  settings.margin !== undefined && name !== undefined && candidate.bad + baseline.bad > 0;

function criterion(
  settings: EvidenceSettings,
  name: string,
  known: CriterionEvidence,
  baseline: string | undefined,
): Judged {
  const { objective = 0, bad = `counted as ${name}` } = settings.criteria[name] ?? {};
  const { worse, within, margin, shift, step } = known;
  const { candidate } = step;
  const other = baseline === undefined ? undefined : step.baseline;
  const need = needed(settings);
  const until = (martingale: TestMartingale, bets: Bets, { heads, of, chance }: Tosses, evidence: number) => {
    if (candidate.of === 0) return undefined;
    const each = { heads: heads / candidate.of, of: of / candidate.of, chance };
    return repetitionsUntil(martingale, bets, each, Math.log(evidence));
  };
  const all = { heads: candidate.bad, of: candidate.of, chance: objective };
  const untilWithin = until(within, BETTER, all, need.good);
  const untilMargin = comparesMargin(settings, step, baseline)
    ? until(margin, BETTER, ownership(candidate, step.baseline, settings.margin), need.good)
    : 0;
  return {
    ...{ name, bad, objective, shift, step },
    ...strengths(settings, known, baseline),
    untilWorse: until(worse, WORSE, worseTosses(candidate, other, objective), need.worse),
    untilGood:
      untilWithin === undefined || untilMargin === undefined ? undefined : Math.max(untilWithin, untilMargin),
  };
}

function verdict(version: string, baseline: string | undefined, judged: readonly Judged[]): Verdict {
  const findings = Object.fromEntries(
    judged.map(({ name, objective, shift, step, worse, good }): [string, Finding] => [
      name,
      { objective, shift, step, worse, good },
    ]),
  );
  const than = baseline === undefined ? "objective" : "baseline";

  const bad = judged.find(({ worse }) => reached(worse));
  if (bad !== undefined) {
    const words = `${version} is worse than ${baseline ?? "the objective"}: ${compared(version, baseline, bad, bad.shift)}, ${evidence(bad.worse)}.`;
    return { verdict: "worse", than, criterion: bad.name, findings, words };
  }

  const lacking = judged.filter(({ good }) => !reached(good));
  if (lacking.length === 0) {
    const each = judged.map((c) => `${compared(version, baseline, c, c.step)}, ${evidence(c.good)}`);
    return {
      verdict: "good enough",
      findings,
      words: `${version} is good enough in this step: ${each.join("; ")}.`,
    };
  }

  const [worst] = lacking.sort((a, b) => (b.untilGood ?? Infinity) - (a.untilGood ?? Infinity));
  if (worst === undefined || worst.step.candidate.of === 0) {
    const words = `${version} is not decided: no requests of it were counted in this step.`;
    return { verdict: "inconclusive", forecast: undefined, findings, words };
  }
  const forecast = forecasts(judged, worst);
  const words = `${version} is not decided: ${compared(version, baseline, worst, worst.step)}. ${foreseen(version, baseline, worst, forecast)}`;
  return { verdict: "inconclusive", forecast, findings, words };
}

/** Which verdict comes first if all goes on as in this step. */
function forecasts(judged: readonly Judged[], last: Judged): Forecast | undefined {
  const after = (verdict: Forecast["verdict"], { step }: Judged, requests: number | undefined): Forecast[] =>
    requests === undefined
      ? []
      : [{ verdict, requests, seconds: (requests / step.candidate.of) * step.seconds }];
  return [
    ...judged.flatMap((c) => after("worse", c, c.untilWorse)),
    ...after("good enough", last, last.untilGood),
  ].sort((a, b) => a.seconds - b.seconds)[0];
}

/** A difference is taken for chance where it takes so many times the requests that were counted to be shown. */
const CHANCE = 10;

function foreseen(
  version: string,
  baseline: string | undefined,
  { objective, step }: Judged,
  forecast?: Forecast,
): string {
  const { candidate } = step;
  const far = forecast === undefined || forecast.requests > CHANCE * candidate.of;
  if (far && baseline !== undefined && candidate.bad >= objective * candidate.of) {
    return `It misses the objective of ${percent(objective)}, but no more than ${baseline}: no version is blamed for it.`;
  }
  if (forecast === undefined) return "More requests of the same kind do not decide it.";
  const { verdict, requests, seconds } = forecast;
  return `If this goes on, it is ${verdict} after about ${about(requests)} more requests of ${version} (${duration(seconds)}).`;
}

/** "9 of 120 requests of v2 failed (7.5 %), 3 of 2,300 of v1 (0.13 %), objective 1 %" */
function compared(
  version: string,
  baseline: string | undefined,
  { bad, objective }: Judged,
  tally: Tally,
): string {
  const share = ({ bad, of }: Count): string => (of === 0 ? "" : ` (${percent(bad / of)})`);
  const { candidate, baseline: other } = tally;
  return [
    `${count(candidate.bad)} of ${count(candidate.of)} requests of ${version} ${bad}${share(candidate)}`,
    ...(baseline === undefined
      ? []
      : [`${count(other.bad)} of ${count(other.of)} of ${baseline}${share(other)}`]),
    `objective ${percent(objective)}`,
  ].join(", ");
}

const evidence = ({ evidence, needed }: Strength): string =>
  `evidence ${about(evidence)} of ${about(needed)}`;
