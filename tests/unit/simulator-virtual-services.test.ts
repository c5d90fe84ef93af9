/** VirtualServices as the world writes them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import {
  sharesBySubset,
  type Decision,
  type SimulatedPlan,
  type SimulatedRequest,
} from "../../components/simulator/decision";
import { compile, route } from "../../components/simulator/simulator";
import type {
  WrittenMatch,
  WrittenRoute,
  WrittenVirtualService,
} from "../../components/simulator/written-objects";
import { planRoutes } from "../../components/traffic/route-plan";
import { routeRequest, simulatedRequest } from "../support/traffic-arbitraries";

const HOST = "shop.example.com";

const ask = (over: Partial<SimulatedRequest> = {}): SimulatedRequest => ({
  method: "GET",
  scheme: "http",
  host: HOST,
  path: "/",
  ...over,
});

const read = (yaml: string): WrittenVirtualService[] =>
  parseAllDocuments(yaml).map((document) => document.toJS() as WrittenVirtualService);

const rules = (...http: WrittenRoute[]): SimulatedPlan => ({
  virtualServices: [{ metadata: { name: "shop", namespace: "web" }, spec: { hosts: [HOST], http } }],
});
const to = (host: string): WrittenRoute["route"] => [{ destination: { host } }];

/** Destinations, or what else becomes of a request. */
function said(decision: Decision): string {
  switch (decision.kind) {
    case "routed":
      return decision.destinations
        .map(({ host, subset, port, percent }) =>
          [host.replace(".svc.cluster.local", ""), subset && `/${subset}`, port && `:${port}`, ` ${percent}`]
            .filter(Boolean)
            .join(""),
        )
        .join(", ");
    case "redirected":
      return `${decision.status} ${decision.location}`;
    case "answered":
      return `${decision.status} ${decision.body}`;
    default:
      return decision.kind;
  }
}

describe("destinations", () => {
  const routed = (route_: WrittenRoute["route"]): string =>
    said(route(ask(), rules({ ...(route_ && { route: route_ }) })));

  it("have a host in full, a subset and a port, and shares by Istio's weights", () => {
    assert.equal(routed(to("cart")), "cart.web 100");
    assert.equal(routed(to("cart.other.svc.cluster.local")), "cart.other 100");
    assert.equal(routed(to("api.example.com")), "api.example.com 100");
    assert.equal(routed(to("10.0.0.1")), "10.0.0.1 100");
    assert.equal(
      routed([
        { destination: { host: "cart", subset: "v1", port: { number: 8080 } }, weight: 1 },
        { destination: { host: "stock" }, weight: 3 },
        { destination: { host: "old" } },
        { destination: { host: "older" }, weight: 0 },
      ]),
      "cart.web/v1:8080 25, stock.web 75",
    );
    // The weight of a lone destination does not count.
    assert.equal(routed([{ destination: { host: "cart" }, weight: 0 }]), "cart.web 100");
    // Istio refuses these.
    assert.equal(routed([{ destination: { host: "a" } }, { destination: { host: "b" } }]), "");
    assert.equal(routed(undefined), "");
  });

  it("are as they are written if the namespace is not known", () => {
    const spec = { hosts: [HOST], http: [{ route: to("cart") ?? [] }] };
    assert.equal(said(route(ask(), { virtualServices: [spec] })), "cart 100");
    const unnamed = { metadata: { name: "shop" }, spec };
    assert.equal(said(route(ask(), { virtualServices: [unnamed] })), "cart.default 100");
  });

  it("have shares by subset", () => {
    const host = "cart";
    assert.deepEqual(
      sharesBySubset([
        { host, subset: "v1", percent: 60 },
        { host, percent: 15 },
        { host, subset: "v1", port: 81, percent: 25 },
      ]),
      { v1: 85, "": 15 },
    );
  });
});

describe("matches", () => {
  const takes = (match: WrittenMatch, over: Partial<SimulatedRequest>): boolean =>
    route(ask(over), rules({ match: [match], route: to("it") ?? [] })).kind === "routed";

  it("compare every field that HTTP requests have", () => {
    const cases: [WrittenMatch, Partial<SimulatedRequest>, Partial<SimulatedRequest>][] = [
      [{ scheme: { exact: "https" } }, { scheme: "https" }, {}],
      [{ method: { regex: "GET|HEAD" } }, { method: "HEAD" }, { method: "POST" }],
      [{ authority: { prefix: "shop." } }, {}, { host: HOST.toUpperCase() }],
      [{ uri: { exact: "/A" }, ignoreUriCase: true }, { path: "/a" }, { path: "/a/" }],
      [{ uri: { prefix: "/A" }, ignoreUriCase: true }, { path: "/ab" }, { path: "/b" }],
      [{ uri: { regex: "/A" }, ignoreUriCase: true }, { path: "/A" }, { path: "/a" }],
      [{ headers: { "X-Beta": { regex: "*" } } }, { headers: { "x-beta": "" } }, {}],
      [{ headers: { "x-beta": null as never } }, { headers: { "x-beta": "1" } }, {}],
      [{ withoutHeaders: { "x-beta": {} } }, {}, { headers: { "x-beta": "" } }],
      [
        { withoutHeaders: { "x-beta": { exact: "1" } } },
        { headers: { "x-beta": "2" } },
        { headers: { "x-beta": "1" } },
      ],
      [{ queryParams: { a: { regex: "[0-9]+" } } }, { path: "/?a=1" }, { path: "/?a=b" }],
      [{ queryParams: { a: {} } }, { path: "/?a" }, { path: "/?b" }],
      [{ uri: {}, statPrefix: "all" }, { path: "/any" }, { path: "no path" }],
    ];
    for (const [match, yes, no] of cases) {
      assert.ok(takes(match, yes), JSON.stringify(match));
      assert.ok(!takes(match, no), `not ${JSON.stringify(match)}`);
    }
  });

  it("are made for the port, the gateway and the caller", () => {
    const objects = (match: WrittenMatch): WrittenVirtualService[] => [
      {
        metadata: { name: "cart", namespace: "web" },
        spec: {
          hosts: ["cart"],
          gateways: ["mesh", "edge"],
          http: [{ match: [match], route: to("it") ?? [] }],
        },
      },
    ];
    const sidecar = { namespace: "web", labels: { app: "front", version: "v1" } };
    const edge = {
      metadata: { name: "edge", namespace: "web" },
      spec: { servers: [{ port: { number: 80, protocol: "HTTP" }, hosts: ["*"] }] },
    };
    const at = (match: WrittenMatch): string => {
      const asked = ask({ host: "cart.web.svc.cluster.local" });
      const virtualServices = objects(match);
      return [sidecar, { namespace: "edge", gateways: [edge] }]
        .map((proxy) => route(asked, { virtualServices, proxy }).kind === "routed")
        .map((yes, i) => (yes ? ["sidecar", "gateway"][i] : ""))
        .filter(Boolean)
        .join();
    };
    assert.equal(at({}), "sidecar,gateway");
    assert.equal(at({ port: 80 }), "sidecar,gateway");
    assert.equal(at({ port: 81 }), "");
    assert.equal(at({ gateways: ["mesh"] }), "sidecar");
    assert.equal(at({ gateways: ["edge"] }), "gateway");
    assert.equal(at({ gateways: ["other/edge"] }), "");
    assert.equal(at({ sourceLabels: { app: "front" } }), "sidecar");
    assert.equal(at({ sourceLabels: { app: "back" } }), "");
    assert.equal(at({ sourceNamespace: "web" }), "sidecar");
    assert.equal(at({ sourceNamespace: "edge" }), "gateway");
    const unplaced = { virtualServices: objects({ sourceNamespace: "web" }) };
    assert.deepEqual(route(ask({ host: "cart.web.svc.cluster.local" }), unplaced).notLookedAt, [
      "ports, gateways and callers in matches of VirtualService web/cart",
    ]);
    // Labels and namespaces do not count beside gateways.
    assert.equal(at({ sourceNamespace: "other", gateways: ["mesh"] }), "sidecar");
  });

  it("hide those below one that takes every request, of their own VirtualService alone", () => {
    const catchAll: WrittenRoute = {
      match: [{ uri: { prefix: "/" }, ignoreUriCase: true }],
      route: to("all") ?? [],
    };
    const own: WrittenRoute = { match: [{ uri: { prefix: "/own" } }], route: to("own") ?? [] };
    const object = (name: string, ...http: WrittenRoute[]): WrittenVirtualService => ({
      metadata: { name, namespace: "web" },
      spec: { hosts: [HOST], http },
    });
    const decide = (...virtualServices: WrittenVirtualService[]): string =>
      said(route(ask({ path: "/own" }), { virtualServices }));
    assert.equal(decide(object("a", catchAll, own)), "all.web 100");
    assert.equal(decide(object("a", catchAll), object("b", own)), "own.web 100");
  });
});

describe("answers", () => {
  const answer = (rule: WrittenRoute, over: Partial<SimulatedRequest> = {}): Decision =>
    route(ask(over), rules(rule));

  it("redirect as Istio derives ports and paths", () => {
    const location = (redirect: WrittenRoute["redirect"], over?: Partial<SimulatedRequest>): string =>
      said(answer({ redirect: redirect ?? {} }, over));
    assert.equal(
      location({ uri: "/v2", redirectCode: 308 }, { path: "/v1?a=b" }),
      `308 http://${HOST}/v2?a=b`,
    );
    assert.equal(
      location({ uri: "/v2?c", authority: "b.example.com" }, { path: "/?a" }),
      "301 http://b.example.com/v2?c",
    );
    assert.equal(location({ uri: "", scheme: "https" }, { path: "/v1" }), `301 https://${HOST}/v1`);
    assert.equal(location({ derivePort: "FROM_PROTOCOL_DEFAULT" }), `301 http://${HOST}/`);
    const derived = rules({ redirect: { scheme: "https", derivePort: "FROM_REQUEST_PORT" } });
    assert.equal(said(route(ask({ port: 8080 }), derived)), `301 https://${HOST}:8080/`);
    assert.equal(said(route(ask({ port: 443 }), derived)), `301 https://${HOST}/`);
  });

  it("rewrite paths by prefix and by regex, and hosts", () => {
    const rewritten = (rule: WrittenRoute, path: string): string => {
      const decision = answer({ route: to("it") ?? [], ...rule }, { path });
      return decision.kind === "routed" ? `${decision.host} ${decision.path}` : decision.kind;
    };
    const prefix = { match: [{ uri: { prefix: "/api/" } }], rewrite: { uri: "/" } };
    assert.equal(rewritten(prefix, "/api/a?b=/api/"), `${HOST} /a?b=/api/`);
    assert.equal(rewritten({ rewrite: { uri: "" } }, "/a"), `${HOST} /a`);
    assert.equal(
      rewritten({ match: [{ uri: { regex: "/a.*" } }], rewrite: { uri: "/b" } }, "/a/c?d"),
      `${HOST} /b?d`,
    );
    const regex = (match: string, rewrite: string): WrittenRoute => ({
      rewrite: { uriRegexRewrite: { match, rewrite } },
    });
    assert.equal(
      rewritten(regex("^/service/([^/]+)(/.*)$", "\\2/instance/\\1"), "/service/foo/v1/api?x"),
      `${HOST} /v1/api/instance/foo?x`,
    );
    assert.equal(rewritten(regex("one", "two"), "/xxx/one/yyy/one/zzz"), `${HOST} /xxx/two/yyy/two/zzz`);
    assert.equal(rewritten(regex("(?i)/xxx/", "/yyy/"), "/aaa/XxX/bbb"), `${HOST} /aaa/yyy/bbb`);
    assert.equal(rewritten(regex("x*", "-"), "/abx"), `${HOST} -/-a-b-`);
    assert.equal(rewritten(regex("/", "\\0\\\\"), "/a"), `${HOST} /\\a`);
    assert.equal(rewritten({ rewrite: { authority: "inner" } }, "/"), "inner /");
    assert.equal(rewritten({ headers: { request: { set: { Host: "inner" } } } }, "/"), "inner /");
    const lone = { destination: { host: "it" }, headers: { request: { set: { ":authority": "own" } } } };
    assert.equal(rewritten({ route: [lone] }, "/"), "own /");
    assert.equal(rewritten({ route: [lone], rewrite: { authority: "inner" } }, "/"), "inner /");
  });

  it("respond with a body, as text or in Base64", () => {
    assert.equal(said(answer({ directResponse: { status: 503 } })), "503 ");
    assert.equal(said(answer({ directResponse: { status: 200, body: { string: "a" } } })), "200 a");
    assert.equal(said(answer({ directResponse: { status: 200, body: { bytes: "aGk=" } } })), "200 hi");
  });

  it("allow origins of the deprecated field, too", () => {
    const headers = { origin: "https://a.example.com", "access-control-request-method": "GET" };
    const allowed = (corsPolicy: NonNullable<WrittenRoute["corsPolicy"]>): boolean => {
      const decision = answer({ corsPolicy, route: to("it") ?? [] }, { method: "OPTIONS", headers });
      return decision.kind === "preflight" && decision.allowed;
    };
    assert.ok(allowed({ allowOrigin: ["*"] }));
    assert.ok(allowed({ allowOrigin: ["https://a.example.com"] }));
    assert.ok(!allowed({ allowOrigin: ["https://b.example.com"] }));
    assert.ok(!allowed({}));
  });
});

describe("delegates", () => {
  const plan = (delegate: string, root = "{ uri: { prefix: /api } }"): SimulatedPlan => ({
    virtualServices: read(`
metadata: { name: root, namespace: web }
spec:
  hosts: [${HOST}]
  http:
    - name: root
      match: [${root}]
      delegate: { name: api, namespace: team }
      rewrite: { authority: inner }
    - route: [{ destination: { host: rest } }]
---
metadata: { name: api, namespace: team }
spec:
${delegate}`),
  });
  const decide = (
    path: string,
    delegate: string,
    root?: string,
    over: Partial<SimulatedRequest> = {},
  ): string => {
    const decision = route(ask({ path, ...over }), plan(delegate, root));
    const rule = "rule" in decision ? `${decision.rule}: ` : "";
    return (
      rule +
      said(decision) +
      (decision.kind === "routed" && decision.host !== HOST ? ` as ${decision.host}` : "")
    );
  };
  const routes = (match: string): string =>
    `  http: [{ name: own, match: [${match}], route: [{ destination: { host: api.team } }] }]`;

  it("put their rules in the place of the root's, and inherit what they leave out", () => {
    assert.equal(
      decide("/api", "  http: [{ route: [{ destination: { host: api } }] }]"),
      "root: api.web 100 as inner",
    );
    assert.equal(
      decide("/api/v1", routes("{ uri: { prefix: /api/v1 } }")),
      "root-own: api.team 100 as inner",
    );
    assert.equal(decide("/api/v2", routes("{ uri: { prefix: /api/v1 } }")), ": rest.web 100");
    assert.equal(
      decide(
        "/api",
        "  http: [{ rewrite: { authority: own }, route: [{ destination: { host: api.team } }] }]",
      ),
      "root: api.team 100 as own",
    );
    assert.equal(decide("/api", "  http: [{ redirect: { uri: /moved } }]"), `root: 301 http://${HOST}/moved`);
  });

  it("add their conditions to those of the root", () => {
    const own = "{ name: m, headers: { x: { exact: '1' } } }";
    const root = "{ name: r, uri: { prefix: /api }, headers: { y: { exact: '2' } } }";
    const both = { headers: { x: "1", y: "2" } };
    assert.equal(decide("/api", routes(own), root, both), "root-own.r-m: api.team 100 as inner");
    assert.equal(decide("/api", routes(own), root, { headers: { x: "1" } }), ": rest.web 100");
  });

  it("do not count where they ask for other requests than the root", () => {
    const conflicts: [own: string, root: string][] = [
      ["{ uri: { prefix: /a } }", "{ uri: { prefix: /api } }"],
      ["{ uri: { exact: /other } }", "{ uri: { prefix: /api } }"],
      ["{ uri: { prefix: /api } }", "{ uri: { exact: /api } }"],
      ["{ uri: { regex: /api } }", "{ uri: { prefix: /api } }"],
      ["{ uri: { exact: /api } }", "{ uri: { regex: /api } }"],
      ["{ method: { exact: GET } }", "{ method: { exact: PUT } }"],
      ["{ uri: { exact: /api }, ignoreUriCase: true }", "{ uri: { exact: /api } }"],
      ["{ port: 80 }", "{ port: 81 }"],
      ["{}", "{ sourceNamespace: web }"],
      ["{ gateways: [a, b] }", "{ gateways: [a] }"],
      ["{ sourceLabels: { app: a } }", "{ sourceLabels: { app: b } }"],
      [
        "{ uri: { exact: /api } }, { method: { exact: GET } }",
        "{ uri: { exact: /api }, method: { exact: PUT } }",
      ],
    ];
    for (const [own, root] of conflicts) {
      assert.equal(decide("/api", routes(own), root), ": rest.web 100", `${own} in ${root}`);
    }
    const fits: [own: string, root: string][] = [
      ["{ uri: { exact: /api } }", "{ uri: { exact: /x } }, { uri: { prefix: /ap } }"],
      ["{}", "{ uri: { regex: '/a.*' } }"],
      ["{ uri: { regex: '/a.*' } }", "{}"],
      ["{ gateways: [a] }", "{ gateways: [a, b] }"],
      ["{ gateways: [b] }", "{}"],
      ["{ sourceLabels: { app: a } }", "{ sourceLabels: { version: v1 } }"],
      ["{ sourceNamespace: web }", "{}"],
      ["{ withoutHeaders: { x: {} } }", "{ headers: {}, withoutHeaders: { y: {} } }"],
      ["{ port: 80 }", "{ port: 80 }"],
    ];
    for (const [own, root] of fits) {
      assert.match(decide("/api", routes(own), root), /^root-own/, `${own} in ${root}`);
    }
  });

  it("are seen where they are exported, and named where they are missing", () => {
    const exported = (exportTo: string): string =>
      decide("/api", `  exportTo: [${exportTo}]\n  http: [{ route: [{ destination: { host: api.team } }] }]`);
    assert.match(exported("web"), /^root/);
    assert.match(exported("'*'"), /^root/);
    assert.equal(exported("."), ": rest.web 100");
    assert.equal(exported("'~'"), ": rest.web 100");
    const [root] = plan("").virtualServices;
    assert.ok(root);
    assert.deepEqual(route(ask(), { virtualServices: [root] }).notLookedAt, [
      "VirtualService team/api, a delegate that is not among the objects",
    ]);
  });
});

describe("hosts", () => {
  const object = (
    name: string,
    hosts: string[],
    over: Partial<WrittenVirtualService["spec"]> = {},
  ): WrittenVirtualService => ({
    metadata: { name, namespace: "web" },
    spec: { hosts, http: [{ route: to(name) ?? [] }], ...over },
  });

  it("are matched exactly, else by the longest wildcard", () => {
    const virtualServices = [
      object("any", ["*"]),
      object("com", ["*.com"]),
      object("example", ["*.Example.com"]),
      object("prefixed", ["*-a.example.com"]),
      object("shop", [HOST]),
    ];
    const name = (host: string): string =>
      said(route(ask({ host }), { virtualServices })).split(".")[0] ?? "";
    assert.deepEqual(
      [
        HOST,
        `${HOST}:8080`,
        `${HOST}.`,
        "a.example.com",
        "x-a.example.com",
        "a.b.example.com",
        "b.com",
        "b.org",
      ].map(name),
      ["shop", "shop", "shop", "example", "prefixed", "example", "com", "any"],
    );
  });

  it("of a service have all its names in the mesh, and the first VirtualService alone", () => {
    const virtualServices = [
      object("b", ["cart"]),
      object("a", ["cart.web.svc.cluster.local"], {
        http: [{ match: [{ uri: { prefix: "/a" } }], route: to("a") ?? [] }],
      }),
      object("c", ["cart"], { gateways: ["edge"] }),
    ];
    const from = (namespace: string, host: string, path = "/a"): string =>
      said(route(ask({ host, path }), { virtualServices, proxy: { namespace } }));
    for (const host of ["cart.web.svc.cluster.local", "cart.web.svc", "cart.web:80"])
      assert.equal(from("other", host), "a.web 100");
    assert.equal(from("web", "cart"), "a.web 100");
    assert.equal(from("other", "cart"), "not found");
    assert.equal(from("web", "cart", "/"), "not found");
    assert.deepEqual(
      route(ask({ host: "stock" }), { virtualServices, proxy: { namespace: "web" } }).notLookedAt,
      ["services without a VirtualService, which a sidecar calls as they are"],
    );
    assert.equal(
      route(ask({ host: "cart.web" }), { virtualServices, proxy: { namespace: "web" } }).notLookedAt,
      undefined,
    );
  });

  it("with TCP and TLS routes have these named, and no HTTP routes by them", () => {
    const virtualServices = read(`
metadata: { name: echo }
spec: { hosts: ["${HOST}"], tcp: [{ route: [{ destination: { host: echo } }] }] }
---
metadata: { name: wild }
spec: { hosts: ["*.example.com"], tls: [], http: [{ route: [{ destination: { host: wild } }] }] }`);
    const decision = route(ask(), { virtualServices });
    assert.equal(said(decision), "wild.default 100");
    assert.deepEqual(decision.notLookedAt, ["tcp of VirtualService default/echo"]);
    assert.equal(route(ask({ host: "a.example.com" }), { virtualServices }).notLookedAt, undefined);
  });
});

describe("any VirtualService", () => {
  const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { freq: 2 });
  const text = fc.oneof(
    fc.record({ exact: fc.constantFrom("/a", "1", "") }),
    fc.record({ prefix: fc.constantFrom("/", "/a", "") }),
    fc.record({ regex: fc.constantFrom(".*", "*", "(", "[0-9]+") }),
    fc.constant({}),
  );
  const texts = fc.dictionary(fc.constantFrom("x-a", ":method", "cookie"), maybe(text), { maxKeys: 2 });
  const gateways = fc.array(
    fc.constantFrom("mesh", "edge", "web/edge", "./edge", "edge.web.svc.cluster.local"),
    { maxLength: 2 },
  );
  const match = fc.record(
    {
      ...{
        name: fc.constant("m"),
        uri: maybe(text),
        scheme: text,
        method: maybe(text),
        authority: text,
        headers: maybe(texts),
      },
      ...{
        withoutHeaders: texts,
        queryParams: maybe(texts),
        port: fc.constantFrom(0, 80, 443),
        gateways: maybe(gateways),
      },
      ...{
        sourceLabels: maybe(fc.constant({ app: "a" })),
        sourceNamespace: fc.constantFrom("", "web"),
        ignoreUriCase: fc.boolean(),
      },
    },
    { requiredKeys: [] },
  );
  const host = fc.constantFrom(HOST, "*", "*.example.com", "cart", "cart.web.svc.cluster.local");
  const destination = fc.record(
    {
      destination: fc.record({
        host,
        subset: fc.constantFrom("", "v1"),
        port: maybe(fc.record({ number: fc.nat(99) })),
      }),
      weight: fc.nat(3),
    },
    { requiredKeys: ["destination"] },
  );
  const rule = fc.record(
    {
      ...{
        name: fc.constantFrom("", "r"),
        match: maybe(fc.array(match, { maxLength: 2 })),
        route: maybe(fc.array(destination, { maxLength: 3 })),
      },
      ...{ redirect: maybe(fc.record({ uri: fc.constantFrom("", "/r") }, { requiredKeys: [] })) },
      ...{ delegate: maybe(fc.record({ name: fc.constantFrom("a", "b") }, { requiredKeys: ["name"] })) },
      ...{
        directResponse: maybe(
          fc.record({ status: fc.constant(404), body: maybe(fc.record({ string: fc.constant("x") })) }),
        ),
      },
      ...{
        rewrite: maybe(
          fc.oneof(
            fc.record({ uri: fc.constantFrom("", "/w") }),
            fc.record({
              uriRegexRewrite: fc.constantFrom({ match: "(", rewrite: "" }, { match: "/a", rewrite: "/b" }),
            }),
          ),
        ),
      },
      ...{
        corsPolicy: maybe(fc.record({ allowOrigins: maybe(fc.array(text, { maxLength: 2 })) })),
        headers: maybe(fc.constant({ request: null })),
      },
    },
    { requiredKeys: [] },
  );
  const object = fc.record({
    metadata: fc.record(
      { name: fc.constantFrom("a", "b"), namespace: fc.constantFrom("web", "") },
      { requiredKeys: ["name"] },
    ),
    spec: fc.record(
      {
        ...{
          hosts: maybe(fc.array(host, { maxLength: 3 })),
          gateways: maybe(gateways),
          http: maybe(fc.array(rule, { maxLength: 4 })),
        },
        ...{
          tcp: maybe(fc.constant([{}])),
          tls: maybe(fc.constant([{}])),
          exportTo: maybe(fc.array(fc.constantFrom("*", ".", "~", "web"), { maxLength: 2 })),
        },
      },
      { requiredKeys: [] },
    ),
  }) as unknown as fc.Arbitrary<WrittenVirtualService>;

  it("gives a decision for any request, at any proxy", () => {
    const edge = {
      metadata: { name: "edge", namespace: "web" },
      spec: { servers: [{ port: { number: 80, protocol: "HTTP" }, hosts: ["*"] }] },
    };
    const proxies = [
      undefined,
      { namespace: "web" },
      { namespace: "web", gateways: [edge] },
      { namespace: "web", gateways: [] },
    ];
    const kinds = new Set<string>();
    const objects = fc.array(object, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        objects,
        fc.array(simulatedRequest(HOST), { minLength: 10, maxLength: 20 }),
        (all, requests) => {
          for (const proxy of proxies) {
            const decide = compile({ virtualServices: all, ...(proxy && { proxy }) });
            for (const one of requests) {
              const decision = decide(one);
              kinds.add(decision.kind);
              if (decision.kind !== "routed" || decision.destinations.length === 0) continue;
              const sum = decision.destinations.reduce((a, { percent }) => a + percent, 0);
              assert.ok(Math.abs(sum - 100) < 1e-9);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
    for (const kind of ["routed", "redirected", "answered", "not found", "no listener"])
      assert.ok(kinds.has(kind), kind);
  });

  it("of our own decides the same with its Gateway as without", () => {
    const gatewayNames = new Set<string>();
    fc.assert(
      fc.property(routeRequest(HOST), fc.array(simulatedRequest(HOST), { maxLength: 20 }), (r, requests) => {
        const spec = planRoutes(r).virtualService;
        const gateways = r.gateways.map((full) => {
          gatewayNames.add(full);
          const [namespace = "", name = ""] = full.split("/");
          const server = (number: number, protocol: string) => ({ port: { number, protocol }, hosts: ["*"] });
          return {
            metadata: { name, namespace },
            spec: { servers: [server(80, "HTTP"), server(443, "HTTPS")] },
          };
        });
        const object_ = { metadata: { name: "category", namespace: "category" }, spec };
        const alone = compile({ virtualServices: [spec] });
        const bound = compile({
          virtualServices: [object_],
          proxy: { namespace: "istio-ingress", gateways },
        });
        for (const one of requests) assert.deepEqual(bound(one), alone(one));
      }),
    );
    assert.ok(gatewayNames.size > 0);
  });
});
