/** How many requests and how much time a shift takes, before it begins. */
import { BETTER, ownership, REDEALT, WORSE, type EvidenceSettings } from "./evidence";
import { needed } from "./verdict";
import { redeal, repetitionsUntil, untested, update, type Tosses } from "./test-martingale";
import { about, duration } from "./verdict-words";

export interface PlanSettings {
  /** Shares of the candidate in percent, in order: {@link stepsTo}. */
  readonly steps: readonly number[];
  /** Requests per second of all versions together. */
  readonly rate: number;
  /** A version that is bad so many times as often as the objective allows is to be seen, beside a baseline that just meets it. Default: 2. */
  readonly detect?: number;
  /** How often a good version is bad, as a part of the objective. Default: 0.1. */
  readonly healthy?: number;
  /** Longer than this a step may not last. Default: 3,600 seconds. */
  readonly longestStep?: number;
}

/** About half of all shifts need more, half less. */
export interface Needs {
  readonly requests: number;
  readonly seconds: number;
}

export interface StepPlan {
  readonly share: number;
  /** Requests per second of the candidate. */
  readonly rate: number;
  /** To see the version that is to be seen; Infinity where this traffic never shows it. */
  readonly see: Needs;
  /** Bad answers of that version until then. */
  readonly badAnswers: number;
  /** To find a good version good enough. */
  readonly pass: Needs;
  /** When to give up and hold: twice the longer of the two, by when 19 of 20 shifts are decided. */
  readonly limit: number;
  /** Whether `limit` is within the longest step. */
  readonly judged: boolean;
  readonly words: string;
}

export interface ShiftPlan {
  readonly steps: readonly StepPlan[];
  /** Seconds: of a good version, and if each step lasts until its limit. */
  readonly expected: number;
  readonly longest: number;
}

const STEPS = [1, 5, 10, 25, 50];

/**
 * The usual steps from share `from` to share `to`, in percent.
 *
 * None between 50 and 100: only the rarer version teaches something about the difference, so that a step there shows more users a version about
 * which less is learnt.
 */
export const stepsTo = (to: number, from = 0): number[] => [
  ...STEPS.filter((share) => share > from && share < to),
  to,
];

/**
 * What each step of a shift needs, by the slowest of the criteria, of one candidate beside the baseline.
 *
 * The numbers are of average requests: evidence is grown by what requests bring on average until it suffices.
 */
export function planShift(settings: EvidenceSettings, plan: PlanSettings): ShiftPlan {
  const criteria = Object.values(settings.criteria).map(({ objective }) =>
    criterionNeeds(settings, plan, objective),
  );
  const steps = plan.steps.map((share, i): StepPlan => {
    const rate = (plan.rate * share) / 100;
    const needs = (requests: readonly number[]): Needs => {
      const most = Math.max(...requests);
      return { requests: most, seconds: most / rate };
    };
    const [see, pass] = [
      needs(criteria.map((c) => c[i]?.see ?? 0)),
      needs(criteria.map((c) => c[i]?.pass ?? 0)),
    ];
    const limit = 2 * Math.max(see.seconds, pass.seconds);
    const judged = limit <= (plan.longestStep ?? 3600);
    const badAnswers = Math.max(...criteria.map((c) => c[i]?.bad ?? 0));
    return {
      share,
      rate,
      see,
      badAnswers,
      pass,
      limit,
      judged,
      words: words(share, rate, see, pass, judged),
    };
  });
  const sum = (seconds: (step: StepPlan) => number): number =>
    steps.reduce((total, step) => total + seconds(step), 0);
  return { steps, expected: sum(({ pass }) => pass.seconds), longest: sum(({ limit }) => limit) };
}

interface CriterionNeeds {
  readonly see: number;
  readonly bad: number;
  readonly pass: number;
}

/** Requests of the candidate by one criterion, step by step: a good version's evidence is carried from each to the next. */
function criterionNeeds(
  settings: EvidenceSettings,
  { steps, detect = 2, healthy = 0.1 }: PlanSettings,
  objective: number,
): CriterionNeeds[] {
  const need = needed(settings);
  const [good, bad] = [healthy * objective, odds(detect, objective)];
  const pass = repetitionsUntil(
    untested(BETTER),
    BETTER,
    { heads: good, of: 1, chance: objective },
    Math.log(need.good),
  );
  let worse = untested(WORSE);
  return steps.map((share, i) => {
    const perRequest = (candidate: number, baseline: number): Tosses =>
      share === 100 || settings.baseline === undefined
        ? { heads: candidate, of: 1, chance: objective }
        : ownership(
            { bad: candidate, of: 1 },
            { bad: (baseline * (100 - share)) / share, of: (100 - share) / share },
            1,
          );
    if (i > 0) worse = redeal(worse, WORSE, REDEALT.step);
    const see = repetitionsUntil(worse, WORSE, perRequest(bad, objective), Math.log(need.worse)) ?? Infinity;
    const times = pass ?? 0;
    const { heads, of, chance } = perRequest(good, good);
    worse = update(worse, WORSE, { heads: times * heads, of: times * of, chance });
    return { see, bad: see * bad, pass: pass ?? Infinity };
  });
}

/** The ratio whose odds are `factor` times as high: about `factor` times a small ratio, and never above 1. */
const odds = (factor: number, ratio: number): number => (factor * ratio) / (1 - ratio + factor * ratio);

function words(share: number, rate: number, see: Needs, pass: Needs, judged: boolean): string {
  const needs = ({ requests, seconds }: Needs): string =>
    `${about(requests)} requests (${duration(seconds)})`;
  const all = `${share} %, ${about(rate)} requests per second: a good version passes after about ${needs(pass)}, one that is to be seen is seen after ${needs(see)}`;
  return judged ? `${all}.` : `${all}. That is too long: this step cannot be judged at this traffic.`;
}
