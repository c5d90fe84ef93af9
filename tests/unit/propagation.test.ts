import assert from "node:assert/strict";
import fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import type { VirtualServiceSpec } from "../../components/istio/virtual-service";
import {
  expectedRoutes,
  hasHost,
  namedClusters,
  withHint,
  patchesLag,
  routedClusters,
  routeLag,
  routesQuestion,
  specFor,
  type RouteConfigDump,
} from "../../components/readiness/propagation";
import {
  clustersQuestion,
  clustersWithoutEndpoint,
  endpointLag,
  flightLag,
  inFlightToUnrouted,
} from "../../components/readiness/proxy-endpoints";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";
import { markPatch, patchesMark } from "../../components/traffic/rule-version";
import type { TrafficRule } from "../../components/traffic/traffic-rules";
import type { Weights } from "../../components/traffic/weights";
import { weights } from "../support/arbitraries";
import { routeRequest } from "../support/traffic-arbitraries";

const HOST = "category.shop.svc.cluster.local";
const IDENTITY = { namespace: "shop", name: "category" };
const CONFIG = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/category";

const spec = (w: Weights) =>
  planRoutes({
    service: { ...IDENTITY, port: 8080 },
    hosts: ["shop.example.com"],
    gateways: ["istio-ingress/shop"],
    weights: w,
    loadBalancer: "RANDOM",
  }).virtualService;

/** Answer of a gateway's Envoy that has `written`, as Istio 1.31 generates it. */
function proxyOf(written: VirtualServiceSpec, config = CONFIG): RouteConfigDump {
  const routes = written.http.flatMap((rule) => {
    const clusters = (rule.route ?? [])
      .filter((r) => rule.route?.length === 1 || (r.weight ?? 0) > 0)
      .map(({ destination: { host, subset = "" }, weight = 0 }) => ({
        name: `outbound|8080|${subset}|${host}`,
        weight,
      }));
    const [only, ...others] = clusters;
    const route = {
      ...(rule.name !== undefined && { name: rule.name }),
      metadata: { filter_metadata: { istio: { config } } },
      ...(only && {
        route: others.length === 0 ? { cluster: only.name } : { weighted_clusters: { clusters } },
      }),
      response_headers_to_remove: rule.headers?.response?.remove ?? [],
    };
    return (rule.match ?? [{}]).map(() => route);
  });
  const foreign = { name: "default", route: { cluster: "PassthroughCluster" } };
  return {
    configs: [
      { route_config: { name: "http.80", virtual_hosts: [{ routes }, { routes }, { routes: [foreign] }] } },
    ],
  };
}

const dump = (w: Weights, config?: string): RouteConfigDump => proxyOf(spec(w), config);
const lag = (have: Weights, want: Weights) => routeLag(dump(have), IDENTITY, expectedRoutes(spec(want)));

describe("routeLag", () => {
  it("is undefined if the proxy has the weights", () => {
    fc.assert(
      fc.property(weights, (w) => {
        assert.equal(lag(w, w), undefined);
      }),
    );
  });

  it("compares ratios: Istio may scale weights", () => {
    assert.equal(lag({ v1: 99.5, v2: 0.5 }, { v1: 99.5, v2: "rest" }), undefined);
    assert.equal(lag({ v1: 50, v2: 50 }, { v1: "rest", v2: 50 }), undefined);
  });

  it("names the actual and the expected routes", () => {
    assert.equal(
      lag({ v1: 80, v2: 20 }, { v1: 70, v2: 30 }),
      "routes v1 80 %, v2 20 % instead of v1 70 %, v2 30 %",
    );
    assert.equal(lag({ v1: 80, v2: 20 }, { v1: 100, v2: 0 }), "routes v1 80 %, v2 20 % instead of v1 100 %");
  });

  it("distinguishes any two different splits", () => {
    const pair = fc.tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 10_000 }));
    fc.assert(
      fc.property(pair, ([a, b]) => {
        fc.pre(a !== b);
        assert.notEqual(lag({ v1: "rest", v2: a / 100 }, { v1: "rest", v2: b / 100 }), undefined);
      }),
    );
  });

  it("distinguishes the rules before and after any edit", () => {
    const edits: ((request: RouteRequest) => RouteRequest)[] = [
      (request) => request,
      (request) => ({ ...request, hosts: [...request.hosts, "more.example.com"] }),
      (request) => ({ ...request, rules: [...(request.rules ?? [])].reverse() }),
      (request) => ({ ...request, rules: (request.rules ?? []).slice(1) }),
      (request) => ({ ...request, rules: (request.rules ?? []).slice(0, -1) }),
      (request) => ({ ...request, policies: { ...request.policies, timeoutMs: 1234 } }),
      ({ paths, ...request }) => (paths ? request : { ...request, paths: [{ prefix: "/api" }] }),
      (request) => ({
        ...request,
        rules: (request.rules ?? []).map((rule, i) => ({
          ...rule,
          match: i === 0 ? rule.match.map((match) => ({ ...match, methods: ["PATCH"] })) : rule.match,
        })),
      }),
    ];
    const edited = fc.tuple(routeRequest("shop.example.com"), fc.constantFrom(...edits));
    const seen = { same: 0, other: 0 };
    fc.assert(
      fc.property(edited, ([request, edit]) => {
        const planned = [request, edit(request)].map((r) => {
          try {
            return planRoutes(r).virtualService;
          } catch (error) {
            // A rule may match none of the routed paths.
            if (error instanceof RangeError) return undefined;
            throw error;
          }
        });
        const [have, want] = planned;
        fc.pre(have !== undefined && want !== undefined);
        // Istio omits routes below a match of everything.
        const whole = ({ http }: VirtualServiceSpec): number =>
          http.flatMap(({ match = [{}] }) => match).length;
        fc.pre([have, want].every((s) => expectedRoutes(s).length === whole(s)));
        const same = isDeepStrictEqual(have, want);
        seen[same ? "same" : "other"]++;
        const of = { namespace: "shop", name: "category" };
        assert.equal(routeLag(proxyOf(have), of, expectedRoutes(want)) === undefined, same);
      }),
    );
    assert.ok(seen.same > 5 && seen.other > 20, JSON.stringify(seen));
  });

  it("leaves weights out of a rule's digest, so that an edit of them changes nothing else", () => {
    const [before, after] = [{ v1: 80, v2: 20 } as const, { v1: 70, v2: 30 } as const].map((w) =>
      JSON.stringify(spec(w)).replaceAll(/"weight":\d+/g, ""),
    );
    assert.equal(before, after);
  });

  it("expects the digest of the gateway's patches in each route", () => {
    const patches = patchesMark(IDENTITY, []);
    const { value } = markPatch("shop.example.com", patches).patch;
    const [config] = dump({ v1: 100 }).configs ?? [];
    const routes = config?.route_config?.virtual_hosts?.[0]?.routes ?? [];
    const patched = routes.map((route) => ({
      ...route,
      metadata: {
        filter_metadata: {
          ...route.metadata?.filter_metadata,
          ...(value as { metadata: { filter_metadata: object } }).metadata.filter_metadata,
        },
      },
    }));
    const found = (...hosts: (typeof routes)[]) =>
      patchesLag(
        { configs: [{ route_config: { virtual_hosts: hosts.map((r) => ({ routes: r })) } }] },
        IDENTITY,
        patches,
      );
    assert.equal(found(patched, patched), undefined);
    assert.equal(found(patched, routes), 'has other limits or patches of the rule "category"');
  });

  it("reports a missing route if the proxy has only other VirtualServices", () => {
    const other = dump({ v1: 100 }, CONFIG.replace("shop", "other"));
    assert.equal(routeLag(other, IDENTITY, expectedRoutes(spec({ v1: 100 }))), 'has no route for "category"');
    assert.equal(routeLag({}, IDENTITY, expectedRoutes(spec({ v1: 100 }))), 'has no route for "category"');
  });

  it("reports one stale route among current ones", () => {
    const mixed: RouteConfigDump = {
      configs: [...(dump({ v1: 70, v2: 30 }).configs ?? []), ...(dump({ v1: 80, v2: 20 }).configs ?? [])],
    };
    assert.match(
      routeLag(mixed, IDENTITY, expectedRoutes(spec({ v1: 70, v2: 30 }))) ?? "",
      /instead of v1 70 %, v2 30 %/,
    );
  });
});

describe("routes of callers within the mesh", () => {
  const rules: TrafficRule[] = [
    { name: "jobs", match: [{ sourceNamespace: "jobs" }], action: { to: "v2" } },
    { name: "beta", match: [{ headers: { "x-beta": { present: true } } }], action: { to: "v2" } },
  ];
  const { meshVirtualService } = planRoutes({
    service: { ...IDENTITY, port: 8080 },
    hosts: ["shop.example.com"],
    gateways: [],
    weights: { v1: 80, v2: 20 },
    loadBalancer: "RANDOM",
    meshCallers: true,
    rules,
  });
  assert.ok(meshVirtualService);
  const mesh = meshVirtualService;
  const names = (namespace: string): string[] =>
    expectedRoutes(specFor(mesh, namespace)).map(({ name }) => name);

  it("are those of their namespace", () => {
    assert.deepEqual(names("other"), ["beta", "category"]);
    // Istio omits routes below a match of everything.
    assert.deepEqual(names("jobs"), ["jobs"]);
    assert.equal(
      routeLag(proxyOf(specFor(mesh, "other")), IDENTITY, expectedRoutes(specFor(mesh, "other"))),
      undefined,
    );
  });

  it("are read by the port of the service", () => {
    const question = new URL(routesQuestion(mesh), "http://envoy");
    const filter = new RegExp(question.searchParams.get("name_regex") ?? "");
    for (const name of ["8080", `${HOST}:8080`]) assert.match(name, filter);
    for (const name of ["80", "18080", "http.8080x"]) assert.doesNotMatch(name, filter);
  });

  it("are not expected in a sidecar that does not have the service", () => {
    const knowing = (domain: string): RouteConfigDump => ({
      configs: [{ route_config: { virtual_hosts: [{ domains: [domain] }] } }],
    });
    assert.ok(hasHost(knowing(HOST), mesh.hosts));
    assert.ok(!hasHost(knowing("other"), mesh.hosts));
  });
});

describe("clusters of a route", () => {
  it("include versions of weight 0, and route to the others", () => {
    const s = spec({ v1: 100, v2: 0 });
    assert.deepEqual([...namedClusters(s)], [`outbound|8080|v1|${HOST}`, `outbound|8080|v2|${HOST}`]);
    assert.deepEqual(routedClusters(s), [`outbound|8080|v1|${HOST}`]);
  });

  const statuses = {
    cluster_statuses: [
      {
        name: "a",
        eds_service_name: "a",
        host_statuses: [
          { stats: [{ name: "rq_active", value: "2" }], health_status: { eds_health_status: "HEALTHY" } },
          {
            stats: [
              { name: "rq_active", value: "1" },
              { name: "rq_total", value: "9" },
            ],
            health_status: {},
          },
        ],
      },
      {
        name: "draining",
        eds_service_name: "draining",
        host_statuses: [{ health_status: { eds_health_status: "DRAINING" } }],
      },
      { name: "empty", eds_service_name: "empty" },
      { name: "passthrough" },
    ],
  };

  it("are read for their service only", () => {
    const question = new URL(clustersQuestion(spec({ v1: 100, v2: 0 })), "http://envoy");
    const filter = new RegExp(question.searchParams.get("filter") ?? "");
    for (const subset of ["", "v1", "v3"]) assert.match(`outbound|8080|${subset}|${HOST}`, filter);
    for (const host of [`a-${HOST}`, HOST.replace("shop.", "shop-"), `${HOST}.other`]) {
      assert.doesNotMatch(`outbound|8080|v1|${host}`, filter);
    }
  });

  it("need a healthy endpoint", () => {
    assert.deepEqual(
      clustersWithoutEndpoint(statuses, ["a", "draining", "empty", "passthrough", "unknown"]),
      ["draining", "empty", "unknown"],
    );
  });

  it("count requests in flight to versions without a route", () => {
    const busy = (subset: string, active = "2") => ({
      name: `outbound|8080|${subset}|${HOST}`,
      host_statuses: [
        { stats: [{ name: "rq_active", value: active }] },
        {
          stats: [
            { name: "rq_active", value: "1" },
            { name: "rq_total", value: "9" },
          ],
        },
        // Envoy leaves out zeros.
        { stats: [] },
      ],
    });
    const all = {
      cluster_statuses: [
        ...["v1", "v2", "v3", "v4", "v5", ""].map((subset) => busy(subset)),
        { ...busy("v6"), name: "outbound|8080|v6|other.shop.svc.cluster.local" },
        { name: `outbound|8080|v7|${HOST}` },
      ],
    };
    const routes = dump({ v1: 60, v2: 40 });
    const mirror = { route: { cluster: "other", request_mirror_policies: [{ cluster: busy("v4").name }] } };
    const withMirror: RouteConfigDump = {
      configs: [...(routes.configs ?? []), { route_config: { virtual_hosts: [{ routes: [mirror] }] } }],
    };
    // v3 has weight 0; v4 is the target of a mirror; v5 is removed.
    assert.deepEqual(
      inFlightToUnrouted(withMirror, all, spec({ v1: 60, v2: 40, v3: 0 })),
      new Map([["v5", 3]]),
    );
    assert.deepEqual(
      inFlightToUnrouted(routes, all, spec({ v1: 60, v2: 40, v3: 0 })),
      new Map([
        ["v4", 3],
        ["v5", 3],
      ]),
    );
  });

  it("are named with the place where the reason can be found", () => {
    const v2 = `outbound|8080|v2|${HOST}`;
    assert.match(endpointLag(statuses, [v2]) ?? "", /no healthy endpoint of v2: are the pods of v2 ready/);
    assert.equal(endpointLag(statuses, ["a"]), undefined);
    const busy = flightLag(new Map([["v1", 3]])) ?? "";
    assert.match(busy, /^still has 3 requests in flight to v1: nothing is wrong with the pods/);
    assert.doesNotMatch(busy, /istiod/);
    assert.equal(flightLag(new Map()), undefined);
    assert.match(withHint("has no route"), /^has no route: look at this pod and at istiod/);
  });
});
