/** Requests that meet the conditions of some scenarios and not those of others. */
import type { Condition, Choice, Domains } from "./domains";

/** A generator of numbers that is the same in every run (mulberry32). Below `limit`. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

export type Conditions = readonly Condition[];

export const isMet = (conditions: Conditions, choice: Choice): boolean =>
  conditions.every(({ dimension, holds }) => holds[choice.get(dimension) ?? 0] === true);

/** Texts of a dimension, by index, that meet all conditions on it. */
function fitting(conditions: Conditions, dimension: string, { texts }: Domains): number[] {
  const on = conditions.filter((one) => one.dimension === dimension);
  const size = texts.get(dimension)?.length ?? 0;
  const found: number[] = [];
  for (let i = 0; i < size; i++) if (on.every(({ holds }) => holds[i] === true)) found.push(i);
  return found;
}

/** How many conditions of others are broken before a scenario is given up. */
const REPAIRS = 12;

/**
 * `wanted` met, none of `unwanted` met as a whole; the rest is as in `base`. Undefined where no text of a domain meets the
 * conditions. Where `unwanted` cannot be left out within some steps, the choice is given as it is.
 */
export function solve(
  domains: Domains,
  wanted: Conditions,
  unwanted: readonly Conditions[],
  random: (limit: number) => number,
  base: Choice = new Map(),
): Choice | undefined {
  const choice: Choice = new Map(base);
  for (const dimension of new Set(wanted.map((one) => one.dimension))) {
    const known = choice.get(dimension) ?? 0;
    const indices = fitting(wanted, dimension, domains);
    if (indices.length === 0) return undefined;
    // What is absent or known already is the simplest that fits.
    if (indices.includes(known) && random(4) > 0) continue;
    choice.set(dimension, indices[random(Math.min(indices.length, 8))] ?? 0);
  }
  for (let step = 0; step < REPAIRS; step++) {
    const met = unwanted.find((conditions) => isMet(conditions, choice));
    if (!met) break;
    const first = random(met.length);
    const broken = met.some((_, i) => {
      const condition = met[(first + i) % met.length];
      if (!condition) return false;
      const indices = fitting(wanted, condition.dimension, domains).filter(
        (index) => !condition.holds[index],
      );
      const index = indices[random(indices.length)];
      if (index === undefined) return false;
      choice.set(condition.dimension, index);
      return true;
    });
    if (!broken) break;
  }
  return choice;
}
