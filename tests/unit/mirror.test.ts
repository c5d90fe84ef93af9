import assert from "node:assert/strict";
import type { TrafficPolicies } from "../../components/traffic/traffic-rules";
import { namedClusters, routedClusters } from "../../components/readiness/propagation";
import { planRoutes } from "../../components/traffic/route-plan";
import type { Weights } from "../../components/traffic/weights";

const plan = (policies: TrafficPolicies, weights: Weights = { v1: 100, v2: 0 }) =>
  planRoutes({
    service: { name: "category", namespace: "shop", port: 8080 },
    hosts: ["shop.example.com"],
    gateways: [],
    weights,
    loadBalancer: "LEAST_REQUEST",
    policies,
  }).virtualService;

const HOST = "category.shop.svc.cluster.local";
const copies = [
  { destination: { host: HOST, subset: "v2", port: { number: 8080 } }, percentage: { value: 12.5 } },
];

describe("mirror", () => {
  it("copies requests with safe methods only, unless `writes` is set", () => {
    const mirror = { to: "v2", percent: 12.5 };
    assert.deepEqual(
      plan({ mirror }).http.map(({ match, mirrors }) => [match, mirrors]),
      [
        [[{ method: { regex: "GET|HEAD|OPTIONS" } }], copies],
        [undefined, undefined],
      ],
    );
    assert.deepEqual(
      plan({ mirror: { ...mirror, writes: true } }).http.map(({ match, mirrors }) => [match, mirrors]),
      [[undefined, copies]],
    );
  });

  it("copies everything by default", () => {
    assert.equal(plan({ mirror: { to: "v2" } }).http[0]?.mirrors?.[0]?.percentage?.value, 100);
  });

  it("copies nothing to a version that gets all requests", () => {
    for (const weights of [{ v1: 0, v2: 100 }, { v2: 100 }] as Weights[]) {
      assert.deepEqual(
        plan({ mirror: { to: "v2" } }, weights).http.map(({ mirrors }) => mirrors),
        [undefined],
      );
    }
  });

  it("is part of the expected routes, but the barrier does not wait for the pods of its version", () => {
    const spec = plan({ mirror: { to: "v2" } });
    const cluster = (version: string): string => `outbound|8080|${version}|${HOST}`;
    assert.deepEqual([...namedClusters(spec)].sort(), [cluster("v1"), cluster("v2")]);
    assert.deepEqual(routedClusters(spec), [cluster("v1")]);
  });

  it("refuses a version without weight", () => {
    assert.throws(() => plan({ mirror: { to: "v3" } }), /names version "v3", which has no weight/);
  });
});

describe("fault", () => {
  it("always writes a percentage, because Istio reads a missing one as 0", () => {
    const fault = {
      delay: { fixedDelayMs: 1500, percent: 0.5 },
      abort: { httpStatus: 503, percent: 0 },
    };
    assert.deepEqual(
      plan({ fault }).http.map((route) => route.fault),
      [
        {
          delay: { fixedDelay: "1.5s", percentage: { value: 0.5 } },
          abort: { httpStatus: 503, percentage: { value: 0 } },
        },
      ],
    );
  });
});
