import assert from "node:assert/strict";
import fc from "fast-check";
import { loadBalancerProblems, loadBalancerSettings } from "../../components/traffic/load-balancer";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";

const plan = (over: Partial<RouteRequest>) =>
  planRoutes({
    service: { name: "category", namespace: "shop", port: 8080 },
    hosts: ["shop.example.com"],
    gateways: [],
    weights: { v1: "rest", v2: 20 },
    loadBalancer: "LEAST_REQUEST",
    ...over,
  });

describe("load balancer", () => {
  it("writes Istio's defaults of warm-up explicitly", () => {
    assert.deepEqual(loadBalancerSettings({ algorithm: "ROUND_ROBIN", warmup: { durationMs: 60_000 } }), {
      simple: "ROUND_ROBIN",
      warmup: { duration: "60s", aggression: 1, minimumPercent: 10 },
    });
  });

  it("combines localities with an algorithm or a consistent hash", () => {
    const distribute = { "eu/a": { "eu/a": 80, "eu/b": 20 } };
    assert.deepEqual(loadBalancerSettings({ locality: { distribute } }), {
      simple: "LEAST_REQUEST",
      localityLbSetting: { enabled: true, distribute: [{ from: "eu/a", to: { "eu/a": 80, "eu/b": 20 } }] },
    });
    assert.deepEqual(loadBalancerSettings({ locality: { failover: { eu: "us" } } }).localityLbSetting, {
      enabled: true,
      failover: [{ from: "eu", to: "us" }],
    });
    assert.deepEqual(loadBalancerSettings({ consistentHash: { sourceIp: true }, locality: "none" }), {
      consistentHash: { useSourceIp: true },
      localityLbSetting: { enabled: false },
    });
  });

  it("of a version replaces the shared one as a whole, with its choice count", () => {
    const { policy, subsets, gatewayPatches } = plan({
      loadBalancer: { choiceCount: 5, warmup: { durationMs: 1000 } },
      versions: { v2: { loadBalancer: "RANDOM" } },
    });
    assert.deepEqual(policy.trafficPolicy?.loadBalancer?.simple, "LEAST_REQUEST");
    assert.deepEqual(subsets.v2?.subsets?.[0]?.trafficPolicy, { loadBalancer: { simple: "RANDOM" } });
    assert.deepEqual(gatewayPatches, [
      {
        applyTo: "CLUSTER",
        match: {
          context: "GATEWAY",
          cluster: { name: "outbound|8080|v1|category.shop.svc.cluster.local" },
        },
        patch: { operation: "MERGE", value: { least_request_lb_config: { choice_count: 5 } } },
      },
    ]);
    assert.deepEqual(plan({}).gatewayPatches, []);
  });

  it("accepts only localities that sum to 100 and do not overlap", () => {
    const place = fc.constantFrom("*", "eu", "eu/*", "eu/a", "eu/a/*", "eu/a/1", "eu/b", "us", "us/a");
    const region = (locality: string): readonly string[] => locality.replace(/\/?\*$/, "").split("/");
    const inside = (a: string, b: string): boolean =>
      b === "*" || region(b).every((part, i) => part === region(a)[i]);
    fc.assert(
      fc.property(fc.uniqueArray(place, { minLength: 1, maxLength: 4 }), (to) => {
        const share = Math.floor(100 / to.length);
        const distribute = { "*": Object.fromEntries(to.map((p) => [p, share])) };
        const overlap = to.some((a) => to.some((b) => a !== b && inside(a, b)));
        const wrong = overlap || share * to.length !== 100;
        assert.equal(loadBalancerProblems({ locality: { distribute } }, false).length > 0, wrong);
      }),
    );
  });
});
