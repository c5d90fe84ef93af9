/** What is known of versions after each batch of counts. Plain data: it may be written as JSON and read again. */
import { sameShares, serves, type Batch, type Count, type Shares } from "./counts";
import {
  bets,
  logSpaced,
  redeal,
  untested,
  update,
  type Bets,
  type TestMartingale,
  type Tosses,
} from "./test-martingale";

export interface Criterion {
  /** The ratio of bad requests that is still acceptable: above 0, below 1. */
  readonly objective: number;
  /** What a bad request did, as it stands in a verdict: "failed", "took longer than 500 ms". Default: "counted as <name>". */
  readonly bad?: string;
}

export interface EvidenceSettings {
  /** The version that the candidates are compared with. Without it, or while its share is 0, they are compared with the objective. */
  readonly baseline?: string;
  readonly candidates: readonly string[];
  /** Name → criterion. All of them together have the error probability `alpha`. */
  readonly criteria: Readonly<Record<string, Criterion>>;
  /**
   * The probability of a wrong verdict, at most: that any good version is ever called worse in the whole shift, and that any bad one is called
   * good enough in a step. Default: 0.01.
   */
  readonly alpha?: number;
  /**
   * Good enough then also takes evidence that a version is bad less than so many times as often as the baseline; above 1. Default: none, since the
   * better the baseline, the more requests it takes (docs/evidence.md).
   */
  readonly margin?: number;
}

export const DEFAULT_ALPHA = 0.01;

/** Sums over batches. */
export interface Tally {
  readonly candidate: Count;
  readonly baseline: Count;
  readonly seconds: number;
}

/** What is known of a version by one criterion. */
export interface CriterionEvidence {
  /** Against "never worse than the baseline": over the whole shift. */
  readonly worse: TestMartingale;
  /** The most that `worse.log` ever was. */
  readonly peak: number;
  /** Against "misses the objective": in this step. */
  readonly within: TestMartingale;
  /** Against "`margin` times as bad as the baseline": in this step. */
  readonly margin: TestMartingale;
  readonly shift: Tally;
  readonly step: Tally;
}

export interface Evidence {
  readonly settings: EvidenceSettings;
  /** The split of the step at work; undefined before the first batch. */
  readonly shares: Shares | undefined;
  /** Candidate → criterion → what is known. */
  readonly versions: Readonly<Record<string, Readonly<Record<string, CriterionEvidence>>>>;
}

/** A version that is worse has higher odds of a bad request; one that is good enough has lower odds. */
export const WORSE: Bets = bets(logSpaced(1.5, 200, 32), 0.05);
export const BETTER: Bets = bets(logSpaced(0.01, 0.9, 24), 0);

/** How much of the capital is dealt anew: after each batch, since a fault may begin at any time, and after a step, since it often begins there. */
export const REDEALT = { batch: 1 / 500, step: 1 / 5 };

const NOTHING: Tally = { candidate: { bad: 0, of: 0 }, baseline: { bad: 0, of: 0 }, seconds: 0 };
const NEW_STEP = { within: untested(BETTER), margin: untested(BETTER), step: NOTHING };

/**
 * Evidence before the first batch.
 *
 * @throws RangeError for an objective or `alpha` outside 0 to 1, a `margin` of 1 or less, or settings without candidates or criteria.
 */
export function begin(settings: EvidenceSettings): Evidence {
  const { candidates, criteria, baseline, alpha = DEFAULT_ALPHA, margin } = settings;
  const ratios = [alpha, ...Object.values(criteria).map(({ objective }) => objective)];
  if (!ratios.every((ratio) => ratio > 0 && ratio < 1)) {
    throw new RangeError("alpha and each objective are above 0 and below 1");
  }
  if (margin !== undefined && !(margin > 1)) throw new RangeError("margin is above 1");
  if (candidates.length === 0 || ratios.length === 1) throw new RangeError("no candidate or no criterion");
  if (candidates.some((candidate) => candidate === baseline))
    throw new RangeError("the baseline is no candidate");
  const fresh: CriterionEvidence = { worse: untested(WORSE), peak: 0, shift: NOTHING, ...NEW_STEP };
  const known = Object.fromEntries(Object.keys(criteria).map((name) => [name, fresh]));
  return {
    settings,
    shares: undefined,
    versions: Object.fromEntries(candidates.map((candidate) => [candidate, known])),
  };
}

/**
 * Evidence after a batch. Other shares than before begin a step: what tells that a version is worse is kept, and what tells that it is
 * good enough begins anew, because a version may bear little traffic and fail under more.
 *
 * A criterion that was not counted for a version, or for a baseline that has a share, stays as it is.
 */
export function observe(evidence: Evidence, { seconds, shares, counts }: Batch): Evidence {
  const { settings } = evidence;
  const step = evidence.shares !== undefined && !sameShares(evidence.shares, shares);
  const compared = serves(settings.baseline, shares);
  const other = compared ? counts[settings.baseline] : undefined;
  const versions = Object.entries(evidence.versions).map(([version, known]) => {
    const updated = Object.entries(known).map(([name, before]) => {
      const start = step
        ? { ...before, ...NEW_STEP, worse: redeal(before.worse, WORSE, REDEALT.step) }
        : before;
      const candidate = counts[version]?.[name];
      const baseline = other?.[name];
      const objective = settings.criteria[name]?.objective;
      if (candidate === undefined || objective === undefined || (compared && baseline === undefined)) {
        return [name, start] as const;
      }
      return [
        name,
        add(start, { candidate, baseline, seconds, objective, margin: settings.margin }),
      ] as const;
    });
    return [version, Object.fromEntries(updated)] as const;
  });
  return { settings, shares, versions: Object.fromEntries(versions) };
}

interface Observed {
  readonly candidate: Count;
  /** Undefined where it has no share. */
  readonly baseline: Count | undefined;
  readonly seconds: number;
  readonly objective: number;
  readonly margin: number | undefined;
}

function add(known: CriterionEvidence, observed: Observed): CriterionEvidence {
  const { candidate, baseline, objective, margin } = observed;
  const worse = update(
    redeal(known.worse, WORSE, REDEALT.batch),
    WORSE,
    worseTosses(candidate, baseline, objective),
  );
  const sum = (tally: Tally): Tally => ({
    candidate: plus(tally.candidate, candidate),
    baseline: baseline === undefined ? tally.baseline : plus(tally.baseline, baseline),
    seconds: tally.seconds + observed.seconds,
  });
  return {
    worse,
    peak: Math.max(known.peak, worse.log),
    within: update(known.within, BETTER, { heads: candidate.bad, of: candidate.of, chance: objective }),
    margin:
      margin === undefined || baseline === undefined
        ? known.margin
        : update(known.margin, BETTER, ownership(candidate, baseline, margin)),
    shift: sum(known.shift),
    step: sum(known.step),
  };
}

/** The tosses of which a version that is no worse has no better chance: of bad requests to be its own, else of its requests to be bad. */
export const worseTosses = (candidate: Count, baseline: Count | undefined, objective: number): Tosses =>
  baseline === undefined
    ? { heads: candidate.bad, of: candidate.of, chance: objective }
    : ownership(candidate, baseline, 1);

/** Each bad request of the two is a toss: the candidate's own by chance, where it is bad `ratio` times as often as the baseline. */
export function ownership(candidate: Count, baseline: Count, ratio: number): Tosses {
  const all = ratio * candidate.of + baseline.of;
  return {
    heads: candidate.bad,
    of: candidate.bad + baseline.bad,
    chance: all === 0 ? 0 : (ratio * candidate.of) / all,
  };
}

const plus = (a: Count, b: Count): Count => ({ bad: a.bad + b.bad, of: a.of + b.of });
