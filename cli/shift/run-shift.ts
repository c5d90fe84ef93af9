/** Goes the steps of a shift: looks, decides by {@link nextAction}, acts, until it ends. All that it touches is a {@link World}. */
import { begin, increase, judge, observe, planShift, type Evidence } from "../../components/evidence";
import type { EvidenceSettings, Reading, Verdict } from "../../components/evidence";
import type { CounterReading } from "../../components/observability/request-counters";
import { sameSplit } from "../../components/observability/route-split";
import { effectiveShares, type Shares, type Weights } from "../../components/traffic/weights";
import type { EndEvent, Untimed } from "./events";
import { nextAction, type LastUp, type Situation, type UpEnd, type Wish } from "./next-action";
import type { ShiftMark } from "../../components/traffic/shift-mark";
import { sameVersions } from "./step-weights";

export interface Look extends Pick<Situation, "written" | "live" | "changedBy" | "pods"> {
  readonly mark: ShiftMark | undefined;
}

export interface World {
  /** Seconds; only differences count. */
  now(): number;
  /** The stack file, and the cluster. */
  look(): Promise<Look>;
  counts(shares: Shares): Promise<CounterReading>;
  /** Puts the mark on the route. */
  mark(mark: ShiftMark): Promise<void>;
  /** Writes weights to the stack file. */
  write(weights: Weights): Promise<void>;
  /** Sets the route at once, if it can be without a conflict; `up` follows in any case. */
  setRoute(weights: Weights): Promise<void>;
  /** Of the whole stack; on the way back of the routes alone, where that is possible. */
  up(what: "all" | "routes"): Promise<UpEnd>;
  /** Until there may be new counts, or somebody wishes something. */
  pause(): Promise<void>;
  wish(): Wish;
  /** Where steps are proposed instead of done: proposes one, and says where it stands. */
  propose?(way: "on" | "back", weights: Weights, from: Shares, why: string): Promise<string>;
  tell(event: Untimed): Promise<void>;
}

export interface ShiftRun {
  readonly mark: ShiftMark;
  readonly resumed: boolean;
  readonly steps: readonly number[];
  readonly settings: EvidenceSettings;
  /** What the file and the route have, where another run has deployed it. */
  readonly settled?: Weights;
  /** Seconds after which an undecided step is held. Default: twice of what it takes at the traffic that is there (`planShift`). */
  readonly stepLimit?: number;
}

/** The least and the most that a step may last undecided, in seconds. */
const LIMITS = { least: 300, most: 3600 };

/** @throws what the world throws: nothing was decided then, and the next run goes on from what is true. */
export async function runShift(world: World, run: ShiftRun): Promise<EndEvent["outcome"]> {
  const { mark, steps, resumed, settings } = run;
  const { version } = mark;
  const shareOf = (weights: Weights): number => effectiveShares(weights)[version] ?? 0;
  const watch = new Watch(settings, version);
  let { settled } = run;
  let lastUp: LastUp | undefined;
  let marked = resumed;
  let began = world.now();

  const apply = async (way: "on" | "back", weights: Weights, from: Shares, why: string): Promise<void> => {
    if (!marked) await world.mark(mark);
    marked = true;
    await world.tell({ event: way === "on" ? "step" : "back", weights, share: shareOf(weights), why });
    // The file first: a run that is killed now finds the way back begun.
    await world.write(weights);
    if (way === "back") await world.setRoute(weights);
    const started = world.now();
    const end = await world.up(
      way === "back" && sameVersions(from, effectiveShares(weights)) ? "routes" : "all",
    );
    const seconds = world.now() - started;
    const words = end.ok ? "" : end.words;
    await world.tell({ event: "up", share: shareOf(weights), seconds, ok: end.ok, words });
    lastUp = { way, weights, from, end };
    if (end.ok) settled = weights;
    began = world.now();
  };

  const propose = async (way: "on" | "back", weights: Weights, from: Shares, why: string) => {
    await world.tell({ event: way === "on" ? "step" : "back", weights, share: shareOf(weights), why });
    // Without the mark, the next run would take the merged step for what was there before the shift, and not judge it.
    if (!marked) await world.mark(mark);
    const where = (await world.propose?.(way, weights, from, why)) ?? "";
    if (way === "back") await world.mark({ ...mark, ended: "went back" });
    const outcome = way === "on" ? "proposed" : "proposed back";
    await world.tell({ event: "end", outcome, share: from[version] ?? 0, shares: from, why: where });
    return outcome;
  };

  for (;;) {
    const judging = lastUp?.way !== "back" && world.wish() === "go on";
    if (settled && judging) await watch.read(world, effectiveShares(settled));
    const look = await world.look();
    const verdict = settled && watch.verdict(effectiveShares(settled));
    const action = nextAction({
      ...{ mark, steps, resumed, settled, lastUp, verdict },
      written: look.written,
      live: look.live,
      changedBy: look.changedBy,
      pods: look.pods,
      unclear: watch.unclear,
      elapsed: world.now() - began,
      limit: run.stepLimit ?? limitOf(settings, look.live[version] ?? 0, verdict),
      wish: world.wish(),
    });
    switch (action.do) {
      case "wait":
        await world.pause();
        break;
      case "apply":
        if (world.propose) return propose("on", action.weights, look.live, action.why);
        await apply("on", action.weights, look.live, action.why);
        break;
      case "back":
        if (world.propose) return propose("back", action.weights, look.live, action.why);
        await apply("back", action.weights, look.live, action.why);
        break;
      case "hold":
      case "end": {
        if (action.do === "hold" && action.weights) await world.write(action.weights);
        const outcome = action.do === "hold" ? "held" : action.outcome;
        if (action.do === "end") await world.mark({ ...mark, ended: action.outcome });
        const share = look.live[version] ?? 0;
        await world.tell({ event: "end", outcome, share, shares: look.live, why: action.why });
        return outcome;
      }
    }
  }
}

/** Counts become evidence. */
class Watch {
  /** Why the last reading gave no counts. */
  unclear: string | undefined;
  private evidence: Evidence;
  private last: Reading | undefined;
  private asked: Shares = {};
  /** Of the last reading: what is the same all the time is told once. */
  private told: readonly string[] = [];

  constructor(
    settings: EvidenceSettings,
    private readonly version: string,
  ) {
    this.evidence = begin(settings);
  }

  async read(world: World, shares: Shares): Promise<void> {
    const { reading, unclear } = await world.counts(shares);
    if (reading && this.last && reading.at === this.last.at) return;
    const found = reading && this.last && increase(this.last, reading);
    // The first reading of a step is where counting begins.
    const first = !sameSplit(this.asked, shares);
    this.asked = shares;
    const said = [...unclear, ...(found && sameSplit(this.last?.shares ?? {}, shares) ? found.unclear : [])];
    if (reading) this.last = reading;
    this.unclear = found?.batch ? undefined : said[0];
    const news = first ? [] : said.filter((one) => !this.told.includes(one));
    for (const words of news) await world.tell({ event: "unclear", words });
    this.told = first ? [] : said;
    if (!found?.batch) return;
    this.evidence = observe(this.evidence, found.batch);
    await this.tell(world, shares);
  }

  /** Undefined before the first counts of a step. */
  verdict(shares: Shares): Verdict | undefined {
    const { shares: counted } = this.evidence;
    return counted && sameSplit(counted, shares) ? judge(this.evidence)[this.version] : undefined;
  }

  private async tell(world: World, shares: Shares): Promise<void> {
    const verdict = this.verdict(shares);
    if (!verdict) return;
    const criteria = Object.fromEntries(
      Object.entries(verdict.findings).map(([name, { step, worse, good }]) => [
        name,
        { ...step, worse, good },
      ]),
    );
    const { baseline } = this.evidence.settings;
    await world.tell({
      event: "counts",
      version: this.version,
      baseline: baseline !== undefined && (shares[baseline] ?? 0) > 0 ? baseline : null,
      share: shares[this.version] ?? 0,
      ...{ shares, criteria, verdict: verdict.verdict, words: verdict.words },
      left: verdict.verdict === "inconclusive" ? (verdict.forecast?.seconds ?? null) : 0,
    });
  }
}

/** Twice of what the step takes at its own traffic. */
function limitOf(settings: EvidenceSettings, share: number, verdict: Verdict | undefined): number {
  const [step] = Object.values(verdict?.findings ?? {}).map((finding) => finding.step);
  if (!step || step.seconds === 0 || step.candidate.of === 0 || share === 0) return LIMITS.least;
  const rate = (step.candidate.of / step.seconds / share) * 100;
  const [planned] = planShift(settings, { steps: [share], rate }).steps;
  return Math.min(LIMITS.most, Math.max(LIMITS.least, planned?.limit ?? 0));
}
