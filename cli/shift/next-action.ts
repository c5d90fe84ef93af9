/**
 * What a shift does next, from what is true: the stack file, the route in the cluster, the evidence, the time. Pure: the same
 * situation gives the same action, after any kill.
 */
import { sameSplit } from "../../components/observability/route-split";
import { effectiveShares, type Shares, type Weights } from "../../components/traffic/weights";
import type { Verdict } from "../../components/evidence";
import { duration } from "../../components/evidence/verdict-words";
import { number } from "../diff/words";
import type { ShiftMark } from "../../components/traffic/shift-mark";
import { splitWords, weightsAt } from "./step-weights";

/** What a person asked for meanwhile. */
export type Wish = "go on" | "hold" | "back";

/** How `pulumi up` ended: where it failed, in its own words. */
export type UpEnd = { readonly ok: true } | { readonly ok: false; readonly words: string };

/** The last `up` of this run. */
export interface LastUp {
  readonly way: "on" | "back";
  readonly weights: Weights;
  /** On the route before it. */
  readonly from: Shares;
  readonly end: UpEnd;
}

export interface Situation {
  /** The shift that the route has the mark of. */
  readonly mark: ShiftMark;
  /** Shares of the version after that from before, rising; the last is the goal. */
  readonly steps: readonly number[];
  /** In the stack file. */
  readonly written: Weights;
  /** On the route. */
  readonly live: Shares;
  /** Who changed the route last, in words. */
  readonly changedBy: string;
  /** What this run has seen through; undefined before its first `up`. */
  readonly settled: Weights | undefined;
  /** Whether the mark was there before this run: the share that the version has now was not judged by it. */
  readonly resumed: boolean;
  readonly lastUp: LastUp | undefined;
  /** By the evidence of this step; undefined without any. */
  readonly verdict: Verdict | undefined;
  /** Why the last reading gave no counts, in words. */
  readonly unclear: string | undefined;
  /** Seconds that this step has lasted, and after which it is held. */
  readonly elapsed: number;
  readonly limit: number;
  /** Of the version: ready, and as many as its workloads ask for. Undefined: not known. */
  readonly pods: { readonly ready: number; readonly wanted: number } | undefined;
  readonly wish: Wish;
}

export type Action =
  /** Write the weights to the file and run `up`. */
  | { readonly do: "apply"; readonly weights: Weights; readonly why: string }
  | { readonly do: "wait"; readonly why: string }
  /** Write the weights to the file, set the route, and run `up`: the way back. */
  | { readonly do: "back"; readonly weights: Weights; readonly why: string }
  /** End, with the shares as they are. `weights` are put back into the file, where it is ahead of the route. */
  | { readonly do: "hold"; readonly weights?: Weights; readonly why: string }
  | { readonly do: "end"; readonly outcome: "arrived" | "went back"; readonly why: string };

export function nextAction(now: Situation): Action {
  return afterWayBack(now) ?? afterFailedUp(now) ?? begun(now) ?? edited(now) ?? asked(now) ?? judged(now);
}

const shareIn = (weights: Weights, version: string): number => effectiveShares(weights)[version] ?? 0;

/** The way back is over as soon as file and route have the weights from before, and an `up` has said so. */
function afterWayBack({ mark, lastUp, live, written }: Situation): Action | undefined {
  if (lastUp?.way !== "back") return undefined;
  const before = effectiveShares(mark.before);
  if (lastUp.end.ok) return { do: "end", outcome: "went back", why: splitWords(before) };
  const gone = sameSplit(live, before) && sameSplit(effectiveShares(written), before);
  return {
    do: "hold",
    why: gone
      ? `The route has the weights from before (${splitWords(before)}), but pulumi up failed: ${lastUp.end.words}`
      : `The way back failed, and the route has ${splitWords(live)}: ${lastUp.end.words}`,
  };
}

const isWayBack = (mark: ShiftMark, weights: Weights): boolean =>
  sameSplit(effectiveShares(weights), effectiveShares(mark.before));

function afterFailedUp({ mark, lastUp, live, settled, written }: Situation): Action | undefined {
  if (!lastUp || lastUp.end.ok) return undefined;
  const { words } = lastUp.end;
  const wanted = effectiveShares(lastUp.weights);
  if (sameSplit(lastUp.from, wanted)) return { do: "hold", why: `pulumi up failed: ${words}` };
  if (!sameSplit(live, wanted)) {
    const known = settled ?? atLive(written, live);
    return { do: "hold", ...(known && { weights: known }), why: `The route was not changed: ${words}` };
  }
  // The route is written, and some proxy does not follow: nothing can be judged by its requests.
  return {
    do: "back",
    weights: mark.before,
    why: `pulumi up failed after it had changed the route: ${words}`,
  };
}

/** The weights of a file at the shares of a route; undefined where no edit of numbers gives them. */
function atLive(written: Weights, live: Shares): Weights | undefined {
  const versions = Object.keys(written);
  if (!Object.keys(live).every((version) => versions.includes(version))) return undefined;
  return Object.fromEntries(
    Object.entries(written).map(([version, weight]) => [
      version,
      weight === "rest" ? weight : (live[version] ?? 0),
    ]),
  );
}

/** The first action of a run: what another run left is finished first. */
function begun({ mark, steps, written, live, settled, resumed, changedBy }: Situation): Action | undefined {
  if (settled) return undefined;
  const [inFile, onRoute] = [shareIn(written, mark.version), live[mark.version] ?? 0];
  const declared = effectiveShares(written);
  if (sameSplit(declared, live)) {
    // Pulumi may not know what an ended run has set, so it is asked to write it once more.
    return resumed ? { do: "apply", weights: written, why: "Goes on from here." } : undefined;
  }
  if (resumed && isWayBack(mark, written))
    return { do: "back", weights: mark.before, why: "The way back had begun." };
  const step = steps.includes(inFile) && inFile > onRoute && isOnTheWay(mark, declared);
  if (resumed && step && isOnTheWay(mark, live))
    return { do: "apply", weights: written, why: `The step to ${number(inFile)} % had begun.` };
  return {
    do: "hold",
    why: `The stack file has ${splitWords(declared)}, the route ${splitWords(live)}, changed last by ${changedBy}. Run pulumi up, or put the file back, and run this again.`,
  };
}

/** Whether a split is one that the shift itself makes: the others as before, in proportion. */
const isOnTheWay = ({ before, version }: ShiftMark, live: Shares): boolean =>
  sameSplit(live, effectiveShares(weightsAt(before, version, live[version] ?? 0)));

function edited({ written, live, settled, changedBy }: Situation): Action | undefined {
  if (!settled) return undefined;
  const ours = effectiveShares(settled);
  if (!sameSplit(effectiveShares(written), ours)) {
    const why = `Somebody changed the weights in the stack file to ${splitWords(effectiveShares(written))}; this shift had written ${splitWords(ours)}.`;
    return { do: "hold", why };
  }
  if (sameSplit(live, ours)) return undefined;
  const why = `Somebody changed the route to ${splitWords(live)} (${changedBy}); this shift had written ${splitWords(ours)}.`;
  return { do: "hold", why };
}

function asked({ wish, mark }: Situation): Action | undefined {
  if (wish === "back") return { do: "back", weights: mark.before, why: "You asked for it." };
  return wish === "hold" ? { do: "hold", why: "You asked for it." } : undefined;
}

function judged(now: Situation): Action {
  const { mark, live, verdict, elapsed, limit } = now;
  const { version, before } = mark;
  if (verdict?.verdict === "worse") return { do: "back", weights: before, why: verdict.words };
  const share = live[version] ?? 0;
  const step = now.steps.find((one) => one > share + 1e-9);
  // What a person had set before the shift is not for the shift to judge.
  const passed = share <= shareIn(before, version) || verdict?.verdict === "good enough";
  const words = verdict?.verdict === "good enough" ? verdict.words : "";
  if (passed && step === undefined)
    return { do: "end", outcome: "arrived", why: words || `${version} has ${number(share)} %.` };
  const missing = now.pods && now.pods.ready < now.pods.wanted ? now.pods : undefined;
  if (passed && step !== undefined && !missing)
    return { do: "apply", weights: weightsAt(before, version, step), why: words || "The first step." };
  const why = missing && passed ? podWords(version, missing) : inconclusive(now);
  if (elapsed < limit) return { do: "wait", why };
  return { do: "hold", why: `No decision within ${duration(limit)}. ${why}` };
}

const podWords = (version: string, { ready, wanted }: NonNullable<Situation["pods"]>): string =>
  `${version} has ${ready} of ${wanted} pods ready.`;

const inconclusive = ({ verdict, unclear, mark }: Situation): string =>
  unclear ?? verdict?.words ?? `No requests of ${mark.version} were counted yet.`;
