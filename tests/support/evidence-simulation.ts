/** An hour of a canary, over and over: what evidence and the rules of others make of it. Deterministic by seed. */
import {
  begin,
  increase,
  observe,
  type Count,
  type Counts,
  type EvidenceSettings,
  type Reading,
  type Shares,
} from "../../components/evidence";
import { reached, strengths } from "../../components/evidence/verdict";

const HOUR = 3600;

/** Seconds from one look to the next: as Prometheus scrapes by default; shorter where it counts how soon a verdict comes. */
const tickOf = ({ worse }: Scenario): number => (worse === false ? 15 : 5);

export const OBJECTIVE = 0.01;

/** From 0 to 1, without 1 (mulberry32, Tommy Ettinger, public domain). */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A binomial draw by the gaps between heads (Devroye, "Non-Uniform Random Variate Generation", X.4.3). */
export function binomial(draw: () => number, n: number, p: number): number {
  if (p > 0.5) return n - binomial(draw, n, 1 - p);
  if (p <= 0) return 0;
  const log = Math.log1p(-p);
  let at = -1;
  for (let heads = 0; ; heads += 1) {
    at += 1 + Math.floor(Math.log(1 - draw()) / log);
    if (at >= n) return heads;
  }
}

/** Something that happens from one second to another and makes requests fail. */
export interface Incident {
  readonly from: number;
  readonly to: number;
  readonly version?: string;
  /** Share of the requests of the version, or of all, that fail besides. */
  readonly errors: number;
}

export interface Scenario {
  readonly name: string;
  /** Whether v2 is to be turned back; undefined where errors come in bursts, for which nothing is promised. */
  readonly worse: boolean | undefined;
  /** Requests per second; 50 by default. */
  readonly rate?: (t: number) => number;
  /** By default v1 95, v2 5. */
  readonly shares?: (t: number) => Shares;
  /** The probability that a request of a version fails. */
  readonly errors: (version: string, t: number) => number;
  /** The same for "slower than the edge"; without it there is one criterion. */
  readonly slow?: (version: string, t: number) => number;
  readonly incidents?: (draw: () => number) => readonly Incident[];
  /** What becomes of the gateway's pods and of their scrapes before each tick. */
  readonly gateway?: (pods: Map<string, Counts>, draw: () => number, t: number) => readonly string[];
}

/** When something was said, in seconds, and how many bad answers v2 had given by then; undefined where it never was. */
export interface Said {
  readonly at: number;
  readonly badAnswers: number;
}

export interface Run {
  readonly worse: Said | undefined;
  readonly good: Said | undefined;
  /** Rule of others → when it turned back. */
  readonly others: Readonly<Record<string, Said | undefined>>;
  /** Bad answers of v2 until the end. */
  readonly badAnswers: number;
}

/** A rule of others: checks of a window, each against a limit, and so many may fail. */
interface Rule {
  readonly every: number;
  readonly window: number;
  readonly success: number;
  /** It turns back with this failed check. */
  readonly failures: number;
}

/**
 * Flagger's docs/gitbook/usage/how-it-works.md: 99 percent in a window of a minute; failed checks add up; a check without data fails. Argo Rollouts'
 * docs/features/analysis.md: at least 95 percent by `irate`, the last two scrapes (15 s apart), every five minutes, "failureLimit: 3" lets three fail.
 */
export const RULES: Readonly<Record<string, Rule>> = {
  "Flagger, 5 failed checks": { every: 60, window: 60, success: 0.99, failures: 5 },
  "Flagger, 1 failed check": { every: 60, window: 60, success: 0.99, failures: 1 },
  "Argo, its example": { every: 300, window: 15, success: 0.95, failures: 4 },
  "Argo, 99 % every minute": { every: 60, window: 15, success: 0.99, failures: 4 },
};

const STAY: Shares = { v1: 95, v2: 5 };

export function settingsOf({ shares = () => STAY, slow }: Scenario): EvidenceSettings {
  const versions = Object.keys({ ...shares(0), ...shares(HOUR - 1) });
  return {
    baseline: "v1",
    candidates: versions.filter((version) => version !== "v1"),
    criteria: { errors: { objective: OBJECTIVE }, ...(slow && { slow: { objective: OBJECTIVE } }) },
  };
}

/** Ends before the hour once everybody has turned v2 back. */
export function simulate(scenario: Scenario, seed: number, rules = RULES): Run {
  const settings = settingsOf(scenario);
  const traffic = new Traffic(scenario, random(seed));
  const others = Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [name, new Watcher(rule, tickOf(scenario))]),
  );
  let evidence = begin(settings);
  let [worse, good]: (Said | undefined)[] = [];
  const tick = tickOf(scenario);
  let before = traffic.reading(0, 0, []);
  for (let at = tick; at <= HOUR; at += tick) {
    const { reading, seen } = traffic.tick(at - tick, at);
    const { badAnswers } = traffic;
    const { batch } = increase(before, reading);
    before = reading;
    if (batch !== undefined && worse === undefined) {
      evidence = observe(evidence, batch);
      const baseline = (batch.shares["v1"] ?? 0) > 0 ? "v1" : undefined;
      const found = Object.values(evidence.versions).map((known) =>
        Object.values(known).map((criterion) => strengths(settings, criterion, baseline)),
      );
      if (found.some((criteria) => criteria.some((c) => reached(c.worse)))) worse = { at, badAnswers };
      else if (found.every((criteria) => criteria.every((c) => reached(c.good)))) good ??= { at, badAnswers };
    }
    for (const watcher of Object.values(others)) watcher.tick(at, seen, badAnswers);
    if (worse !== undefined && Object.values(others).every(({ said }) => said !== undefined)) break;
  }
  return {
    ...{ worse, good, badAnswers: traffic.badAnswers },
    others: Object.fromEntries(Object.entries(others).map(([name, { said }]) => [name, said])),
  };
}

/** Requests to the versions, as the gateway's pods count them. */
class Traffic {
  /** Of v2. */
  badAnswers = 0;
  private readonly pods: Map<string, Counts>;
  private readonly incidents: readonly Incident[];
  private readonly criteria: readonly string[];

  constructor(
    private readonly scenario: Scenario,
    private readonly draw: () => number,
  ) {
    const names = scenario.gateway === undefined ? ["gateway-0"] : ["gateway-0", "gateway-1"];
    this.pods = new Map(names.map((name) => [name, {}]));
    this.incidents = scenario.incidents?.(draw) ?? [];
    this.criteria = scenario.slow === undefined ? ["errors"] : ["errors", "slow"];
  }

  /** The counters at a time, and the shares that were in force since another. */
  reading(since: number, at: number, missing: readonly string[]): Reading {
    const pods = Object.fromEntries([...this.pods].filter(([pod]) => !missing.includes(pod)));
    return { at, shares: this.shares(since), pods };
  }

  /** The requests from one time to another: the reading after them, and what was counted of v2 by each criterion. */
  tick(t: number, end: number): { reading: Reading; seen: readonly Count[] } {
    const { draw, pods, scenario } = this;
    const missing = scenario.gateway?.(pods, draw, t) ?? [];
    const requests = ((scenario.rate?.(t) ?? 50) * (end - t)) / pods.size;
    const shares = Object.entries(this.shares(t));
    const chances = shares.map(([version]) => [this.errors(version, t), scenario.slow?.(version, t) ?? 0]);
    const seen = this.criteria.map(() => ({ bad: 0, of: 0 }));
    for (const [pod, before] of pods) {
      const counters: Record<string, Record<string, Count>> = { ...before };
      let left = Math.floor(requests + draw());
      let rest = 100;
      shares.forEach(([version, share], v) => {
        const of = binomial(draw, left, rest <= share ? 1 : share / rest);
        left -= of;
        rest -= share;
        const counts: Record<string, Count> = {};
        this.criteria.forEach((name, c) => {
          const bad = binomial(draw, of, chances[v]?.[c] ?? 0);
          const sum = before[version]?.[name];
          counts[name] = { bad: (sum?.bad ?? 0) + bad, of: (sum?.of ?? 0) + of };
          const all = seen[c];
          if (version !== "v2" || all === undefined) return;
          all.bad += bad;
          all.of += of;
          this.badAnswers += bad;
        });
        counters[version] = counts;
      });
      pods.set(pod, counters);
    }
    return { reading: this.reading(t, end, missing), seen };
  }

  private shares(t: number): Shares {
    return this.scenario.shares?.(t) ?? STAY;
  }

  private errors(version: string, t: number): number {
    let p = this.scenario.errors(version, t);
    for (const incident of this.incidents) {
      const hit = t >= incident.from && t < incident.to && (incident.version ?? version) === version;
      if (hit) p += (1 - p) * incident.errors;
    }
    return p;
  }
}

/** Somebody who goes by a rule. */
class Watcher {
  said: Said | undefined;
  private failed = 0;
  private readonly past: (readonly Count[])[] = [];

  constructor(
    private readonly rule: Rule,
    private readonly every: number,
  ) {}

  tick(at: number, seen: readonly Count[], badAnswers: number): void {
    if (this.said !== undefined) return;
    const { every, window, success, failures } = this.rule;
    this.past.push(seen);
    if (at % every !== 0) return;
    const looked = this.past.slice(-window / this.every);
    this.past.length = 0;
    const passes = seen.every((_, criterion) => {
      const bad = looked.reduce((sum, counts) => sum + (counts[criterion]?.bad ?? 0), 0);
      const of = looked.reduce((sum, counts) => sum + (counts[criterion]?.of ?? 0), 0);
      return of > 0 && 1 - bad / of >= success;
    });
    if (!passes) this.failed += 1;
    if (this.failed === failures) this.said = { at, badAnswers };
  }
}

/** A function of the version: `v1` for the baseline, `v2` for all others. */
const each =
  (v1: number, v2: number) =>
  (version: string): number =>
    version === "v1" ? v1 : v2;

/** Shares that change every ten minutes. */
const STEPS = [1, 5, 10, 25, 50, 100];
const stepping = (t: number): Shares => {
  const share = STEPS[Math.floor(t / 600)] ?? 100;
  return { v1: 100 - share, v2: share };
};

/** Times of something that comes about every `mean` seconds. */
function times(draw: () => number, mean: number): number[] {
  const found: number[] = [];
  for (let t = 0; ; found.push(t)) {
    t += -mean * Math.log(1 - draw());
    if (t >= HOUR) return found;
  }
}

const outages = (draw: () => number): Incident[] =>
  times(draw, 600).map((from) => ({ from, to: from + 30, errors: 0.2 }));

/** One of the five pods of a version dies: for ten seconds a fifth of its requests fail. */
const dyingPods = (draw: () => number): Incident[] =>
  ["v1", "v2"].flatMap((version) =>
    times(draw, 1800).map((from) => ({ from, to: from + 10, version, errors: 0.2 })),
  );

const some = (pods: ReadonlyMap<string, Counts>, draw: () => number, chance: number): string[] =>
  [...pods.keys()].filter(() => draw() < chance);

const restarts: Scenario["gateway"] = (pods, draw) => {
  for (const pod of some(pods, draw, 0.01)) pods.set(pod, {});
  return [];
};
const missedScrapes: Scenario["gateway"] = (pods, draw) => some(pods, draw, 0.2);
const comingAndGoing: Scenario["gateway"] = (pods, draw, t) => {
  if (pods.size > 1) for (const pod of some(pods, draw, 0.01)) if (pods.size > 1) pods.delete(pod);
  if (pods.size < 6 && draw() < 0.03) pods.set(`gateway-${t}`, {});
  return [];
};

/** Load between a fifth and nine fifths of the average in the hour, and errors that grow with it. */
const tide = (t: number): number => 1 + 0.8 * Math.sin((2 * Math.PI * t) / HOUR);

export const SCENARIOS: readonly Scenario[] = [
  { name: "0.1 % → 0.1 %", worse: false, errors: each(0.001, 0.001) },
  { name: "0.5 % → 0.5 %", worse: false, errors: each(0.005, 0.005) },
  { name: "2 % → 2 %: a bad environment", worse: false, errors: each(0.02, 0.02) },
  { name: "20 % → 20 %: a very bad one", worse: false, errors: each(0.2, 0.2) },
  { name: "none → none", worse: false, errors: each(0, 0) },
  { name: "0.5 % → 0.1 %: a better version", worse: false, errors: each(0.005, 0.001) },
  {
    name: "0.1 % → 0.1 %, 1 % of 20/s",
    worse: false,
    errors: each(0.001, 0.001),
    rate: () => 20,
    shares: () => ({ v1: 99, v2: 1 }),
  },
  {
    name: "0.5 % → 0.5 %, 50 % of 50/s",
    worse: false,
    errors: each(0.005, 0.005),
    shares: () => ({ v1: 50, v2: 50 }),
  },
  {
    name: "0.1 % → 0.1 %, 95 % of 50/s",
    worse: false,
    errors: each(0.001, 0.001),
    shares: () => ({ v1: 5, v2: 95 }),
  },
  {
    name: "0.1 % → 0.1 %, 100 %, no baseline",
    worse: false,
    errors: each(0.001, 0.001),
    shares: () => ({ v2: 100 }),
  },
  {
    name: "0.3 % → 0.3 %, load and errors in tides",
    worse: false,
    errors: (_, t) => 0.003 * tide(t),
    rate: (t) => 50 * tide(t),
  },
  {
    name: "0.1 % → 0.1 %, database outages",
    worse: false,
    errors: each(0.001, 0.001),
    incidents: outages,
  },
  {
    name: "0.3 % → 0.3 %, 1 → 100 % in steps",
    worse: false,
    errors: each(0.003, 0.003),
    shares: stepping,
  },
  {
    name: "0.5 % → 0.5 %, gateways restart",
    worse: false,
    errors: each(0.005, 0.005),
    gateway: restarts,
  },
  {
    name: "0.5 % → 0.5 %, scrapes are missed",
    worse: false,
    errors: each(0.005, 0.005),
    gateway: missedScrapes,
  },
  {
    name: "0.5 % → 0.5 %, gateways come and go",
    worse: false,
    errors: each(0.005, 0.005),
    gateway: comingAndGoing,
  },
  { name: "no traffic", worse: false, errors: each(0.001, 0.001), rate: () => 0 },
  {
    name: "0.1 % → 0.1 %, one request in 20 s",
    worse: false,
    errors: each(0.001, 0.001),
    rate: () => 0.05,
    shares: () => ({ v1: 50, v2: 50 }),
  },
  {
    name: "0.3 % → 0.3 %, errors and slow",
    worse: false,
    errors: each(0.003, 0.003),
    slow: each(0.003, 0.003),
  },
  {
    name: "0.5 % → 0.5 %, two candidates",
    worse: false,
    errors: each(0.005, 0.005),
    shares: () => ({ v1: 90, v2: 5, v3: 5 }),
  },
  { name: "0.1 % → 1 %", worse: true, errors: each(0.001, 0.01) },
  { name: "0.1 % → 2 %", worse: true, errors: each(0.001, 0.02) },
  { name: "0.1 % → 5 %", worse: true, errors: each(0.001, 0.05) },
  { name: "0.1 % → 20 %", worse: true, errors: each(0.001, 0.2) },
  {
    name: "0.1 % → 5 %, 1 % of 20/s",
    worse: true,
    errors: each(0.001, 0.05),
    rate: () => 20,
    shares: () => ({ v1: 99, v2: 1 }),
  },
  { name: "2 % → 10 % in a bad environment", worse: true, errors: each(0.02, 0.1) },
  {
    name: "0.1 % → 5 % beside database outages",
    worse: true,
    errors: each(0.001, 0.05),
    incidents: outages,
  },
  {
    name: "0.1 % → 5 % after half an hour",
    worse: true,
    errors: (version, t) => (version === "v2" && t >= HOUR / 2 ? 0.05 : 0.001),
  },
  {
    name: "0.1 % → 5 % from 50 % of the traffic on",
    worse: true,
    errors: (version, t) => (version === "v2" && t >= 2400 ? 0.05 : 0.001),
    shares: stepping,
  },
  {
    name: "0.1 % → 5 %, 100 %, no baseline",
    worse: true,
    errors: each(0.001, 0.05),
    shares: () => ({ v2: 100 }),
  },
  {
    name: "0.1 % → 5 %, gateways restart",
    worse: true,
    errors: each(0.001, 0.05),
    gateway: restarts,
  },
  {
    name: "0.1 % → 5 %, scrapes are missed",
    worse: true,
    errors: each(0.001, 0.05),
    gateway: missedScrapes,
  },
  {
    name: "0.3 % errors in both, slow 0.3 % → 20 %",
    worse: true,
    errors: each(0.003, 0.003),
    slow: each(0.003, 0.2),
  },
  {
    name: "0.1 % → 0.1 %, one pod of five dies, each half hour",
    worse: undefined,
    errors: each(0.001, 0.001),
    incidents: dyingPods,
  },
];
