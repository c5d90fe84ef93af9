/** Requests that meet the conditions of some scenarios and not those of others. */
import type { Choice, Condition } from "./domains";

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

/** Texts by dimension, by index, that meet all conditions on it; of each scenario once. */
const known = new WeakMap<Conditions, ReadonlyMap<string, readonly number[]>>();

function fittingOf(conditions: Conditions): ReadonlyMap<string, readonly number[]> {
  let found = known.get(conditions);
  if (!found) {
    const byDimension = new Map<string, readonly number[]>();
    for (const { dimension, holds } of conditions) {
      const indices = byDimension.get(dimension) ?? holds.map((_, i) => i);
      byDimension.set(
        dimension,
        indices.filter((i) => holds[i] === true),
      );
    }
    known.set(conditions, (found = byDimension));
  }
  return found;
}

/** Of several scenarios. */
function fitting(wanted: readonly Conditions[]): Map<string, readonly number[]> {
  const all = new Map<string, readonly number[]>();
  for (const conditions of wanted) {
    for (const [dimension, indices] of fittingOf(conditions)) {
      const others = all.get(dimension);
      const both = others && new Set(indices);
      all.set(dimension, both ? others.filter((i) => both.has(i)) : indices);
    }
  }
  return all;
}

/** How many conditions of others are broken before a scenario is given up. */
const REPAIRS = 12;

/**
 * All scenarios of `wanted` met, none of `unwanted`; the rest is as in `base`. Undefined where no text of a dimension meets the
 * conditions. Where `unwanted` cannot be left out within some steps, the choice is given as it is.
 */
export function solve(
  wanted: readonly Conditions[],
  unwanted: readonly Conditions[],
  random: (limit: number) => number,
  base: Choice = new Map(),
): Choice | undefined {
  const choice: Choice = new Map(base);
  const fits = fitting(wanted);
  for (const [dimension, indices] of fits) {
    const present = choice.get(dimension) ?? 0;
    if (indices.length === 0) return undefined;
    // What is absent or there already is the simplest that fits.
    if (indices.includes(present) && random(4) > 0) continue;
    choice.set(dimension, indices[random(Math.min(indices.length, 8))] ?? 0);
  }
  for (let step = 0; step < REPAIRS; step++) {
    const met = unwanted.find((conditions) => isMet(conditions, choice));
    if (!met || !isBroken(met, choice, fits, random)) break;
  }
  return choice;
}

/** Breaks one of the conditions that are met, by a text that still fits what is wanted. */
function isBroken(
  met: Conditions,
  choice: Choice,
  fits: ReadonlyMap<string, readonly number[]>,
  random: (limit: number) => number,
): boolean {
  const first = random(met.length);
  return met.some((_, i) => {
    const condition = met[(first + i) % met.length];
    if (!condition) return false;
    const { dimension, holds } = condition;
    const indices = (fits.get(dimension) ?? holds.map((_one, index) => index)).filter(
      (index) => !holds[index],
    );
    const index = indices[random(indices.length)];
    if (index === undefined) return false;
    choice.set(dimension, index);
    return true;
  });
}
