/** A stack, a cluster and a Prometheus that are simulated, for shifts that are killed, edited and starved. */
import type { CounterReading } from "../../components/observability/request-counters";
import type { Count } from "../../components/evidence";
import { sameSplit } from "../../components/observability/route-split";
import { effectiveShares, type Shares, type Weights } from "../../components/traffic/weights";
import type { Untimed } from "../../cli/shift/events";
import type { UpEnd, Wish } from "../../cli/shift/next-action";
import { runShift, type Look, type World } from "../../cli/shift/run-shift";
import { isResumed, type ShiftMark } from "../../components/traffic/shift-mark";

export class Killed extends Error {}

interface Traffic {
  /** Requests per second of all versions. */
  readonly rate: number;
  /** Ratio of bad requests of a version at a share. */
  readonly bad: (version: string, share: number, at: number) => number;
}

/** What outlives a kill: stack file, Pulumi's state, cluster, counters. */
export class Site {
  time = 0;
  file: Weights;
  state: Shares;
  live: Shares;
  mark: ShiftMark | undefined;
  changedBy = "pulumi";
  pods: Look["pods"] = { ready: 3, wanted: 3 };
  /** Counters that the gateway has. */
  private readonly counters: Record<string, Count> = {};
  /** Whether Prometheus answers. */
  prometheus = true;
  upFails: (
    weights: Shares,
    site: Site,
  ) => { readonly words: string; readonly written: boolean } | undefined = () => undefined;
  /** All splits that the route ever had. */
  readonly history: Shares[] = [];
  readonly ups: Shares[] = [];
  readonly told: Untimed[] = [];
  /** Called at each pause, with its number. */
  atPause: (count: number) => void = () => undefined;
  private pauses = 0;
  wish: Wish = "go on";

  constructor(
    before: Weights,
    readonly traffic: Traffic,
  ) {
    this.file = before;
    this.state = this.live = effectiveShares(before);
    this.history.push(this.live);
  }

  pass(seconds: number): void {
    this.time += seconds;
    for (const [version, share] of Object.entries(this.live)) {
      const of = Math.round((seconds * this.traffic.rate * share) / 100);
      const bad = Math.round(of * this.traffic.bad(version, share, this.time));
      const known = this.counters[version] ?? { bad: 0, of: 0 };
      this.counters[version] = { bad: known.bad + bad, of: known.of + of };
    }
  }

  setLive(shares: Shares): void {
    if (sameSplit(shares, this.live)) return;
    this.live = shares;
    this.history.push(shares);
  }

  reading(shares: Shares): CounterReading {
    if (!this.prometheus) return { reading: undefined, unclear: ["Prometheus does not answer."] };
    const counts = Object.fromEntries(
      Object.entries(this.counters).map(([version, count]) => [version, { errors: count }]),
    );
    return { reading: { at: this.time, shares, pods: { gateway: counts } }, unclear: [] };
  }

  pause(): void {
    this.pass(5);
    this.atPause(++this.pauses);
  }
}

interface RunOptions {
  readonly to?: number;
  readonly steps?: readonly number[];
  readonly killAt?: number;
  readonly stepLimit?: number;
  /** Steps are proposed instead of done. */
  readonly propose?: NonNullable<World["propose"]>;
}

/** A run on a site. It is killed before, or in the middle of, its `killAt`-th effect. */
export function runOn(
  site: Site,
  { to = 100, steps = [25, 50, 100], killAt = Infinity, stepLimit = 600, propose }: RunOptions = {},
): Promise<string> {
  const resumed = isResumed(site.mark, "v2");
  const mark =
    resumed && site.mark ? site.mark : { version: "v2", to, before: site.file, at: "2026-11-30T12:00:00Z" };
  let effects = 0;
  const effect = (...parts: readonly (() => void)[]): void => {
    for (const part of parts) {
      if (++effects === killAt) throw new Killed();
      part();
    }
  };
  const up = (): UpEnd => {
    const wanted = effectiveShares(site.file);
    const failure = site.upFails(wanted, site);
    // Pulumi compares with its state, and the program with the cluster.
    effect(
      () => {
        if (!failure || failure.written) {
          if (!sameSplit(site.state, wanted)) site.setLive(wanted);
        }
      },
      () => {
        if (!failure || failure.written) site.state = wanted;
      },
    );
    site.pass(5);
    site.ups.push(wanted);
    if (failure) return { ok: false, words: failure.words };
    return sameSplit(site.live, wanted)
      ? { ok: true }
      : { ok: false, words: "the route was changed by kubectl" };
  };
  const world: World = {
    now: () => site.time,
    look: () =>
      Promise.resolve({
        written: site.file,
        live: site.live,
        changedBy: site.changedBy,
        pods: site.pods,
        mark: site.mark,
      }),
    counts: (shares) => Promise.resolve(site.reading(shares)),
    mark: async (one) => {
      effect(() => (site.mark = one));
      return Promise.resolve();
    },
    write: async (weights) => {
      effect(() => (site.file = weights));
      return Promise.resolve();
    },
    setRoute: async (weights) => {
      effect(() => {
        site.setLive(effectiveShares(weights));
      });
      return Promise.resolve();
    },
    up: async () => Promise.resolve(up()),
    pause: async () => {
      site.pause();
      return Promise.resolve();
    },
    wish: () => site.wish,
    ...(propose && { propose }),
    tell: (event) => {
      site.told.push(event);
      return Promise.resolve();
    },
  };
  const settings = {
    baseline: "v1",
    candidates: ["v2"],
    criteria: { errors: { objective: 0.01, bad: "failed" } },
  };
  const run = { mark, resumed, steps, settings, stepLimit };
  return runShift(world, propose ? { ...run, settled: site.file } : run);
}
