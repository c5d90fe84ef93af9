import assert from "node:assert/strict";
import fc from "fast-check";
import { defined } from "../../components/istio/without-undefined";
import { routeChanges } from "../../components/traffic/route-change";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";
import { stickyWords, type Sticky } from "../../components/traffic/sticky";
import { weights } from "../support/arbitraries";

const request = (over: Partial<RouteRequest> = {}): RouteRequest => ({
  service: { name: "category", namespace: "shop", port: 8080 },
  hosts: ["shop.example.com"],
  gateways: ["istio-ingress/shop"],
  weights: { v1: "rest", v2: 20 },
  sticky: { cookie: "shop-version" },
  ...over,
});
const names = ({ virtualService }: ReturnType<typeof planRoutes>): unknown[] =>
  virtualService.http.map(({ name }) => name);
/** The names of the rules whose routes are patched. */
const patched = ({ gatewayPatches }: ReturnType<typeof planRoutes>): unknown[] =>
  gatewayPatches.flatMap(({ applyTo, match }) =>
    applyTo === "HTTP_ROUTE" ? [match.routeConfiguration?.vhost.route?.name] : [],
  );

describe("a sticky split", () => {
  it("has one sum of weights over all steps, with fractions too", () => {
    fc.assert(
      fc.property(weights, (any) => {
        const route = planRoutes(request({ weights: any })).virtualService.http[0]?.route ?? [];
        const sum = route.reduce((all, { weight = 0 }) => all + weight, 0);
        assert.equal(sum, route.length === 1 ? 0 : 10_000);
      }),
    );
  });

  it("patches what has several destinations by its name, and nothing else", () => {
    const plan = planRoutes(
      request({
        rules: [
          { name: "lone", match: [{ path: { exact: "/one" } }], action: { to: "v2" } },
          { name: "half", match: [{ path: { exact: "/half" } }], action: { weights: { v1: 50, v2: 50 } } },
          { name: "gone", match: [{ path: { exact: "/gone" } }], action: { respond: { status: 410 } } },
        ],
      }),
    );
    assert.deepEqual(names(plan), ["lone", "half.sticky", "gone", "category.sticky"]);
    assert.deepEqual(patched(plan).sort(), ["category.sticky", "half.sticky"]);
    const alone = planRoutes(request({ weights: { v1: 100 } }));
    assert.deepEqual(names(alone), ["category"]);
    // The filter is there before the first split, since open connections keep the filters that they began with.
    assert.deepEqual(
      alone.gatewayPatches.map(({ applyTo }) => applyTo),
      ["HTTP_FILTER"],
    );
  });

  it("keeps the limit of its rule", () => {
    const plan = planRoutes(request({ policies: { rateLimit: { requests: 10, perMs: 1000 } } }));
    assert.deepEqual(patched(plan), ["category.sticky", "category.sticky"]);
    assert.match(JSON.stringify(plan.gatewayPatches), /"key":"rule","value":"category.sticky"/);
  });

  it("is not for callers within the mesh", () => {
    const { meshVirtualService } = planRoutes(request({ meshCallers: true }));
    const [rule] = meshVirtualService?.http ?? [];
    assert.equal(rule?.name, "category");
    assert.deepEqual(
      rule.route?.map(({ weight }) => weight),
      [80, 20],
    );
  });

  it("is a change of its rule, not another rule; its weights are shares as before", () => {
    const spec = (sticky: Sticky | undefined, v2: number) => {
      const plain = defined({ ...request({ weights: { v1: "rest", v2 } }), sticky });
      return planRoutes(plain).virtualService;
    };
    assert.deepEqual(routeChanges(spec(undefined, 20), spec({ header: "x-user" }, 30)), [
      {
        kind: "changed",
        rule: "category",
        shares: [
          { to: "v1", before: 80, after: 70 },
          { to: "v2", before: 20, after: 30 },
        ],
        fields: [{ field: "sticky", before: false, after: true }],
      },
    ]);
  });

  it("says in words what tells clients apart, as its patches have it", () => {
    const words = (sticky: Sticky): unknown =>
      JSON.stringify(planRoutes(request({ sticky })).gatewayPatches, (key, value: unknown) =>
        key === "inline_string" && typeof value === "string" ? stickyWords(value) : value,
      );
    assert.match(String(words({ cookie: "shop-version" })), /"inline_string":"by cookie shop-version"/);
    assert.match(String(words({ header: "X-User" })), /"inline_string":"by header X-User"/);
    assert.equal(stickyWords("local x = 1"), undefined);
  });
});
