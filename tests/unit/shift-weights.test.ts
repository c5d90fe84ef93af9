import assert from "node:assert/strict";
import { appliedByPulumi } from "../../cli/shift/written-route";
import fc from "fast-check";
import { effectiveShares } from "../../components/traffic/weights";
import { isResumed, markText, readMark, SHIFT_MARK } from "../../components/traffic/shift-mark";
import { readWeights, withWeights } from "../../cli/shift/stack-weights";
import { weightsAt } from "../../cli/shift/step-weights";
import { SourceError } from "../../cli/sources/source-error";

const FILE = `# of the shop\r
config:
  shopzier:host:   shop.example.com   # spaces of its own
  shopzier:traffic: { rules: [],
      weights: { v1: rest, "v2": 20 } }   # one number
  shopzier:secret:
    secure: v1:abc
encryptionsalt: v1:x
`;

describe("the weights of a step", () => {
  for (const [weights, share, expected] of [
    [{ v1: "rest", v2: 10 }, 25, { v1: "rest", v2: 25 }],
    [{ v1: 90, v2: 10 }, 25, { v1: 75, v2: 25 }],
    [{ v1: 90, v2: "rest" }, 100, { v1: 0, v2: "rest" }],
    [{ v1: 60, v2: 10, v3: 30 }, 100, { v1: 0, v2: 100, v3: 0 }],
    [{ v1: 60, v2: 10, v3: 30 }, 25, { v1: 50, v2: 25, v3: 25 }],
    [{ v1: "rest", v2: 0, v3: 33.33 }, 50, { v1: "rest", v2: 50, v3: 16.67 }],
  ] as const) {
    it(`${JSON.stringify(weights)} with v2 at ${share} are ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(weightsAt(weights, "v2", share), expected);
    });
  }

  it("always sum to 100, with the version at its share and nobody above the share that they had", () => {
    const parts = fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 10_000 }), fc.boolean(), (cuts, step, rest) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), 10_000];
        const numbers = edges.slice(1).map((edge, i) => (edge - (edges[i] ?? 0)) / 100);
        const before = Object.fromEntries(
          numbers.map((weight, i) => [`v${i + 1}`, rest && i === 0 ? ("rest" as const) : weight]),
        );
        const shares = effectiveShares(before);
        const share = step / 100;
        fc.pre(share > (shares.v2 ?? 0));
        const after = effectiveShares(weightsAt(before, "v2", share));
        assert.equal(after.v2, share);
        for (const [version, now] of Object.entries(after))
          if (version !== "v2")
            assert.ok(now <= (shares[version] ?? 0) + 0.05, JSON.stringify({ before, after }));
      }),
    );
  });

  it("are refused for a version without a weight, and where there is no other to give way", () => {
    assert.throws(() => weightsAt({ v1: 100 }, "v2", 10), /v2 has no weight/);
    assert.throws(() => weightsAt({ v1: 0, v2: 100 }, "v2", 50), /v2 has all requests/);
  });
});

describe("the weights in a stack file", () => {
  it("are read, and replaced with every other character as it was", () => {
    assert.deepEqual(readWeights(FILE, "shopzier", "Pulumi.lab.yaml"), { v1: "rest", v2: 20 });
    const edited = withWeights(FILE, "shopzier", "Pulumi.lab.yaml", { v1: "rest", v2: 7.5 });
    assert.equal(edited, FILE.replace('"v2": 20', '"v2": 7.5'));
    assert.equal(withWeights(edited, "shopzier", "Pulumi.lab.yaml", { v1: "rest", v2: 20 }), FILE);
  });

  for (const [what, text, message] of [
    ["is no YAML", "config: [\n", /^Pulumi\.lab\.yaml: is not YAML: /],
    [
      "has none",
      "config: {}\n",
      /found no weights under config, shopzier:traffic, weights\n {2}allowed: .*\n {2}repair: /,
    ],
    ["has a list", "config:\n  shopzier:traffic:\n    weights: [1]\n", /found no weights under config/],
    ["has text", "config:\n  shopzier:traffic:\n    weights: { v1: most }\n", /the weight of v1 is neither/],
    ["has 90", "config:\n  shopzier:traffic:\n    weights: { v1: 90 }\n", /weights that sum to 90/],
  ] as const) {
    it(`are refused where it ${what}`, () => {
      assert.throws(
        () => readWeights(text, "shopzier", "Pulumi.lab.yaml"),
        (error) => error instanceof SourceError && message.test(error.message),
      );
    });
  }
});

describe("the mark of a shift", () => {
  const mark = {
    version: "v2",
    to: 100,
    before: { v1: "rest", v2: 10 },
    at: "2026-11-30T12:00:00Z",
  } as const;

  it("is read as it was written; what is no mark is none", () => {
    assert.deepEqual(readMark({ [SHIFT_MARK]: markText(mark) }), mark);
    const ended = { ...mark, ended: "arrived" } as const;
    assert.deepEqual(readMark({ [SHIFT_MARK]: markText(ended) }), ended);
    for (const text of [
      "",
      "{",
      "[]",
      '{"version":"v2"}',
      markText({ ...mark, before: { v1: "x" } as never }),
    ])
      assert.equal(readMark({ [SHIFT_MARK]: text }), undefined, text);
    assert.equal(readMark(undefined), undefined);
  });

  it("lets a shift of the same version go on, and not one that has ended", () => {
    assert.ok(isResumed(mark, "v2"));
    assert.ok(!isResumed(mark, "v3") && !isResumed(undefined, "v2"));
    assert.ok(!isResumed({ ...mark, ended: "arrived" }, "v2"));
  });
});

describe("the way back of a sticky split", () => {
  it("writes the weights that the plan writes, whose sum never changes", () => {
    const to = (subset: string, weight: number) => ({ destination: { host: "shop", subset }, weight });
    const object = {
      metadata: {
        name: "shop",
        namespace: "shop",
        managedFields: [
          { manager: "pulumi-kubernetes-1a2b", operation: "Apply", fieldsV1: { "f:spec": { "f:http": {} } } },
        ],
      },
      spec: { http: [{ name: "all.sticky", route: [to("v1", 7500), to("v2", 2500)] }] },
    };
    const applied = appliedByPulumi(object, "v2", { v1: 90, v2: 10 })?.object as typeof object;
    assert.deepEqual(applied.spec.http[0]?.route, [to("v1", 9000), to("v2", 1000)]);
  });
});
