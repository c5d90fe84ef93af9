/**
 * Evidence against a claim about a coin, for which one may look at any time: a test martingale.
 *
 * Capital 1 is dealt over bets. Each bet says that heads come with odds `ratio` times as high as claimed, and is multiplied by how much
 * better it foretold what was seen. Where the claim is true, no bet is expected to grow, so the whole reaches 1/α with probability at
 * most α, whenever and however often one looks (Ville's inequality; Shafer, Shen, Vereshchagin, Vovk, "Test martingales, Bayes
 * factors and p-values", Statistical Science 2011).
 */

/** The bets against one kind of claim. The shares sum to 1. */
export interface Bets {
  readonly ratios: readonly number[];
  readonly shares: readonly number[];
}

/** Plain data: it may be written as JSON and read again. */
export interface TestMartingale {
  /** Natural logarithm of the capital. */
  readonly log: number;
  /** How the capital is spread over the bets; sums to 1. */
  readonly shares: readonly number[];
}

/** What was seen of a coin. */
export interface Tosses {
  readonly heads: number;
  readonly of: number;
  /** Chance of heads by the claim. */
  readonly chance: number;
}

/** `count` ratios from `low` to `high`, evenly spaced in their logarithms. */
export const logSpaced = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));

/** Bets on `ratios` in equal shares, beside a reserve: the share that is not bet (a ratio of 1 neither wins nor loses). */
export function bets(ratios: readonly number[], reserve: number): Bets {
  const shares = ratios.map(() => (1 - reserve) / ratios.length);
  return reserve === 0 ? { ratios, shares } : { ratios: [1, ...ratios], shares: [reserve, ...shares] };
}

export const untested = ({ shares }: Bets): TestMartingale => ({ log: 0, shares });

/**
 * The capital after `tosses`.
 *
 * A bet's factor is the likelihood ratio of odds `ratio` against 1: it comes to `ratio^heads / (1 + (ratio − 1)·chance)^of`.
 */
export function update({ log, shares }: TestMartingale, { ratios }: Bets, tosses: Tosses): TestMartingale {
  const { heads, of, chance } = tosses;
  if (of === 0) return { log, shares };
  // By logarithms, since thousands of tosses at once are more than a number holds.
  const logs = shares.map((share, i) => {
    const ratio = ratios[i] ?? 1;
    return Math.log(share) + heads * Math.log(ratio) - of * Math.log1p((ratio - 1) * chance);
  });
  const top = logs.reduce((a, b) => (a > b ? a : b));
  const parts = logs.map((l) => Math.exp(l - top));
  const sum = parts.reduce((a, b) => a + b);
  return { log: log + top + Math.log(sum), shares: parts.map((part) => part / sum) };
}

/**
 * Deals a part of the capital out as at the start, and leaves the sum as it is: a change that comes late is then found about as fast as one
 * that was there from the start, since no bet is ever down to nothing ("fixed share": Herbster, Warmuth, "Tracking the best expert",
 * Machine Learning 1998).
 */
export const redeal = (martingale: TestMartingale, dealt: Bets, part: number): TestMartingale => ({
  log: martingale.log,
  shares: martingale.shares.map((share, i) => (1 - part) * share + part * (dealt.shares[i] ?? 0)),
});

/** More repetitions than this are as good as never. */
const NEVER = 1e9;

/**
 * How many times `tosses` have to come, one time like the other, until the logarithm of the capital reaches `log`; undefined where they never
 * get it there. `tosses` may be fractions: what one request brings on average.
 */
export function repetitionsUntil(
  martingale: TestMartingale,
  dealt: Bets,
  { heads, of, chance }: Tosses,
  log: number,
): number | undefined {
  const reached = (times: number): boolean =>
    update(martingale, dealt, { heads: times * heads, of: times * of, chance }).log >= log;
  if (reached(0)) return 0;
  if (!reached(NEVER)) return undefined;
  // The logarithm is convex in the repetitions: once above, it stays there.
  let [low, high] = [0, NEVER];
  while (high - low > Math.max(1, low / 1000)) {
    const middle = Math.sqrt(Math.max(0.5, low) * high);
    if (reached(middle)) high = middle;
    else low = middle;
  }
  return Math.ceil(high);
}
