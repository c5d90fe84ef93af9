import assert from "node:assert/strict";
import fc from "fast-check";
import type { HttpRoute } from "../../components/istio/virtual-service";
import {
  httpRetry,
  retriesOfWrites,
  RetryCondition,
  retryProblems,
  UNSEEN,
  type Retries,
} from "../../components/traffic/retries";
import type { RequestMatch } from "../../components/traffic/matches";
import { planRoutes } from "../../components/traffic/route-plan";
import type { RulePolicies, TrafficPolicies } from "../../components/traffic/traffic-rules";

const retries: fc.Arbitrary<Retries> = fc.record(
  {
    attempts: fc.integer({ min: 1, max: 10 }),
    perTryTimeoutMs: fc.integer({ min: 1, max: 60_000 }),
    on: fc.uniqueArray(fc.constantFrom(...Object.values(RetryCondition), 429, 500, 503), { minLength: 1 }),
    writes: fc.boolean(),
  },
  { requiredKeys: ["attempts"] },
);

const routes = (policies: TrafficPolicies, match: readonly RequestMatch[] = [], own?: RulePolicies) =>
  planRoutes({
    service: { name: "category", namespace: "shop", port: 8080 },
    hosts: ["shop.example.com"],
    gateways: [],
    weights: { v1: "rest", v2: 20 },
    loadBalancer: "LEAST_REQUEST",
    policies,
    rules: [{ name: "rule", match, action: { to: "v2" }, ...(own && { policies: own }) }],
  }).virtualService.http.filter(({ name }) => name === "rule");

const read = (route: HttpRoute | undefined) => [route?.match, route?.retries];

describe("retries", () => {
  it("are Istio's own by default, and none if attempts are 0", () => {
    assert.deepEqual(httpRetry(undefined), {});
    assert.deepEqual(httpRetry({ attempts: 0 }), { retries: { attempts: 0 } });
  });

  it("become the fields of Istio's HTTPRetry, by default with conditions under which the service saw nothing", () => {
    assert.deepEqual(httpRetry({ attempts: 2, perTryTimeoutMs: 1500, on: ["reset", 503] }), {
      retries: { attempts: 2, perTryTimeout: "1.5s", retryOn: "reset,503" },
    });
    assert.deepEqual(httpRetry({ attempts: 1 }), {
      retries: { attempts: 1, retryOn: "connect-failure,refused-stream,reset-before-request" },
    });
  });

  it("of writes have no condition under which the service may have processed the request", () => {
    fc.assert(
      fc.property(retries, (all) => {
        const ofWrites = retriesOfWrites(all);
        if (all.writes === true) assert.equal(ofWrites, all);
        else assert.ok(ofWrites?.attempts === 0 || (ofWrites?.on ?? UNSEEN).every((c) => UNSEEN.includes(c)));
      }),
    );
  });

  it("split a route by method if reads and writes are retried differently", () => {
    const on = ["connect-failure", "gateway-error"] as const;
    const all: TrafficPolicies = { timeoutMs: 10_000, retries: { attempts: 2, perTryTimeoutMs: 2000, on } };
    const reads = { attempts: 2, perTryTimeout: "2s", retryOn: "connect-failure,gateway-error" };
    const writes = { attempts: 2, retryOn: "connect-failure" };
    const [first, second] = routes(all);
    assert.deepEqual(read(first), [[{ method: { regex: "GET|HEAD|OPTIONS" } }], reads]);
    assert.deepEqual(read(second), [undefined, writes]);
    assert.deepEqual([first?.timeout, second?.timeout], ["10s", "10s"]);
    assert.deepEqual(
      routes(all, [{ method: ["POST", "GET"], host: "a.example.com" }]).map(({ match }) =>
        match?.map(({ method }) => method),
      ),
      [[{ exact: "GET" }], [{ regex: "POST|GET" }]],
    );
    assert.deepEqual(routes(all, [{ method: "GET" }]).map(read), [[[{ method: { exact: "GET" } }], reads]]);
    assert.deepEqual(routes(all, [{ method: "PUT" }]).map(read), [[[{ method: { exact: "PUT" } }], writes]]);
    assert.equal(routes({ retries: { attempts: 2, on, writes: true } }).length, 1);
    assert.equal(routes({ retries: { attempts: 2 } }).length, 1);
  });

  it("of a rule replace those of all traffic, and `none` switches them off", () => {
    const all: TrafficPolicies = { timeoutMs: 5000, retries: { attempts: 3 } };
    const [inherited] = routes(all, [], {});
    assert.deepEqual([inherited?.timeout, inherited?.retries?.attempts], ["5s", 3]);
    const [none] = routes(all, [], { timeoutMs: "none", retries: "none" });
    assert.deepEqual([none?.timeout, none?.retries], [undefined, { attempts: 0 }]);
  });

  it("are refused if all tries do not fit into the timeout", () => {
    fc.assert(
      fc.property(retries, fc.integer({ min: 1, max: 600_000 }), (all, timeoutMs) => {
        const tooLong = retryProblems(all, timeoutMs).filter(({ path }) => path.length === 1);
        const worst = (all.attempts + 1) * (all.perTryTimeoutMs ?? 0);
        assert.equal(tooLong.length > 0, worst > timeoutMs);
      }),
    );
  });

  it("are valid after each single repair", () => {
    fc.assert(
      fc.property(retries, fc.integer({ min: 100, max: 60_000 }), (all, timeoutMs) => {
        const [problem] = retryProblems(all, timeoutMs).filter(({ path }) => path.length === 1);
        for (const repair of problem?.repairs ?? []) {
          assert.ok("set" in repair);
          const key = repair.at?.at(-1);
          const ms = Number(repair.set);
          const left =
            key === "timeoutMs"
              ? retryProblems(all, ms)
              : retryProblems(
                  key === "attempts"
                    ? { ...all, attempts: Number(repair.set) }
                    : { ...all, perTryTimeoutMs: ms },
                  timeoutMs,
                );
          assert.deepEqual(
            left.filter(({ path }) => path.length === 1),
            [],
          );
        }
      }),
    );
  });
});
