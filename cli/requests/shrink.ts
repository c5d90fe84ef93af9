/** The smallest request of its kind. */
import type { Choice, Domains } from "./domains";

/** Dimensions left out and texts made shorter, as long as `isSame` holds. */
export function smallest(choice: Choice, { texts }: Domains, isSame: (choice: Choice) => boolean): Choice {
  let least: Choice = new Map([...choice].filter(([, index]) => index > 0));
  const attempt = (dimension: string, index: number): boolean => {
    const next = new Map(least);
    if (index === 0) next.delete(dimension);
    else next.set(dimension, index);
    if (!isSame(next)) return false;
    least = next;
    return true;
  };
  for (const dimension of [...least.keys()].reverse()) attempt(dimension, 0);
  for (const [dimension, index] of [...least]) {
    const all = texts.get(dimension) ?? [];
    const length = (i: number): number => all[i]?.length ?? 0;
    const shorter = all
      .map((_, i) => i)
      .filter((i) => i > 0 && (length(i) < length(index) || all[i] === SIMPLEST[dimension]))
      .sort((a, b) => length(a) - length(b))
      .slice(0, 20);
    shorter.some((i) => attempt(dimension, i));
  }
  return least;
}

/** What a reader takes for nothing special, though it may be longer. */
const SIMPLEST: Readonly<Record<string, string>> = { listener: "https 443" };
