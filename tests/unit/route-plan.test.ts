import assert from "node:assert/strict";
import fc from "fast-check";
import { loadBalancerSettings } from "../../components/traffic/load-balancer";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";
import { subsetOf } from "../../components/istio/cluster-name";
import { routedClusters } from "../../components/readiness/propagation";
import { versionsAsked, type TrafficRule } from "../../components/traffic/traffic-rules";
import { MAX_BYTES } from "../../components/traffic/size-limit";
import type { Weights } from "../../components/traffic/weights";
import { weights } from "../support/arbitraries";
import { routeRequest } from "../support/traffic-arbitraries";

const request = (over: Partial<RouteRequest> = {}): RouteRequest => ({
  service: { name: "category", namespace: "shop", port: 8080 },
  hosts: ["shop.example.com"],
  gateways: ["istio-ingress/shop"],
  weights: { v1: "rest", v2: 20 },
  loadBalancer: "LEAST_REQUEST",
  ...over,
});

const destinations = (w: Weights) =>
  planRoutes(request({ weights: w })).virtualService.http.flatMap((rule) => rule.route ?? []);

describe("versionsAsked", () => {
  it("are all versions that get requests by weight, rule or mirror", () => {
    fc.assert(
      fc.property(routeRequest("shop.example.com"), (generated) => {
        const { virtualService, meshVirtualService } = planRoutes(generated);
        const sent = [virtualService, meshVirtualService].flatMap((spec) =>
          spec
            ? [
                ...routedClusters(spec).map(subsetOf),
                ...spec.http.flatMap((rule) => rule.mirrors ?? []).map((m) => m.destination.subset ?? ""),
              ]
            : [],
        );
        const asked = versionsAsked(generated);
        assert.deepEqual(
          sent.filter((version) => !asked.has(version)),
          [],
        );
      }),
    );
  });

  it("leave out versions of weight 0 without rule or mirror", () => {
    const beta = { name: "beta", match: [{}], action: { to: "v3" } };
    const weights = { v1: "rest", v2: 100, v3: 0, v4: 0, v5: 0 } as const;
    assert.deepEqual(
      [...versionsAsked({ weights, rules: [beta], policies: { mirror: { to: "v5" } } })].sort(),
      ["v2", "v3", "v5"],
    );
  });
});

describe("planRoutes", () => {
  it("routes to fully qualified subsets of the service", () => {
    assert.deepEqual(destinations({ v1: "rest", v2: 20 }), [
      {
        destination: { host: "category.shop.svc.cluster.local", subset: "v1", port: { number: 8080 } },
        weight: 80,
      },
      {
        destination: { host: "category.shop.svc.cluster.local", subset: "v2", port: { number: 8080 } },
        weight: 20,
      },
    ]);
  });

  it("scales weights below one percent to integers", () => {
    assert.deepEqual(
      destinations({ v1: 99.5, v2: "rest" }).map((d) => d.weight),
      [9950, 50],
    );
  });

  it("keeps a version of weight 0 in the route", () => {
    assert.deepEqual(
      destinations({ v1: 100, v2: 0 }).map((d) => [d.destination.subset, d.weight]),
      [
        ["v1", 100],
        ["v2", 0],
      ],
    );
  });

  it("writes no weight for a single destination, because Istio ignores it", () => {
    assert.deepEqual(
      destinations({ v1: 100 }).map((d) => [d.destination.subset, d.weight]),
      [["v1", undefined]],
    );
  });

  it("matches a prefix at path separators only", () => {
    const plan = planRoutes(request({ paths: [{ prefix: "/api/v1/category/" }, { exact: "/health" }] }));
    assert.deepEqual(plan.virtualService.http.at(-1)?.match, [
      { uri: { exact: "/api/v1/category" } },
      { uri: { prefix: "/api/v1/category/" } },
      { uri: { exact: "/health" } },
    ]);
  });

  it("has the policy in one DestinationRule, and each subset in its own", () => {
    const plan = planRoutes(request());
    assert.deepEqual(plan.policy, {
      host: "category.shop.svc.cluster.local",
      trafficPolicy: { loadBalancer: { simple: "LEAST_REQUEST" } },
    });
    assert.deepEqual(plan.subsets.v2, {
      host: "category.shop.svc.cluster.local",
      subsets: [{ name: "v2", labels: { version: "v2" } }],
    });
  });

  it("for any weights names exactly the subsets that it defines, with integer weights in the ratio of the shares", () => {
    fc.assert(
      fc.property(weights, (w) => {
        const plan = planRoutes(request({ weights: w }));
        const route = plan.virtualService.http.at(-1)?.route ?? [];
        assert.deepEqual(
          route.map((r) => r.destination.subset),
          Object.keys(plan.subsets),
        );
        if (route.length === 1) return;
        const sum = route.reduce((a, r) => a + (r.weight ?? NaN), 0);
        assert.ok(sum > 0);
        for (const r of route) {
          assert.ok(Number.isInteger(r.weight) && (r.weight ?? -1) >= 0);
          const share = plan.shares[r.destination.subset ?? ""] ?? NaN;
          assert.ok(Math.abs(((r.weight ?? NaN) / sum) * 100 - share) < 1e-9);
        }
      }),
    );
  });

  it("refuses rules that no cluster could store, with the size, the largest rule and what makes it smaller", () => {
    const rules = (count: number): TrafficRule[] =>
      Array.from({ length: count }, (_, i) => ({
        name: `group-${i}`,
        match: [{ cookies: { cohort: { exact: `group-${i}` } } }],
        action: { to: "v2" },
        policies: { retries: { attempts: 2, on: ["5xx"] } },
      }));
    const paths = [{ prefix: "/api/v1/category" }, { prefix: "/api/v1/private/category" }];
    const written = planRoutes(request({ paths, rules: rules(500) })).virtualService;
    assert.ok(Buffer.byteLength(JSON.stringify(written)) <= MAX_BYTES);
    assert.throws(
      () => planRoutes(request({ paths, rules: rules(2000) })),
      /^RangeError: rules: found 4002 routes that make a VirtualService of \d\.\d\d MiB \(rule group-\d+ takes 0\.\d KiB\); allowed: 1\.00 MiB/,
    );
  });
});

describe("loadBalancerSettings", () => {
  it("writes an algorithm unchanged", () => {
    assert.deepEqual(loadBalancerSettings("RANDOM"), { simple: "RANDOM" });
  });

  it("writes each key and each table of a consistent hash as fields of Istio", () => {
    assert.deepEqual(
      loadBalancerSettings({ consistentHash: { httpHeader: "x-user", ringHash: { minimumRingSize: 512 } } }),
      {
        consistentHash: { httpHeaderName: "x-user", ringHash: { minimumRingSize: 512 } },
      },
    );
    assert.deepEqual(
      loadBalancerSettings({ consistentHash: { httpCookie: { name: "shop", path: "/", ttlMs: 1500 } } }),
      { consistentHash: { httpCookie: { name: "shop", path: "/", ttl: "1.5s" } } },
    );
    assert.deepEqual(loadBalancerSettings({ consistentHash: { sourceIp: true, maglev: {} } }), {
      consistentHash: { useSourceIp: true, maglev: { tableSize: 65537 } },
    });
    assert.deepEqual(loadBalancerSettings({ consistentHash: { queryParameter: "user" } }), {
      consistentHash: { httpQueryParameterName: "user" },
    });
  });
});
