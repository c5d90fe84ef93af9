/** Requests derived from objects find what an edit does, and what random requests find. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDerived } from "../../cli/requests/compare";
import type { RequestGroup } from "../../cli/requests/compare";
import type { KubernetesObject, Side } from "../../cli/side";
import { sides } from "../support/request-sides";
import { missedDifferences } from "../support/missed-differences";

type Fields = Readonly<Record<string, unknown>>;

const made = (apiVersion: string, kind: string, name: string, spec: Fields): KubernetesObject => ({
  ...{ apiVersion, kind, metadata: { name, namespace: "shop" }, spec },
});
const GATEWAY = made("networking.istio.io/v1", "Gateway", "shop", {
  selector: { istio: "ingressgateway" },
  servers: [
    {
      port: { number: 443, name: "https", protocol: "HTTPS" },
      hosts: ["shop.example.com"],
      tls: { mode: "SIMPLE" },
    },
  ],
});
const to = (subset: string): Fields => ({ route: [{ destination: { host: "category", subset } }] });
const split = (v2: number): Fields => ({
  route: [
    { destination: { host: "category", subset: "v1" }, weight: 100 - v2 },
    { destination: { host: "category", subset: "v2" }, weight: v2 },
  ],
});
const routes = (...http: readonly Fields[]): KubernetesObject =>
  made("networking.istio.io/v1", "VirtualService", "category", {
    hosts: ["shop.example.com"],
    gateways: ["shop"],
    http,
  });
const policy = (action: string, ...rules: readonly Fields[]): KubernetesObject =>
  made("security.istio.io/v1", "AuthorizationPolicy", "access", { action, rules });
const side = (...objects: readonly KubernetesObject[]): Side => ({
  title: "",
  notShown: [],
  objects: [GATEWAY, ...objects],
});
const found = (before: Side, after: Side): string[] =>
  compareDerived(before, after).groups.map(({ kind, curl }: RequestGroup) => `${kind}: ${curl}`);

describe("derived requests", () => {
  const rest = { name: "rest", ...to("v1") };
  const rule = (match: Fields): Fields => ({ name: "rule", match: [match], ...to("v2") });
  const URL = "https://shop.example.com";

  it("are none where nothing changes", () => {
    assert.deepEqual(found(side(routes(rest)), side(routes(rest))), []);
  });

  it("show each edit by the smallest request that it moves", () => {
    const cases: [string, Fields, Fields, readonly string[]][] = [
      ["a weight", { name: "rest", ...split(5) }, { name: "rest", ...split(20) }, [`moved: curl ${URL}/`]],
      ["an exact path", rest, rule({ uri: { exact: "/a" } }), [`moved: curl ${URL}/a`]],
      [
        "a prefix",
        rule({ uri: { exact: "/api" } }),
        rule({ uri: { prefix: "/api" } }),
        [`moved: curl ${URL}/api/`],
      ],
      ["a regex", rest, rule({ uri: { regex: "/v[0-9]+/(a|b)" } }), [`moved: curl ${URL}/v0/a`]],
      ["a method", rest, rule({ method: { exact: "PUT" } }), [`moved: curl -X PUT ${URL}/`]],
      [
        "a header",
        rest,
        rule({ headers: { "x-user": { prefix: "b" } } }),
        [`moved: curl ${URL}/ -H 'x-user: b'`],
      ],
      [
        "a header that must not be",
        rest,
        rule({ withoutHeaders: { "x-a": {} }, uri: { exact: "/b" } }),
        [`moved: curl ${URL}/b`],
      ],
      [
        "a cookie",
        rest,
        rule({ headers: { cookie: { regex: "^(.*; *)?cohort=beta(;.*)?$" } } }),
        [`moved: curl ${URL}/ -H 'cookie: cohort=beta'`],
      ],
      [
        "a parameter",
        rest,
        rule({ queryParams: { lang: { exact: "en" } } }),
        [`moved: curl '${URL}/?lang=en'`],
      ],
      ["an authority", rest, rule({ authority: { regex: ".*:8443" } }), [`moved: curl ${URL}:8443/`]],
    ];
    for (const [title, before, after, expected] of cases) {
      const rules = (one: Fields): KubernetesObject =>
        one.name === "rest" ? routes(one) : routes(one, rest);
      const moved = found(side(rules(before)), side(rules(after))).filter((line) => line.startsWith("moved"));
      assert.deepEqual(moved, expected, title);
    }
  });

  it("show who is refused or let in, at the boundary of each block and list", () => {
    const open = side(routes(rest));
    const cases: [string, KubernetesObject, RegExp][] = [
      [
        "a block",
        policy("DENY", { from: [{ source: { ipBlocks: ["203.0.113.0/24"] } }] }),
        /newly denied: .*from 203\.0\.113\.(0|255)$/,
      ],
      [
        "a path",
        policy("DENY", { to: [{ operation: { paths: ["/admin*"] } }] }),
        /newly denied: curl https:\/\/shop\.example\.com\/admin$/,
      ],
      [
        "an allow list",
        policy("ALLOW", { to: [{ operation: { methods: ["GET"] } }] }),
        /newly denied: curl -X \w+ /,
      ],
      [
        "a header",
        policy("DENY", { when: [{ key: "request.headers[x-bot]", values: ["*"] }] }),
        /newly denied: .*-H .?x-bot/,
      ],
      [
        "an identity",
        policy("DENY", { from: [{ source: { namespaces: ["shop"] } }] }),
        /newly denied: .*as cluster\.local\/ns\/shop\/sa\/a/,
      ],
    ];
    for (const [title, one, expected] of cases) {
      const closed = side(routes(rest), one);
      assert.match(found(open, closed).join("\n"), expected, title);
      assert.match(
        found(closed, open).join("\n"),
        new RegExp(expected.source.replace("newly denied", "let in")),
        title,
      );
    }
  });

  it("show rules that change their places, and a host that is gone", () => {
    const [a, b] = [
      { name: "a", match: [{ uri: { prefix: "/x" } }], ...to("v1") },
      { name: "b", match: [{ headers: { "x-b": { exact: "1" } } }], ...to("v2") },
    ];
    assert.deepEqual(found(side(routes(a, b, rest)), side(routes(b, a, rest))), [
      `moved: curl ${URL}/x -H 'x-b: 1'`,
    ]);
    assert.deepEqual(found(side(routes(rest)), side()), [`unroutable: curl ${URL}/`]);
    const gone: Side = { title: "", notShown: [], objects: [] };
    assert.deepEqual(found(side(routes(rest)), gone), [`unroutable: curl ${URL}/`]);
  });

  it("show what other settings of the mesh change: spellings of paths, and whom the gateway trusts", () => {
    const mesh = (settings: string): KubernetesObject => ({
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "istio", namespace: "istio-system" } },
      data: { mesh: settings },
    });
    const rules = routes(rule({ uri: { exact: "/a/b" } }), rest);
    const normalization = (kind: string): KubernetesObject =>
      mesh(`pathNormalization: { normalization: ${kind} }`);
    assert.match(
      found(side(rules, normalization("BASE")), side(rules, normalization("MERGE_SLASHES"))).join("\n"),
      /moved: curl --path-as-is https:\/\/shop\.example\.com\/\/?a\/\/?b/,
    );
    const plain = made("networking.istio.io/v1", "Gateway", "shop", {
      selector: { istio: "ingressgateway" },
      servers: [
        {
          port: { number: 80, name: "http", protocol: "HTTP" },
          hosts: ["shop.example.com"],
          tls: { httpsRedirect: true },
        },
      ],
    });
    const trusting = (hops: number): Side => ({
      ...{ title: "", notShown: [] },
      objects: [
        plain,
        routes(rest),
        mesh(`defaultConfig: { gatewayTopology: { numTrustedProxies: ${hops} } }`),
      ],
    });
    assert.deepEqual(found(trusting(0), trusting(1)), [
      "moved: curl http://shop.example.com/ -H 'x-forwarded-proto: https'",
    ]);
  });

  it("find every difference that random requests find", function () {
    this.timeout("60s");
    const { seed = 0 } = fc.readConfigureGlobal();
    const { missed, differences } = missedDifferences(
      fc.sample(fc.noBias(sides), { numRuns: 4, seed }),
      1500,
      seed,
    );
    assert.deepEqual(missed, []);
    assert.ok(differences > 2, String(differences));
  });
});
