/** What a shift tells while it goes: for people, programs, webhooks and the report alike. */
import type { Shares, Weights } from "../../components/traffic/weights";
import type { Tally } from "../../components/evidence";
import type { Verdict } from "../../components/evidence";

interface At {
  /** RFC 3339. */
  readonly at: string;
}

export interface BeginEvent extends At {
  readonly event: "begin";
  readonly version: string;
  readonly baseline: string | null;
  /** Percent now and at the end. */
  readonly from: number;
  readonly to: number;
  readonly steps: readonly number[];
  readonly before: Weights;
  /** Whether an earlier run of this shift is gone on with. */
  readonly resumed: boolean;
}

/** Weights are about to be written. */
export interface StepEvent extends At {
  readonly event: "step" | "back";
  readonly weights: Weights;
  /** Percent of the version. */
  readonly share: number;
  readonly why: string;
}

/** `up` ended. */
export interface UpEvent extends At {
  readonly event: "up";
  readonly share: number;
  readonly seconds: number;
  readonly ok: boolean;
  readonly words: string;
}

/** What a step has shown so far by one criterion, in sums over the step. */
export interface Measured extends Tally {
  /** Evidence and how much a verdict takes. */
  readonly worse: { readonly evidence: number; readonly needed: number };
  readonly good: { readonly evidence: number; readonly needed: number };
}

export interface CountsEvent extends At {
  readonly event: "counts";
  readonly version: string;
  readonly baseline: string | null;
  readonly share: number;
  /** As every gateway has it. */
  readonly shares: Shares;
  readonly criteria: Readonly<Record<string, Measured>>;
  readonly verdict: Verdict["verdict"];
  readonly words: string;
  /** Seconds until a verdict if all goes on so; null: unknown. */
  readonly left: number | null;
}

/** There are no counts, or not all; or another update is waited for. */
export interface UnclearEvent extends At {
  readonly event: "unclear" | "waits";
  readonly words: string;
}

export interface EndEvent extends At {
  readonly event: "end";
  /** "proposed", "proposed back": the next step, or the way back, waits for a review. */
  readonly outcome: "arrived" | "went back" | "held" | "proposed" | "proposed back";
  readonly share: number;
  readonly shares: Shares;
  readonly why: string;
}

export type ShiftEvent = BeginEvent | StepEvent | UpEvent | CountsEvent | UnclearEvent | EndEvent;
/** Each kind of event without its time. */
export type Untimed = ShiftEvent extends infer Event ? (Event extends At ? Omit<Event, "at"> : never) : never;
