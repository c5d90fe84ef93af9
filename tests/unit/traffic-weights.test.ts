import assert from "node:assert/strict";
import fc from "fast-check";
import type { Repair } from "../../components/traffic/problem";
import { trafficProblemText, type TrafficProblem } from "../../components/traffic/traffic-messages";
import {
  effectiveShares,
  integerWeights,
  weightProblems,
  type Weight,
  type Weights,
} from "../../components/traffic/weights";

const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/), { minLength: 1, maxLength: 8 });

/** Weights with the sum 100, in hundredths of a percent; one of them may be "rest". */
const validWeights: fc.Arbitrary<Weights> = names.chain((versions) =>
  fc
    .tuple(
      fc.array(fc.nat({ max: 10_000 }), { minLength: versions.length - 1, maxLength: versions.length - 1 }),
      fc.option(fc.nat({ max: versions.length - 1 })),
    )
    .map(([cuts, rest]) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), 10_000];
      return Object.fromEntries(
        versions.map((version, i): [string, Weight] => [
          version,
          i === rest ? "rest" : ((edges[i + 1] ?? 0) - (edges[i] ?? 0)) / 100,
        ]),
      );
    }),
);

/** Any value that a user may write as a number. */
const anyWeights: fc.Arbitrary<Weights> = fc.dictionary(
  fc.constantFrom("v1", "v2", "v3", "v4"),
  fc.oneof(
    fc.constant("rest" as const),
    fc.integer({ min: -20, max: 120 }),
    fc.double({ min: -5, max: 105 }),
  ),
);

/** `weights` after a repair. */
function repaired(weights: Weights, { path }: TrafficProblem, repair: Repair): Weights {
  assert.ok(!("steps" in repair));
  if ("remove" in repair)
    return Object.fromEntries(Object.entries(weights).filter(([version]) => version !== repair.remove[0]));
  return { ...weights, [String((repair.at ?? path)[0])]: repair.set as Weight };
}

describe("weights", function () {
  this.timeout("20s");

  it("accepts every split of 100 percent", () => {
    fc.assert(
      fc.property(validWeights, (weights) => {
        assert.deepEqual(weightProblems(weights, Object.keys(weights)), []);
      }),
    );
  });

  it("gives shares that sum to 100 and equal the written weights", () => {
    fc.assert(
      fc.property(validWeights, (weights) => {
        const shares = effectiveShares(weights);
        const hundredths = Object.values(shares).reduce((sum, share) => sum + Math.round(share * 100), 0);
        assert.equal(hundredths, 10_000);
        for (const [version, weight] of Object.entries(weights)) {
          if (weight !== "rest") assert.equal(shares[version], weight);
        }
      }),
    );
  });

  it("gives Istio non-negative integers in the proportion of the shares", () => {
    fc.assert(
      fc.property(validWeights, (weights) => {
        const shares = effectiveShares(weights);
        const integers = integerWeights(shares);
        const sum = Object.values(integers).reduce((a, b) => a + b, 0);
        assert.ok(sum === 100 || sum === 10_000, `sum ${sum}`);
        for (const [version, integer] of Object.entries(integers)) {
          assert.ok(Number.isInteger(integer) && integer >= 0);
          assert.equal(Math.round(((integer * 100) / sum) * 100) / 100, shares[version]);
        }
      }),
    );
  });

  it("scales only if a weight has decimals", () => {
    assert.deepEqual(integerWeights(effectiveShares({ v1: "rest", v2: 20 })), { v1: 80, v2: 20 });
    assert.deepEqual(integerWeights(effectiveShares({ v1: "rest", v2: 0.5 })), { v1: 9950, v2: 50 });
    assert.deepEqual(integerWeights(effectiveShares({ v1: 70.71, v2: 29.29 })), { v1: 7071, v2: 2929 });
  });

  it("gives shares for any weights without a problem, and throws for others", () => {
    fc.assert(
      fc.property(anyWeights, (weights) => {
        if (weightProblems(weights, Object.keys(weights)).length > 0) {
          assert.throws(() => effectiveShares(weights), RangeError);
        } else {
          const sum = Object.values(effectiveShares(weights)).reduce((a, b) => a + b, 0);
          assert.ok(Math.abs(sum - 100) < 1e-9);
        }
      }),
    );
  });

  it("proposes repairs that each remove their problem", () => {
    fc.assert(
      fc.property(anyWeights, (weights) => {
        const versions = ["v1", "v2", "v3"];
        for (const problem of weightProblems(weights, versions)) {
          for (const repair of problem.repairs) {
            const after = weightProblems(repaired(weights, problem, repair), versions).map((p) =>
              trafficProblemText(p),
            );
            assert.ok(!after.includes(trafficProblemText(problem)), trafficProblemText(problem));
          }
        }
      }),
    );
  });

  it("proposes repairs for a wrong sum", () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(fc.constantFrom("v1", "v2", "v3", "v4"), { minLength: 2 })
          .chain((versions) =>
            fc.tuple(...versions.map((version) => fc.tuple(fc.constant(version), fc.nat({ max: 100 })))),
          ),
        (entries) => {
          const weights: Weights = Object.fromEntries(entries);
          const versions = Object.keys(weights);
          for (const problem of weightProblems(weights, versions)) {
            for (const repair of problem.repairs)
              assert.deepEqual(weightProblems(repaired(weights, problem, repair), versions), []);
          }
        },
      ),
    );
  });

  it("reports a wrong sum of two with both ways to repair it", () => {
    assert.deepEqual(weightProblems({ v1: 80, v2: 19 }, ["v1", "v2"]), [
      {
        name: "weightSum",
        path: [],
        params: {
          sum: 99,
          weights: [
            ["v1", 80],
            ["v2", 19],
          ],
        },
        repairs: [
          { at: ["v1"], set: 81 },
          { at: ["v2"], set: 20 },
        ],
      },
    ]);
    assert.throws(() => effectiveShares({ v1: 80, v2: 19 }), {
      message: "weights: found weights that sum to 99 (v1 80, v2 19); allowed: weights that sum to 100",
    });
  });

  it("reports several problems at once", () => {
    const problems = weightProblems({ v1: -1, v2: 0.125, v9: 5 }, ["v1", "v2", "v3"]);
    assert.deepEqual(
      problems.map(({ path }) => path[0]),
      ["v1", "v2", "v9", "v3"],
    );
  });

  it("refuses all weights zero", () => {
    assert.throws(() => effectiveShares({ v1: 0, v2: 0 }), /sum to 0/);
  });
});
