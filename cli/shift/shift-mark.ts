/** What a shift leaves on the VirtualService, so that the way back needs no history of anything else. */
import { isObject } from "../side";
import { parsedJson } from "../json";
import type { Weights } from "../../components/traffic/weights";

/** Annotation of a VirtualService. Its field manager is {@link MARK_MANAGER}, so Pulumi neither sees nor removes it. */
export const SHIFT_MARK = "shopzier-mesh/shift";
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

/** Whether a shift of `version` to `to` goes on with the one of the mark. */
export const isResumed = (mark: ShiftMark | undefined, version: string, to: number): boolean =>
  mark?.version === version && mark.to === to && mark.ended === undefined;

/** Undefined where there is none, or none that can be read. */
export function readMark(annotations: Readonly<Record<string, string>> | undefined): ShiftMark | undefined {
  const found = parsedJson(annotations?.[SHIFT_MARK] ?? "");
  if (!isObject(found)) return undefined;
  const { version, to, before, at, ended } = found;
  if (typeof version !== "string" || typeof to !== "number" || typeof at !== "string") return undefined;
  if (!isObject(before) || !Object.values(before).every((one) => one === "rest" || typeof one === "number"))
    return undefined;
  const known = { version, to, before: before as Weights, at };
  return ended === "arrived" || ended === "went back" ? { ...known, ended } : known;
}
