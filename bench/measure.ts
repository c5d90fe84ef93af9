/** Result of a measure: our value, the value it is compared with, and whether the target is met. */
export interface Result {
  readonly name: string;
  readonly ours: string;
  readonly against: string;
  readonly ratio: string;
  readonly target: string;
  readonly met: boolean | undefined;
}

/** Runs `work` and returns its wall time in seconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] =
    sorted.length % 2 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1);
  return (low + high) / 2;
}

type Side = (round: number) => Promise<number>;

/** The median of each side. They are measured in turn, so that other load on the machine affects all. */
export async function inTurn<Sides extends readonly Side[]>(
  rounds: number,
  ...sides: Sides
): Promise<{ [Index in keyof Sides]: number }> {
  const times = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, side] of sides.entries()) times[i]?.push(await side(round));
  return times.map(median) as { [Index in keyof Sides]: number };
}

const seconds = (s: number): string => `${s.toFixed(2)} s`;

/** Two times and their ratio, with the largest ratio that meets the target. */
export function ratio(name: string, ours: number, theirs: number, limit: number): Result {
  const value = ours / theirs;
  return {
    name,
    ours: seconds(ours),
    against: seconds(theirs),
    ratio: value.toFixed(2),
    target: `≤ ${limit}`,
    met: value <= limit,
  };
}

/** One time, with the largest that meets the target. */
export function atMost(name: string, value: number, limit: number): Result {
  return {
    name,
    ours: seconds(value),
    against: "-",
    ratio: "-",
    target: `≤ ${limit} s`,
    met: value <= limit,
  };
}
