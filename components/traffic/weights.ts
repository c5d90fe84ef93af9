/**
 * Traffic weights as settings and as Istio's integers.
 *
 * Pure: plain data in, plain data out.
 */

import { isExactPercent, percentUnits, roundedPercent, UNITS_PER_PERCENT } from "./percent";
import type { Repair } from "./problem";
import { trafficProblem, trafficProblemText, type TrafficProblem } from "./traffic-messages";

/** Share of the requests in percent (0 to 100, at most two decimals), or "rest": 100 minus the other weights. */
export type Weight = number | "rest";

/** Version name → its weight. */
export type Weights = Readonly<Record<string, Weight>>;

/** Version name → its share in percent; the shares sum to 100. */
export type Shares = Readonly<Record<string, number>>;

const WHOLE = 100 * UNITS_PER_PERCENT;

const percent = (u: number): number => u / UNITS_PER_PERCENT;

/**
 * All problems of `weights` for the declared `versions`, with paths from the version on; empty where there are none. An
 * undefined weight is one that could not be read: its version has a weight, and the sum is not checked.
 *
 * Each weight is 0 to 100 with at most two decimals. At most one is "rest". The sum is 100. Each weight belongs to a declared
 * version, and each declared version has a weight.
 */
export function weightProblems(
  weights: Readonly<Record<string, Weight | undefined>>,
  versions: readonly string[],
): readonly TrafficProblem[] {
  const entries = Object.entries(weights);
  const problems = entries.flatMap(([version, weight]) => [
    ...(versions.includes(version)
      ? []
      : [
          trafficProblem(
            "weightUndeclared",
            [version],
            { version, declared: versions },
            { remove: [version] },
          ),
        ]),
    ...rangeProblems(version, weight),
  ]);

  const rests = entries.filter(([, w]) => w === "rest").map(([version]) => version);
  const numbers = entries.filter((e): e is [string, number] => typeof e[1] === "number");
  const readable =
    !entries.some(([, w]) => w === undefined) && numbers.every(([v, w]) => rangeProblems(v, w).length === 0);
  const sum = numbers.reduce((s, [, w]) => s + percentUnits(w), 0);
  const missing = versions.filter((version) => !Object.hasOwn(weights, version));
  missing.forEach((version, i) => {
    const left = readable && missing.length === 1 && sum <= WHOLE ? percent(WHOLE - sum) : 0;
    const first = i === 0 && rests.length === 0;
    const set = first ? (missing.length > 1 ? "rest" : left) : 0;
    problems.push(trafficProblem("weightMissing", [version], {}, { set }));
  });

  if (rests.length > 1) {
    const zero = rests.length === 2 && readable ? rests.map((version) => ({ at: [version], set: 0 })) : [];
    problems.push(trafficProblem("weightRestTwice", [], { versions: rests }, ...zero));
  }
  // The sum is meaningful only if every weight is correct.
  const undeclared = entries.some(([version]) => !versions.includes(version));
  if (!readable || undeclared || rests.length > 1) return problems;
  const [rest] = rests;
  const repairs = sumRepairs(numbers, sum);
  if (rest === undefined && sum !== WHOLE && (missing.length === 0 || sum > WHOLE)) {
    problems.push(trafficProblem("weightSum", [], { sum: percent(sum), weights: numbers }, ...repairs));
  } else if (rest !== undefined && sum > WHOLE) {
    problems.push(trafficProblem("weightNoRest", [], { sum: percent(sum), rest }, ...repairs));
  }
  return problems;
}

function rangeProblems(version: string, weight: Weight | undefined): TrafficProblem[] {
  if (weight === undefined || weight === "rest") return [];
  if (!Number.isFinite(weight) || weight < 0 || weight > 100) {
    const nearest = Number.isNaN(weight) ? [] : [{ set: weight < 0 ? 0 : 100 }];
    return [trafficProblem("weightOutOfRange", [version], { weight }, ...nearest)];
  }
  const rounded = roundedPercent(weight);
  return isExactPercent(weight)
    ? []
    : [trafficProblem("weightTooPrecise", [version], { weight }, { set: rounded })];
}

/** Changes of one weight that make the sum 100: of each version if there are two, otherwise of the largest weight. */
function sumRepairs(numbers: readonly (readonly [string, number])[], sum: number): Repair[] {
  return [...numbers]
    .sort(([, a], [, b]) => b - a)
    .map(([version, w]) => ({ at: [version], set: percent(WHOLE - sum + percentUnits(w)) }))
    .filter(({ set }) => set >= 0 && set <= 100)
    .slice(0, numbers.length === 2 ? 2 : 1);
}

/**
 * Share of each version in percent, with "rest" as a number; keys in the order of `weights`.
 *
 * @throws RangeError if {@link weightProblems} finds a problem.
 */
export function effectiveShares(weights: Weights): Shares {
  const problems = weightProblems(weights, Object.keys(weights));
  if (problems.length > 0) {
    throw new RangeError(problems.map((problem) => trafficProblemText(problem, ["weights"])).join("; "));
  }
  const given = Object.values(weights).reduce<number>(
    (sum, w) => (w === "rest" ? sum : sum + percentUnits(w)),
    0,
  );
  return Object.fromEntries(
    Object.entries(weights).map(([version, w]) => [
      version,
      percent(w === "rest" ? WHOLE - given : percentUnits(w)),
    ]),
  );
}

/**
 * Shares as Istio's integers: percent if all are whole, otherwise percent times 100.
 *
 * Istio's weights are int32 and relative (istio/istio #39544): they need not sum to 100.
 */
export function integerWeights(shares: Shares): Readonly<Record<string, number>> {
  const whole = Object.values(shares).every((s) => percentUnits(s) % UNITS_PER_PERCENT === 0);
  const fine = fineWeights(shares);
  return whole
    ? Object.fromEntries(Object.entries(fine).map(([version, units]) => [version, units / UNITS_PER_PERCENT]))
    : fine;
}

/** Shares as Istio's integers, whose sum is always the same: percent times 100. */
export const fineWeights = (shares: Shares): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(shares).map(([version, share]) => [version, percentUnits(share)]));

/** Relative weights of Istio as percent. A missing one is 0, but a lone destination needs none. Without any weight above 0 all are 0. */
export function percentByWeight(route: readonly { readonly weight?: number }[]): number[] {
  const weights = route.length === 1 ? [1] : route.map(({ weight }) => weight ?? 0);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => (sum > 0 ? (100 * weight) / sum : 0));
}
