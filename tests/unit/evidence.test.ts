import assert from "node:assert/strict";
import fc from "fast-check";
import {
  begin,
  judge,
  observe,
  type Batch,
  type Count,
  type Evidence,
  type EvidenceSettings,
  type Inconclusive,
  type Shares,
  type Verdict,
} from "../../components/evidence";

const BOTH: Shares = { v1: 90, v2: 10 };
const ERRORS: EvidenceSettings = {
  baseline: "v1",
  candidates: ["v2"],
  criteria: { errors: { objective: 0.01, bad: "failed" } },
};

const batch = (v2: Count, v1: Count | undefined, shares: Shares = BOTH): Batch => ({
  seconds: 5,
  shares,
  counts: { v2: { errors: v2 }, ...(v1 && { v1: { errors: v1 } }) },
});
const count = (bad: number, of: number): Count => ({ bad, of });
const after = (settings: EvidenceSettings, ...batches: readonly Batch[]): Evidence =>
  batches.reduce(observe, begin(settings));
const verdict = (evidence: Evidence): Verdict => {
  const { v2 } = judge(evidence);
  assert.ok(v2);
  return v2;
};

/** The probability of each number of bad requests of `of`. */
function binomial(of: number, chance: number): number[] {
  let rows = [1];
  for (let i = 0; i < of; i += 1) {
    rows = [...rows, 0].map((p, bad) => p * (1 - chance) + (rows[bad - 1] ?? 0) * chance);
  }
  return rows;
}

describe("evidence", () => {
  const size = fc.integer({ min: 0, max: 9 });
  const ratio = fc.double({ min: 0, max: 1, noNaN: true });
  const inner = fc.double({ min: 0.001, max: 0.999, noNaN: true });
  /** Whatever was seen before. */
  const history = fc.array(
    fc
      .record({ v1: size, v2: size, bad1: ratio, bad2: ratio, alone: fc.boolean() })
      .map(({ v1, v2, bad1, bad2, alone }): Batch =>
        batch(count(Math.round(bad2 * v2), v2), count(Math.round(bad1 * v1), v1), alone ? { v2: 100 } : BOTH),
      ),
    { maxLength: 4 },
  );

  /** What evidence is multiplied by on average: summed over all outcomes of a batch, by their probabilities. */
  function expectedFactor(
    before: Evidence,
    which: "worse" | "within" | "margin",
    [v2, v1, shares]: readonly [readonly [number, number], readonly [number, number], Shares],
  ): number {
    const log = (evidence: Evidence): number => evidence.versions["v2"]?.["errors"]?.[which].log ?? NaN;
    // A step begins some evidence anew: a batch without requests does it beforehand.
    const start = observe(before, batch(count(0, 0), count(0, 0), shares));
    let sum = 0;
    for (const [bad2, p2] of binomial(...v2).entries()) {
      for (const [bad1, p1] of binomial(...v1).entries()) {
        const next = observe(start, batch(count(bad2, v2[0]), count(bad1, v1[0]), shares));
        sum += p1 * p2 * Math.exp(log(next) - log(start));
      }
    }
    return sum;
  }
  const atMostOne = (factor: number): void => {
    assert.ok(factor <= 1 + 1e-12, String(factor));
  };

  it("is not expected to grow where the candidate is no worse than the baseline: exactly, after any past", () => {
    fc.assert(
      fc.property(history, size, size, ratio, ratio, (past, n2, n1, p1, part) => {
        const before = after(ERRORS, ...past);
        atMostOne(expectedFactor(before, "worse", [[n2, p1 * part], [n1, p1], BOTH]));
      }),
    );
  });

  it("is not expected to grow where a candidate without a baseline meets the objective, and is even where it just does", () => {
    fc.assert(
      fc.property(history, size, inner, ratio, (past, n, objective, part) => {
        const before = after({ ...ERRORS, criteria: { errors: { objective } } }, ...past);
        const alone = { v2: 100 };
        atMostOne(expectedFactor(before, "worse", [[n, objective * part], [0, 0], alone]));
        const even = expectedFactor(before, "worse", [[n, objective], [0, 0], alone]);
        assert.ok(Math.abs(even - 1) < 1e-12, String(even));
      }),
    );
  });

  it("is not expected to grow towards good enough where the objective is missed", () => {
    fc.assert(
      fc.property(history, size, inner, ratio, (past, n, objective, part) => {
        const before = after({ ...ERRORS, criteria: { errors: { objective } } }, ...past);
        const p = objective + (1 - objective) * part;
        atMostOne(expectedFactor(before, "within", [[n, p], [1, 0], BOTH]));
      }),
    );
  });

  it("is not expected to grow towards the margin where the candidate is at least so much worse", () => {
    fc.assert(
      fc.property(
        history,
        size,
        size,
        inner,
        fc.double({ min: 1.01, max: 10, noNaN: true }),
        ratio,
        (past, n2, n1, p2, margin, part) => {
          const before = after({ ...ERRORS, margin }, ...past);
          atMostOne(expectedFactor(before, "margin", [[n2, p2], [n1, (p2 / margin) * part], BOTH]));
        },
      ),
    );
  });

  it("keeps what tells that a version is worse over steps, and begins anew what tells that it is good enough", () => {
    const clean = batch(count(0, 600), count(0, 5000));
    assert.equal(verdict(after(ERRORS, clean)).verdict, "good enough");
    const later = batch(count(0, 10), count(0, 10), { v1: 50, v2: 50 });
    assert.equal(verdict(after(ERRORS, clean, later)).verdict, "inconclusive");

    const bad = batch(count(3, 100), count(1, 900));
    const worse = batch(count(6, 200), count(0, 200), { v1: 50, v2: 50 });
    for (const [batches, expected] of [
      [[bad], "inconclusive"],
      [[worse], "inconclusive"],
      [[bad, worse], "worse"],
    ] as const) {
      assert.equal(verdict(after(ERRORS, ...batches)).verdict, expected);
    }
  });

  it("takes about 520 requests without a bad one at an objective of 1 percent, and ten times as many at a tenth", () => {
    for (const [objective, least, most] of [
      [0.01, 510, 530],
      [0.001, 5100, 5300],
    ] as const) {
      const enough = (requests: number): string =>
        verdict(
          after({ ...ERRORS, criteria: { errors: { objective } } }, batch(count(0, requests), count(0, 10))),
        ).verdict;
      assert.deepEqual([enough(least), enough(most)], ["inconclusive", "good enough"]);
    }
  });

  it("shares alpha among criteria and candidates", () => {
    const criteria = { errors: { objective: 0.01 }, slow: { objective: 0.05 } };
    const three = judge(begin({ ...ERRORS, candidates: ["v2", "v3"], criteria, alpha: 0.05 }));
    for (const { findings } of Object.values(three)) {
      assert.deepEqual(
        Object.values(findings).map(({ worse, good }) => [worse.needed, good.needed]),
        [
          [80, 40],
          [80, 40],
        ],
      );
    }
  });

  it("is good enough only by every criterion, and worse by any", () => {
    const settings = {
      ...ERRORS,
      criteria: { ...ERRORS.criteria, slow: { objective: 0.01, bad: "were slow" } },
    };
    const counted = (slow: Count): Batch => ({
      ...{ seconds: 5, shares: BOTH },
      counts: { v1: { errors: count(0, 9000), slow: count(81, 9000) }, v2: { errors: count(0, 1000), slow } },
    });
    assert.equal(verdict(after(settings, counted(count(0, 1000)))).verdict, "good enough");
    assert.equal(verdict(after(settings, counted(count(9, 1000)))).verdict, "inconclusive");
    const worse = verdict(after(settings, counted(count(90, 1000))));
    assert.deepEqual([worse.verdict, "criterion" in worse && worse.criterion], ["worse", "slow"]);
  });

  it("says the numbers that a verdict rests on", () => {
    const said = (...batches: readonly Batch[]): string => verdict(after(ERRORS, ...batches)).words;
    assert.equal(said(), "v2 is not decided: no requests of it were counted in this step.");
    assert.equal(
      said(batch(count(0, 100), count(2, 900))),
      "v2 is not decided: 0 of 100 requests of v2 failed (0 %), 2 of 900 of v1 (0.22 %), objective 1 %. " +
        "If this goes on, it is good enough after about 420 more requests of v2 (22 s).",
    );
    assert.match(
      said(batch(count(1, 950), count(2, 8550))),
      /^v2 is good enough in this step: 1 of 950 .*, objective 1 %, evidence 290 of 100\.$/,
    );
    assert.match(
      said(batch(count(9, 120), count(3, 2300))),
      /^v2 is worse than v1: 9 of 120 requests of v2 failed \(7\.5 %\), 3 of 2,300 of v1 \(0\.13 %\), objective 1 %, evidence .* of 100\.$/,
    );
    assert.match(
      said(batch(count(9, 120), undefined, { v2: 100 })),
      /^v2 is worse than the objective: 9 of 120 requests of v2 failed \(7\.5 %\), objective 1 %, /,
    );
  });

  it("blames no version for what hits both", () => {
    const both = verdict(after(ERRORS, batch(count(200, 1000), count(1790, 9000))));
    assert.equal(both.verdict, "inconclusive");
    assert.match(
      both.words,
      /It misses the objective of 1 %, but no more than v1: no version is blamed for it\.$/,
    );
  });

  it("foretells how many requests a verdict takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 60 }), (bad, others) => {
        const seen = after(ERRORS, batch(count(bad, 1000), count(others, 9000)));
        const before = verdict(seen);
        if (before.verdict !== "inconclusive" || before.forecast === undefined) return;
        const { requests, seconds } = before.forecast;
        assert.ok(Math.abs(seconds - (requests * 5) / 1000) < 1e-9);
        const goesOn = (part: number): Verdict => {
          const scale = (requests * part) / 1000;
          return verdict(
            observe(seen, batch(count(bad * scale, 1000 * scale), count(others * scale, 9000 * scale))),
          );
        };
        assert.notEqual(goesOn(1.02).verdict, "inconclusive");
        // What is nearly decided, dealing anew after the batch may decide.
        if (requests > 100) assert.equal(goesOn(0.9).verdict, "inconclusive");
      }),
    );
  });

  it("takes a margin into account where somebody had a bad request", () => {
    const strict = { ...ERRORS, margin: 2 };
    assert.equal(verdict(after(strict, batch(count(0, 600), count(0, 5400)))).verdict, "good enough");
    const unproved = verdict(after(strict, batch(count(0, 600), count(6, 5400)))) as Inconclusive;
    assert.equal(unproved.verdict, "inconclusive");
    assert.ok((unproved.forecast?.requests ?? 0) > 1000);
    assert.equal(
      verdict(after(strict, batch(count(30, 40_000), count(300, 360_000)))).verdict,
      "good enough",
    );
  });

  it("stays as it is where a criterion was not counted for both", () => {
    const before = after(ERRORS, batch(count(0, 100), count(1, 900)));
    const missing: Batch[] = [
      { seconds: 5, shares: BOTH, counts: {} },
      { seconds: 5, shares: BOTH, counts: { v2: { errors: count(9, 10) } } },
      { seconds: 5, shares: BOTH, counts: { v1: { errors: count(9, 10) }, v2: { slow: count(9, 10) } } },
    ];
    for (const counted of missing) assert.deepEqual(observe(before, counted), before);
  });

  it("is plain data, which goes on after being written and read", () => {
    const one = after(ERRORS, batch(count(1, 100), count(1, 900)));
    const next = batch(count(2, 100), count(1, 900));
    assert.deepEqual(observe(JSON.parse(JSON.stringify(one)) as Evidence, next), observe(one, next));
    const sure = verdict(after(ERRORS, batch(count(100_000, 100_000), count(0, 900_000))));
    assert.deepEqual(JSON.parse(JSON.stringify(sure)), sure);
  });

  it("refuses settings that no test can keep", () => {
    const wrong: Partial<EvidenceSettings>[] = [
      { alpha: 0 },
      { alpha: 1 },
      { margin: 1 },
      { candidates: [] },
      { candidates: ["v1"] },
      { criteria: {} },
      { criteria: { errors: { objective: 0 } } },
      { criteria: { errors: { objective: 1 } } },
    ];
    for (const settings of wrong) assert.throws(() => begin({ ...ERRORS, ...settings }), RangeError);
  });
});
