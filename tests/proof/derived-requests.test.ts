/** Requests derived from two sides against ten thousand random ones, for many pairs of sides. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { missedDifferences } from "../support/missed-differences";
import { sides } from "../support/request-sides";

const PAIRS = 100;

describe("proof: derived requests", () => {
  it(`find every difference that 10,000 random requests find, for ${PAIRS} pairs of settings`, function () {
    const { seed = 0 } = fc.readConfigureGlobal();
    const pairs = fc.sample(fc.noBias(sides), { numRuns: PAIRS, seed });
    const { missed, differences } = missedDifferences(pairs, 10_000, seed);
    assert.deepEqual(missed, []);
    assert.ok(differences > 5 * PAIRS, String(differences));
  });
});
