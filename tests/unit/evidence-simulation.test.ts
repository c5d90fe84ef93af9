/** A small part of the simulation that `make proof` runs; with its plan, and the time that takes. */
import assert from "node:assert/strict";
import {
  begin,
  judge,
  observe,
  planShift,
  stepsTo,
  type EvidenceSettings,
  type Shares,
} from "../../components/evidence";
import { binomial, OBJECTIVE, random, SCENARIOS, simulate, type Run } from "../support/evidence-simulation";

const scenario = (name: string) => {
  const found = SCENARIOS.find((s) => s.name === name);
  assert.ok(found, name);
  return found;
};
const runs = (name: string, count: number): Run[] =>
  Array.from({ length: count }, (_, i) => simulate(scenario(name), 7919 * i + 1, {}));

const middle = (values: readonly number[]): number | undefined =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

describe("evidence in a simulated hour", () => {
  for (const name of [
    "0.5 % → 0.5 %",
    "0.1 % → 0.1 %, database outages",
    "0.3 % → 0.3 %, 1 → 100 % in steps",
  ]) {
    // Of 10,000 methods that just keep 1 percent, 2 would turn back more than 3 of 30.
    it(`turns back hardly any good version: ${name}`, () => {
      const back = runs(name, 30).filter((run) => run.worse !== undefined);
      assert.ok(back.length <= 3, `${back.length} of 30`);
    });
  }

  for (const [name, seconds] of [
    ["0.1 % → 2 %", 65],
    ["0.1 % → 5 %", 25],
    ["0.1 % → 20 %", 5],
    ["0.1 % → 5 %, 1 % of 20/s", 210],
  ] as const) {
    // Half of all runs find it by then. That only a third of 101 do has the probability 0.0003.
    it(`finds a bad version: ${name}`, () => {
      const found = runs(name, 101).map((run) => run.worse?.at ?? Infinity);
      assert.ok(found.filter((at) => at <= seconds).length > 33, String(middle(found)));
      assert.ok(found.every(Number.isFinite));
    });
  }
});

describe("the plan of a shift", () => {
  const SETTINGS: EvidenceSettings = {
    baseline: "v1",
    candidates: ["v2"],
    criteria: { errors: { objective: OBJECTIVE } },
  };
  const RATE = 200;

  /** A shift that goes on when a version is good enough, back when it is worse, and holds at each step's limit. */
  function shift(
    seed: number,
    errors: readonly [number, number],
  ): { end: string; seconds: number; step: number } {
    const draw = random(seed);
    let evidence = begin(SETTINGS);
    let seconds = 0;
    for (const [step, { share, limit }] of planShift(SETTINGS, {
      steps: stepsTo(100),
      rate: RATE,
    }).steps.entries()) {
      const tick = limit / 40;
      const shares: Shares = share === 100 ? { v2: share } : { v1: 100 - share, v2: share };
      for (let t = 0; ; t += tick) {
        if (t >= limit) return { end: "held", seconds, step };
        const all = Math.round(RATE * tick);
        const of = binomial(draw, all, share / 100);
        const counts = {
          v1: { errors: { bad: binomial(draw, all - of, errors[0]), of: all - of } },
          v2: { errors: { bad: binomial(draw, of, errors[1]), of } },
        };
        evidence = observe(evidence, { seconds: tick, shares, counts });
        seconds += tick;
        const verdict = judge(evidence)["v2"]?.verdict;
        if (verdict === "worse") return { end: "back", seconds, step };
        if (verdict === "good enough") break;
      }
    }
    return { end: "arrived", seconds, step: stepsTo(100).length };
  }

  it("foretells how long a good version takes to arrive", () => {
    const { expected } = planShift(SETTINGS, { steps: stepsTo(100), rate: RATE });
    const shifts = Array.from({ length: 20 }, (_, i) => shift(7919 * i + 1, [0.001, 0.001]));
    assert.ok(shifts.filter(({ end }) => end === "arrived").length >= 19);
    const taken = middle(shifts.map(({ seconds }) => seconds)) ?? 0;
    assert.ok(Math.abs(taken / expected - 1) < 0.25, `${taken} s, foretold ${expected} s`);
  });

  it("foretells when a version with twice the errors that the objective allows is seen, and by when nearly all are", () => {
    const [first] = planShift(SETTINGS, { steps: stepsTo(100), rate: RATE }).steps;
    assert.ok(first);
    const shifts = Array.from({ length: 20 }, (_, i) => shift(7919 * i + 1, [OBJECTIVE, 2 * OBJECTIVE]));
    const back = shifts.filter(({ end, step }) => end === "back" && step === 0);
    assert.ok(back.length >= 17, `${back.length} of 20`);
    const taken = middle(back.map(({ seconds }) => seconds)) ?? 0;
    assert.ok(Math.abs(taken / first.see.seconds - 1) < 0.25, `${taken} s, foretold ${first.see.seconds} s`);
  });

  it("says which steps the traffic is too little for", () => {
    const judged = (rate: number): boolean[] =>
      planShift(SETTINGS, { steps: [1, 10, 50], rate }).steps.map((step) => step.judged);
    assert.deepEqual(judged(200), [true, true, true]);
    assert.deepEqual(judged(20), [false, true, true]);
    assert.deepEqual(judged(0), [false, false, false]);
    const [step] = planShift(SETTINGS, { steps: [1], rate: 20 }).steps;
    assert.equal(
      step?.words,
      "1 %, 0.2 requests per second: a good version passes after about 760 requests (64 min), one that is to be seen is seen after 2,000 requests (2.7 h). That is too long: this step cannot be judged at this traffic.",
    );
  });

  it("goes by the slowest criterion, and longer where more of them share alpha", () => {
    const see = (criteria: EvidenceSettings["criteria"]): number =>
      planShift({ ...SETTINGS, criteria }, { steps: [10], rate: RATE }).steps[0]?.see.requests ?? 0;
    const [loose, strict] = [{ objective: 0.05 }, { objective: 0.01 }];
    assert.ok(see({ strict }) > see({ loose }));
    assert.ok(see({ strict, loose }) > see({ strict }));
  });

  it("has no steps behind where a shift begins, and ends where it shall", () => {
    assert.deepEqual(stepsTo(100), [1, 5, 10, 25, 50, 100]);
    assert.deepEqual(stepsTo(30, 5), [10, 25, 30]);
    assert.deepEqual(stepsTo(100, 50), [100]);
  });
});
