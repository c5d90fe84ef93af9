import { distance } from "fastest-levenshtein";

/** A value in a message. Scalars are shown; the contents of objects and lists never are. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null || value === "") return "an empty value";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `a ${typeof value}`;
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
}

/** The option that was probably meant by `written`, ignoring case; undefined if none is similar. */
export function didYouMean(written: string, options: readonly string[]): string | undefined {
  const word = written.toLowerCase();
  const limit = Math.max(2, Math.floor(word.length / 3));
  return options
    .map((option) => ({ option, far: distance(word, option.toLowerCase()) }))
    .filter(({ option, far }) => far <= limit && far < option.length)
    .sort((a, b) => a.far - b.far)[0]?.option;
}

/** A note that proposes `meant`. */
export const didYouMeanNote = (meant: string | undefined): string | undefined =>
  meant === undefined ? undefined : `did you mean ${meant}?`;
