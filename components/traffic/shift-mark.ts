/** What a shift leaves on the VirtualService, so that the way back needs no history of anything else. */
import { effectiveShares, type Shares, type Weights } from "./weights";

/** Annotation of a VirtualService, as JSON. */
export const SHIFT_MARK = "shopzier-mesh/shift";
/** Field manager of the annotation, so that Pulumi neither sees nor removes it. */
export const MARK_MANAGER = "shopzier";

/** Written at the start of a shift, and once more at its end. */
export interface ShiftMark {
  readonly version: string;
  /** Percent at the end. */
  readonly to: number;
  /** From before the shift, as they stood in the stack file. */
  readonly before: Weights;
  /** RFC 3339. */
  readonly at: string;
  /** Absent: the shift is at work, held, or was killed. */
  readonly ended?: "arrived" | "went back";
}

export const markText = ({ version, to, before, at, ended }: ShiftMark): string =>
  JSON.stringify({ version, to, before, at, ended });

/** Whether a shift of `version` goes on with the one of the mark. Another goal changes neither what is judged nor where the way back leads. */
export const isResumed = (mark: ShiftMark | undefined, version: string): boolean =>
  mark?.version === version && mark.ended === undefined;

/** Undefined where there is none, or none that can be read. */
export function readMark(annotations: Readonly<Record<string, string>> | undefined): ShiftMark | undefined {
  const { version, to, before, at, ended } = parsed(annotations?.[SHIFT_MARK]);
  if (typeof version !== "string" || typeof to !== "number" || typeof at !== "string") return undefined;
  if (typeof before !== "object" || before === null || Array.isArray(before)) return undefined;
  if (!Object.values(before).every((one) => one === "rest" || typeof one === "number")) return undefined;
  const known = { version, to, before: before as Weights, at };
  return ended === "arrived" || ended === "went back" ? { ...known, ended } : known;
}

/** The shares from before the running or last shift; undefined where there is no mark, or none that can be read. */
export function sharesBeforeShift(
  annotations: Readonly<Record<string, string>> | undefined,
): Shares | undefined {
  try {
    const mark = readMark(annotations);
    return mark && effectiveShares(mark.before);
  } catch {
    return undefined;
  }
}

/** Of what is no object, an empty one. */
function parsed(text = ""): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
