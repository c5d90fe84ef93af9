import assert from "node:assert/strict";
import fc from "fast-check";
import { increase, type Count, type Counts, type Reading } from "../../components/evidence";

const SHARES = { v1: 90, v2: 10 };
const errors = (bad: number, of: number): Readonly<Record<string, Count>> => ({ errors: { bad, of } });
const reading = (at: number, pods: Readonly<Record<string, Counts>>, shares = SHARES): Reading => ({
  at,
  shares,
  pods,
});
const START = reading(0, { a: { v1: errors(1, 90), v2: errors(0, 10) }, b: { v1: errors(2, 80) } });

/** What is counted from START to other counters, 15 seconds later. */
const to = (pods: Readonly<Record<string, Counts>>) => increase(START, reading(15, pods));
const A = { v1: errors(3, 190), v2: errors(1, 20) };
const B = { v1: errors(2, 180), v2: errors(4, 10) };

describe("counts from counters", () => {
  it("sum what the pods counted since the last reading; a version without requests had no series", () => {
    assert.deepEqual(to({ a: A, b: B }), {
      batch: {
        ...{ seconds: 15, shares: SHARES },
        counts: { v1: errors(2, 200), v2: errors(5, 20) },
      },
      unclear: [],
    });
  });

  for (const [what, b, why] of [
    ["restarted", { v1: errors(2, 79) }, "its counters of v1 went back, so it restarted"],
    ["is gone", undefined, "it is gone, or its reading is missing"],
    ["lost a series", { v2: errors(4, 10) }, "its counters of v1 for errors are missing"],
    ["lost a criterion", { v1: {} }, "its counters of v1 for errors are missing"],
    [
      "got a criterion",
      { v1: { ...errors(2, 180), slow: { bad: 0, of: 100 } } },
      "the counters of v1 for slow are missing in its last reading",
    ],
    [
      "has more bad ones than all",
      { v1: errors(102, 90) },
      "its counters of v1 for errors contradict themselves",
    ],
    ["has no number", { v1: errors(NaN, 180) }, "its counters of v1 for errors contradict themselves"],
  ] as const) {
    it(`leave out a pod that ${what}, and say so`, () => {
      const { batch, unclear } = to({ a: A, ...(b && { b }) });
      assert.deepEqual(batch?.counts, { v1: errors(2, 100), v2: errors(1, 10) });
      assert.deepEqual(unclear, [`Pod b is not counted from 00:00:00 to 00:00:15: ${why}.`]);
    });
  }

  it("leave out a pod that is new, until its second reading", () => {
    const first = to({ a: A, b: B, c: { v1: errors(0, 50) } });
    assert.deepEqual(first.unclear, [
      "Pod c is not counted from 00:00:00 to 00:00:15: it is new, or its last reading is missing.",
    ]);
    assert.equal(first.batch?.counts["v1"]?.["errors"]?.of, 200);
    const second = increase(
      reading(0, { c: { v1: errors(0, 50) } }),
      reading(5, { c: { v1: errors(1, 70) } }),
    );
    assert.deepEqual(second.batch?.counts, { v1: errors(1, 20) });
  });

  it("are none over a change of the shares, or without a newer reading", () => {
    const shifted = increase(START, reading(15, START.pods, { v1: 50, v2: 50 }));
    assert.deepEqual(shifted, {
      batch: undefined,
      unclear: ["The shares changed between two readings, which are not compared."],
    });
    const stale = { batch: undefined, unclear: ["There is no new reading of the counters."] };
    assert.deepEqual(increase(START, START), stale);
    assert.deepEqual(increase(reading(15, START.pods), START), stale);
  });

  it("are never more than there were, whatever happens to pods and their readings", () => {
    const requests = fc.record({ good: fc.nat({ max: 9 }), bad: fc.nat({ max: 3 }) });
    const event = fc.constantFrom("nothing", "nothing", "nothing", "restart", "missing", "gone");
    const interval = fc.array(fc.record({ v1: requests, v2: requests, event }), {
      minLength: 3,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.array(interval, { minLength: 1, maxLength: 12 }), (intervals) => {
        const pods = new Map<number, Counts>();
        let before = reading(0, {});
        for (const [i, happened] of intervals.entries()) {
          const truth: Record<string, Count> = { v1: { bad: 0, of: 0 }, v2: { bad: 0, of: 0 } };
          const missing: number[] = [];
          for (const [pod, { event, ...versions }] of happened.entries()) {
            if (event === "restart") pods.set(pod, {});
            const counters: Record<string, Record<string, Count>> = {};
            for (const [version, { good, bad }] of Object.entries(versions)) {
              const sum = pods.get(pod)?.[version]?.["errors"] ?? { bad: 0, of: 0 };
              const all = truth[version] ?? sum;
              truth[version] = { bad: all.bad + bad, of: all.of + good + bad };
              counters[version] = errors(sum.bad + bad, sum.of + good + bad);
            }
            if (event === "gone") pods.delete(pod);
            else pods.set(pod, counters);
            if (event === "missing") missing.push(pod);
          }
          const read = [...pods].filter(([pod]) => !missing.includes(pod));
          const after = reading(5 * (i + 1), Object.fromEntries(read));
          const { batch, unclear } = increase(before, after);
          before = after;
          assert.ok(batch);
          for (const [version, { bad, of }] of Object.entries(truth)) {
            const counted: Count = batch.counts[version]?.["errors"] ?? { bad: 0, of: 0 };
            assert.ok(counted.bad <= bad && counted.of <= of, `${version}: ${JSON.stringify(counted)}`);
            const quiet = i > 0 && unclear.length === 0 && happened.every((pod) => pod.event === "nothing");
            if (quiet && pods.size === 3) assert.deepEqual(counted, { bad, of });
          }
        }
      }),
    );
  });
});
