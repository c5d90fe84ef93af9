import assert from "node:assert/strict";
import fc from "fast-check";
import { circuitBreakerProblems, maxEjectionPercent } from "../../components/traffic/circuit-breaker";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";

const plan = (over: Partial<RouteRequest>) => {
  const { policy, subsets } = planRoutes({
    service: { name: "category", namespace: "shop", port: 8080 },
    hosts: ["shop.example.com"],
    gateways: [],
    weights: { v1: "rest", v2: 20 },
    loadBalancer: "LEAST_REQUEST",
    ...over,
  });
  const [v1, v2] = ["v1", "v2"].map((version) => subsets[version]?.subsets?.[0]?.trafficPolicy);
  return { shared: policy.trafficPolicy, v1, v2 };
};

describe("circuit breaker", () => {
  it("becomes the fields of Istio's DestinationRule", () => {
    const { shared, v1 } = plan({
      circuitBreaker: {
        maxConnections: 10,
        maxPendingRequests: 20,
        maxRequests: 30,
        maxRequestsPerConnection: 40,
        retryBudget: { percent: 25 },
      },
    });
    assert.deepEqual(shared, {
      loadBalancer: { simple: "LEAST_REQUEST" },
      connectionPool: {
        tcp: { maxConnections: 10 },
        http: { http1MaxPendingRequests: 20, http2MaxRequests: 30, maxRequestsPerConnection: 40 },
      },
      retryBudget: { percent: 25, minRetryConcurrency: 3 },
    });
    assert.equal(v1, undefined);
  });

  it("of a version has its own and the shared keys, because Istio replaces the shared block as a whole", () => {
    const { v1, v2 } = plan({
      circuitBreaker: { maxConnections: 10, maxRequests: 30, retryBudget: { percent: 20 } },
      versions: { v2: { circuitBreaker: { maxRequests: 5 } } },
    });
    assert.equal(v1, undefined);
    assert.deepEqual(v2, {
      connectionPool: { tcp: { maxConnections: 10 }, http: { http2MaxRequests: 5 } },
    });
  });

  it("limits ejections by a percentage that fits the number of pods of each version", () => {
    const { shared, v1, v2 } = plan({
      circuitBreaker: { outlierDetection: { baseEjectionTimeMs: 5000 } },
      versions: { v2: { circuitBreaker: { outlierDetection: { maxEjectionPercent: 100 } } } },
      pods: { v1: 3, v2: 1 },
    });
    assert.equal(shared?.outlierDetection, undefined);
    const rest = { consecutive5xxErrors: 5, interval: "10s" };
    assert.deepEqual(v1?.outlierDetection, { ...rest, baseEjectionTime: "5s", maxEjectionPercent: 34 });
    assert.deepEqual(v2?.outlierDetection, { ...rest, baseEjectionTime: "30s", maxEjectionPercent: 100 });
  });

  it("lets Envoy eject one pod of two or more, never a lone pod, and never more than half", () => {
    // Envoy, ejectHost: a pod is ejected if the ejected pods, itself included, are at most this percentage.
    const out = (pods: number, percent: number): number => {
      let ejected = 0;
      while (ejected < pods && (100 * (ejected + 1)) / pods <= percent) ejected++;
      return ejected;
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (pods) => {
        const ejected = out(pods, maxEjectionPercent(pods));
        assert.ok(pods === 1 ? ejected === 0 : ejected >= 1 && ejected <= Math.max(1, pods / 2));
        assert.ok(pods < 10 || ejected === Math.floor(pods / 10));
      }),
    );
    assert.equal(out(9, 10), 0, "Istio's own share");
  });

  it("is refused if its percentage would never eject a pod", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 50 }),
        fc.integer({ min: 1, max: 100 }),
        (pods, maxEjectionPercent) => {
          const problems = circuitBreakerProblems({ outlierDetection: { maxEjectionPercent } }, pods);
          assert.equal(problems.length > 0, 100 / pods > maxEjectionPercent);
        },
      ),
    );
    assert.deepEqual(circuitBreakerProblems({ outlierDetection: { maxEjectionPercent: 1 } }, 1), []);
  });
});
