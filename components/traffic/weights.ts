/**
 * Traffic weights as a user writes them and as Istio takes them.
 *
 * Pure: plain data in, plain data out.
 */

/** Share of the traffic in percent (0 to 100, at most two decimals), or "rest": whatever the others leave. */
export type Weight = number | "rest";

/** Version name → its weight. */
export type Weights = Readonly<Record<string, Weight>>;

/** Version name → its share in percent; the shares sum to 100. */
export type Shares = Readonly<Record<string, number>>;

/** What is wrong with a set of weights, in words that do not depend on where the weights were written. */
export interface WeightProblem {
  /** The version it concerns; absent when it concerns all of them. */
  readonly version?: string;
  readonly found: string;
  readonly allowed: string;
  /** Value that would repair it, when there is exactly one sensible choice. */
  readonly suggestion?: number | "rest";
}

/** One percent is a hundred units: weights have two decimals. */
const UNITS_PER_PERCENT = 100;
const WHOLE = 100 * UNITS_PER_PERCENT;

/** Decimal arithmetic on units: 0.29 * 100 is 28.999999999999996 in binary. */
const units = (percent: number): number => Math.round(percent * UNITS_PER_PERCENT);
const percent = (u: number): number => u / UNITS_PER_PERCENT;
const decimals = (n: number): boolean => Math.abs(n * UNITS_PER_PERCENT - units(n)) < 1e-6;

/**
 * Everything that is wrong with `weights` for the declared `versions`; empty when they can be used.
 *
 * Rules: each weight is 0 to 100 with at most two decimals, at most one is "rest", they sum to 100, every weight
 * belongs to a declared version and every declared version has one.
 */
export function weightProblems(weights: Weights, versions: readonly string[]): WeightProblem[] {
  const problems: WeightProblem[] = [];
  const rests: string[] = [];
  let sum = 0;
  let summable = true;
  for (const [version, weight] of Object.entries(weights)) {
    if (!versions.includes(version)) {
      problems.push({
        version,
        found: `a weight for version "${version}", which is not declared`,
        allowed: `declared versions: ${versions.join(", ")}`,
      });
    }
    if (weight === "rest") {
      rests.push(version);
    } else if (!Number.isFinite(weight) || weight < 0 || weight > 100) {
      problems.push({ version, found: String(weight), allowed: 'a number from 0 to 100, or "rest"' });
      summable = false;
    } else if (!decimals(weight)) {
      problems.push({
        version,
        found: String(weight),
        allowed: "at most two decimals",
        suggestion: percent(units(weight)),
      });
      summable = false;
    } else {
      sum += units(weight);
    }
  }
  for (const version of versions) {
    if (!Object.hasOwn(weights, version)) {
      problems.push({
        version,
        found: `no weight for the declared version "${version}"`,
        allowed: "a weight for every declared version (0 keeps it deployed without traffic)",
        suggestion: 0,
      });
    }
  }
  if (rests.length > 1) {
    problems.push({ found: `"rest" for ${rests.join(" and ")}`, allowed: 'at most one version may say "rest"' });
  } else if (summable && rests.length === 1 && sum > WHOLE) {
    problems.push({
      found: `weights that leave less than nothing for "rest": the others sum to ${percent(sum)}`,
      allowed: "at most 100 beside a rest",
    });
  } else if (summable && rests.length === 0 && sum !== WHOLE) {
    problems.push({ found: `weights that sum to ${percent(sum)}`, allowed: "weights that sum to 100" });
  }
  return problems;
}

/**
 * Share of each version in percent, "rest" worked out; keys in the order of `weights`.
 *
 * @throws RangeError when {@link weightProblems} finds any.
 */
export function effectiveShares(weights: Weights): Shares {
  const problems = weightProblems(weights, Object.keys(weights));
  if (problems.length > 0) {
    throw new RangeError(problems.map((p) => `found ${p.found}; allowed: ${p.allowed}`).join("\n"));
  }
  const given = Object.values(weights).reduce<number>((sum, w) => (w === "rest" ? sum : sum + units(w)), 0);
  return Object.fromEntries(
    Object.entries(weights).map(([version, w]) => [version, percent(w === "rest" ? WHOLE - given : units(w))]),
  );
}

/**
 * Shares as the integers that Istio takes: as percent when all are whole, else scaled by 100.
 *
 * Istio's weights are int32 and relative (istio/istio #39544): they need not sum to 100.
 */
export function integerWeights(shares: Shares): Readonly<Record<string, number>> {
  const whole = Object.values(shares).every((s) => units(s) % UNITS_PER_PERCENT === 0);
  return Object.fromEntries(
    Object.entries(shares).map(([v, s]) => [v, whole ? units(s) / UNITS_PER_PERCENT : units(s)]),
  );
}
