import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { HttpRoute } from "../../components/istio/virtual-service";
import { workloadChanges } from "../../components/service/workload-change";
import {
  routeChanges,
  routeChangeText,
  UNKNOWN,
  type ComparedSpec,
} from "../../components/traffic/route-change";
import { routeRisks, stepAnnotations } from "../../components/traffic/route-risks";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";
import { unmarked } from "../../components/traffic/rule-version";
import { effectiveShares } from "../../components/traffic/weights";
import { routeRequest } from "../support/traffic-arbitraries";

const HOST = "shop.example.com";
const spec = (request: RouteRequest) => planRoutes(request).virtualService;
const texts = (before: ComparedSpec, after: ComparedSpec): string[] =>
  routeChanges(before, after).map(routeChangeText);

const BASE: RouteRequest = {
  service: { name: "category", namespace: "category", port: 8080 },
  hosts: [HOST],
  gateways: ["istio-ingress/shop"],
  weights: { v1: 80, v2: 20 },
};
const beta: NonNullable<RouteRequest["rules"]>[number] = {
  name: "beta",
  match: [{ cookies: { beta: { exact: "1" } } }],
  action: { to: "v2" },
};
const gone = { name: "gone", match: [{ path: { prefix: "/old" } }], action: { respond: { status: 410 } } };

const route = (...weights: unknown[]) =>
  weights.map((weight, i) => ({ destination: { host: "category", subset: `v${i + 1}` }, weight }));

describe("the changes of a VirtualService, in words", () => {
  const cases: readonly (readonly [string, Partial<RouteRequest>, Partial<RouteRequest>, string[]])[] = [
    ["the same", {}, {}, []],
    ["a weight", {}, { weights: { v1: 70, v2: 30 } }, ["category: v1 80 → 70 %, v2 20 → 30 %"]],
    [
      "weights with decimals, and a version that is new",
      {},
      { weights: { v1: 79.5, v2: 20, v3: 0.5 } },
      ["category: v1 80 → 79.5 %, v3 0 → 0.5 %"],
    ],
    ["a rule that is added", {}, { rules: [beta] }, ["beta: added, v2"]],
    ["a rule that is removed", { rules: [gone] }, {}, ["gone: removed, answer 410"]],
    [
      "a rule that gets weights",
      { rules: [beta] },
      { rules: [{ ...beta, action: { weights: { v1: 50, v2: 50 } } }] },
      ["beta: v1 0 → 50 %, v2 100 → 50 %"],
    ],
    [
      "a rule that gets a redirect",
      { rules: [beta] },
      { rules: [{ ...beta, action: { redirect: { path: "/" } } }] },
      ["beta: route removed; redirect added"],
    ],
    [
      "another match",
      { rules: [beta] },
      { rules: [{ ...beta, match: [{ query: { beta: { present: true } } }] }] },
      ["beta: match changes"],
    ],
    ["a timeout", {}, { policies: { timeoutMs: 5000 } }, ["category: timeout none → 5s"]],
    [
      "a weight and a timeout",
      { policies: { timeoutMs: 5000 } },
      { policies: { timeoutMs: 500 }, weights: { v1: 0, v2: 100 } },
      ["category: v1 80 → 0 %, v2 20 → 100 %; timeout 5s → 0.5s"],
    ],
    [
      "another order",
      { rules: [beta, gone] },
      { rules: [gone, beta] },
      ["the order of the rules changes: gone, beta, category"],
    ],
    ["another host", {}, { hosts: [HOST, "www.example.com"] }, [`hosts ${HOST} → ${HOST}, www.example.com`]],
  ];
  for (const [title, before, after, expected] of cases) {
    it(title, () => {
      assert.deepEqual(texts(spec({ ...BASE, ...before }), spec({ ...BASE, ...after })), expected);
    });
  }

  it("a rule whose policies differ by method, in one line", () => {
    const retries = { attempts: 2, on: ["5xx"] } as const;
    const request = { ...BASE, policies: { mirror: { to: "v2", percent: 10 }, retries } } as RouteRequest;
    assert.equal(spec(request).http.length, 2);
    const shifted = spec({ ...request, weights: { v1: 70, v2: 30 } });
    assert.deepEqual(texts(spec(request), shifted), ["category: v1 80 → 70 %, v2 20 → 30 %"]);
  });

  it("what others write: relative weights, no names, several hosts", () => {
    const to = (host: string, subset?: string) => ({ host, ...(subset && { subset }) });
    const one = (...weights: number[]): ComparedSpec => ({
      http: [
        {
          match: [{ uri: { prefix: "/" } }],
          route: [
            { destination: to("reviews"), weight: weights[0] ?? 0 },
            { destination: to("ratings.prod.svc.cluster.local", "v2"), weight: weights[1] ?? 0 },
          ],
        },
      ],
    });
    assert.deepEqual(texts(one(1, 2), one(1, 1)), ["rule 1: reviews 33.33 → 50 %, ratings/v2 66.67 → 50 %"]);
    assert.deepEqual(texts({}, { http: [{ route: [{ destination: to("reviews") }] }] }), [
      "rule 1: added, reviews",
    ]);
  });

  it("what is unknown", () => {
    const before = { http: [{ name: "a", timeout: "5s", route: route(80, 20) }] } as ComparedSpec;
    const after = (http: unknown) => ({ http }) as ComparedSpec;
    assert.deepEqual(texts(before, after(UNKNOWN)), ["the rules are known after up"]);
    assert.deepEqual(texts(before, after([UNKNOWN])), ["the rules are known after up"]);
    assert.deepEqual(texts(before, after([{ name: "a", timeout: UNKNOWN, route: route(UNKNOWN, 1) }])), [
      "a: v1 80 → (known after up) %, v2 20 → (known after up) %; timeout 5s → (known after up)",
    ]);
  });
});

describe("the changes of generated VirtualServices", () => {
  const pair = routeRequest(HOST).chain((request) =>
    fc
      .record({
        v2: fc.integer({ min: 0, max: 10_000 }),
        order: fc.shuffledSubarray([...(request.rules ?? [])]),
        timeout: fc.option(fc.constant({ timeoutMs: 1234 }), { nil: {} }),
      })
      .map(({ v2, order, timeout }): { request: RouteRequest; edited: RouteRequest } => ({
        request,
        edited: {
          ...request,
          weights: { v1: "rest", v2: v2 / 100 },
          rules: order,
          policies: { ...request.policies, ...timeout },
        },
      })),
  );
  const names = ({ http }: { http: readonly HttpRoute[] }): string[] => [
    ...new Set(http.map(({ name = "" }) => name)),
  ];
  const without = (all: readonly string[], some: readonly string[]): string[] =>
    all.filter((name) => !some.includes(name));

  it("are none if and only if the objects are equal but for marks, and name every added and removed rule", () => {
    fc.assert(
      fc.property(pair, ({ request, edited }) => {
        const [before, after] = [spec(request), spec(edited)];
        const found = routeChanges(before, after);
        const same = isDeepStrictEqual(before.http.map(unmarked), after.http.map(unmarked));
        assert.equal(found.length === 0, same);
        const ruled = (kind: string): string[] => [
          ...new Set(
            found.flatMap((change) => (change.kind === kind && "rule" in change ? [change.rule] : [])),
          ),
        ];
        const [old, now] = [names(before), names(after)];
        assert.deepEqual(ruled("removed"), without(old, now));
        assert.deepEqual(ruled("added"), without(now, old));
        const moved = !isDeepStrictEqual(
          old.filter((name) => now.includes(name)),
          now.filter((name) => old.includes(name)),
        );
        assert.equal(
          found.some(({ kind }) => kind === "reordered"),
          moved,
        );
      }),
      { numRuns: 60 },
    );
  });

  it("have the shares that the settings have", () => {
    fc.assert(
      fc.property(pair, ({ request, edited }) => {
        const [old, now] = [effectiveShares(request.weights), effectiveShares(edited.weights)];
        const expected = Object.keys(now)
          .filter((version) => old[version] !== now[version])
          .map((to) => ({ to, before: old[to], after: now[to] }));
        const found = routeChanges(spec(request), spec(edited)).find(
          (change) => change.kind === "changed" && change.rule === "category",
        );
        assert.deepEqual(found?.kind === "changed" ? found.shares : [], expected);
      }),
      { numRuns: 40 },
    );
  });

  it("fail for no value of a field", () => {
    const field = fc.oneof(fc.constant(UNKNOWN), fc.jsonValue());
    const rule = fc.record(
      { name: fc.string(), match: field, route: field, headers: field, redirect: field, timeout: field },
      { requiredKeys: [] },
    );
    const any = fc.record({ hosts: field, http: fc.oneof(field, fc.array(fc.oneof(rule, field))) });
    fc.assert(
      fc.property(any, any, (before, after) => {
        routeChanges(before as ComparedSpec, after as ComparedSpec).map(routeChangeText);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the risks of an edit of routes", () => {
  const risks = (
    before: Partial<RouteRequest>,
    after: Partial<RouteRequest>,
    context: Parameters<typeof routeRisks>[1] = {},
  ): string[] => routeRisks(routeChanges(spec({ ...BASE, ...before }), spec({ ...BASE, ...after })), context);

  it("a step that is larger than allowed, unless it is the way back", () => {
    const shift = (from: number, to: number, maxStep = 10): string[] =>
      risks({ weights: { v1: "rest", v2: from } }, { weights: { v1: "rest", v2: to } }, { maxStep });
    assert.deepEqual(shift(20, 30), []);
    assert.deepEqual(shift(20, 35), [
      "v2 rises by 15 points and maxStep allows 10: raise it in 2 steps, or set maxStep",
    ]);
    assert.deepEqual(shift(20.1, 20.2, 0.1), []);
    assert.deepEqual(shift(30, 0), []);
    assert.deepEqual(risks({}, { weights: { v1: 0, v2: 100 } }), []);
  });

  it("requests for a version without pods, if any version has pods that are known", () => {
    const more = { weights: { v1: 70, v2: 30 } };
    const text = "v2 gets 30 % of the requests and has no pods in this program: without pods they get 503";
    assert.deepEqual(risks({}, more, { pods: new Map([["v1", 2]]) }), [text]);
    assert.deepEqual(risks({}, more, { pods: new Map(Object.entries({ v1: 2, v2: 0 })) }), [text]);
    assert.deepEqual(risks({}, more, { pods: new Map(Object.entries({ v1: 2, v2: 1 })) }), []);
    assert.deepEqual(risks({}, more), []);
  });

  it("an image and a weight in one edit", () => {
    const newImages = new Set(["v2"]);
    assert.match(
      risks({}, { weights: { v1: 70, v2: 30 } }, { newImages })[0] ?? "",
      /^v2 gets another image/,
    );
    assert.deepEqual(risks({}, { weights: { v1: 90, v2: 10 } }, { newImages }), []);
  });

  it("a rule that is removed", () => {
    assert.deepEqual(risks({ rules: [beta] }, {}), [
      "rule beta is removed: its requests go by the rules after it",
    ]);
  });

  it("have a limit that is a percentage", () => {
    assert.deepEqual(stepAnnotations({ maxStep: 10 }), { "shopzier-mesh/max-step": "10" });
    assert.equal(stepAnnotations({}), undefined);
    for (const maxStep of [0, -1, 101, NaN]) assert.throws(() => stepAnnotations({ maxStep }), RangeError);
  });
});

describe("the changes of a Deployment", () => {
  const deployment = (image: string, replicas?: number) => ({
    spec: { replicas, template: { spec: { containers: [{ name: "api", image }] } } },
  });

  it("are its images and its number of pods", () => {
    assert.deepEqual(workloadChanges(deployment("a:1", 1), deployment("a:2", 3)), {
      texts: ["image a:1 → a:2", "replicas 1 → 3"],
      newImage: true,
    });
    assert.deepEqual(workloadChanges(deployment("a:1", 1), deployment("a:1")), {
      texts: ["replicas 1 → by the autoscaler"],
      newImage: false,
    });
    assert.deepEqual(workloadChanges(deployment("a:1"), deployment(UNKNOWN)).texts, [
      "image a:1 → (known after up)",
    ]);
  });
});
