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
  /** Weights of which each alone would repair it; none where nothing sensible is near. */
  readonly repairs: readonly { readonly version: string; readonly weight: Weight }[];
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
  const entries = Object.entries(weights);
  for (const [version, weight] of entries) {
    if (!versions.includes(version)) {
      problems.push({
        version,
        found: `a weight for version "${version}", which is not declared`,
        allowed: `declared versions: ${versions.join(", ")}`,
        repairs: [],
      });
    }
    if (weight === "rest") continue;
    if (!Number.isFinite(weight) || weight < 0 || weight > 100) {
      problems.push({
        version,
        found: String(weight),
        allowed: 'a number from 0 to 100, or "rest"',
        repairs: Number.isNaN(weight) ? [] : [{ version, weight: weight < 0 ? 0 : 100 }],
      });
    } else if (!decimals(weight)) {
      problems.push({
        version,
        found: String(weight),
        allowed: "at most two decimals",
        repairs: [{ version, weight: percent(units(weight)) }],
      });
    }
  }

  const rests = entries.filter(([, w]) => w === "rest").map(([version]) => version);
  const numbers = entries.filter((e): e is [string, number] => e[1] !== "rest");
  const readable = numbers.every(([, w]) => w >= 0 && w <= 100 && decimals(w));
  const sum = numbers.reduce((s, [, w]) => s + units(w), 0);
  const missing = versions.filter((version) => !Object.hasOwn(weights, version));
  missing.forEach((version, i) => {
    const left = readable && missing.length === 1 && sum <= WHOLE ? percent(WHOLE - sum) : 0;
    const first = i === 0 && rests.length === 0;
    problems.push({
      version,
      found: "no weight for a declared version",
      allowed: "a weight for every declared version (0 keeps it deployed without traffic)",
      repairs: [{ version, weight: first ? (missing.length > 1 ? "rest" : left) : 0 }],
    });
  });

  if (rests.length > 1) {
    problems.push({
      found: `"rest" for ${rests.join(" and ")}`,
      allowed: 'at most one version may say "rest"',
      repairs: rests.length === 2 && readable ? rests.map((version) => ({ version, weight: 0 })) : [],
    });
  }
  // The sum says something only when every weight is known and counts.
  const undeclared = entries.some(([version]) => !versions.includes(version));
  if (!readable || undeclared || rests.length > 1) return problems;
  const [rest] = rests;
  if (rest === undefined && sum !== WHOLE && (missing.length === 0 || sum > WHOLE)) {
    problems.push({
      found: `weights that sum to ${percent(sum)} (${numbers.map(([v, w]) => `${v} ${w}`).join(", ")})`,
      allowed: "weights that sum to 100",
      repairs: sumRepairs(numbers, sum),
    });
  } else if (rest !== undefined && sum > WHOLE) {
    problems.push({
      found: `weights that sum to ${percent(sum)}, which leaves nothing for the rest (${rest})`,
      allowed: "at most 100 beside a rest",
      repairs: sumRepairs(numbers, sum),
    });
  }
  return problems;
}

/** The weights of which one alone makes the sum 100: of every version when there are two, else of the largest. */
function sumRepairs(numbers: readonly (readonly [string, number])[], sum: number): WeightProblem["repairs"] {
  return [...numbers]
    .sort(([, a], [, b]) => b - a)
    .map(([version, w]) => ({ version, weight: percent(WHOLE - sum + units(w)) }))
    .filter(({ weight }) => weight >= 0 && weight <= 100)
    .slice(0, numbers.length === 2 ? 2 : 1);
}

/**
 * Share of each version in percent, "rest" worked out; keys in the order of `weights`.
 *
 * @throws RangeError when {@link weightProblems} finds any.
 */
export function effectiveShares(weights: Weights): Shares {
  const problems = weightProblems(weights, Object.keys(weights));
  if (problems.length > 0) {
    throw new RangeError(
      problems
        .map(
          (p) =>
            `weights${p.version === undefined ? "" : `.${p.version}`}: found ${p.found}; allowed: ${p.allowed}`,
        )
        .join("; "),
    );
  }
  const given = Object.values(weights).reduce<number>((sum, w) => (w === "rest" ? sum : sum + units(w)), 0);
  return Object.fromEntries(
    Object.entries(weights).map(([version, w]) => [
      version,
      percent(w === "rest" ? WHOLE - given : units(w)),
    ]),
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
