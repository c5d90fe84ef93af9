/** What an edit does to the requests of a file. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDerived, compareRequests } from "../../cli/requests/compare";
import { parseRequests } from "../../cli/requests/read";
import type { KubernetesObject, Side } from "../../cli/side";
import type { SimulatedRequest } from "../../components/simulator";
import { HOST, sides } from "../support/request-sides";
import { simulatedRequest } from "../support/traffic-arbitraries";

const istio = (
  group: string,
  kind: string,
  name: string,
  namespace: string,
  spec: object,
): KubernetesObject => ({
  ...{ apiVersion: `${group}.istio.io/v1`, kind, metadata: { name, namespace }, spec },
});
const LABELS = { istio: "ingressgateway" };
const POD: KubernetesObject = {
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "gateway", namespace: "ingress" } },
  spec: { template: { metadata: { labels: LABELS } } },
};
const servers = [
  { port: { number: 8080, name: "http", protocol: "HTTP" }, hosts: ["shop.example.com"] },
  {
    port: { number: 8443, name: "https", protocol: "HTTPS" },
    hosts: ["shop.example.com"],
    tls: { mode: "SIMPLE" },
  },
];
const GATEWAY = istio("networking", "Gateway", "shop", "shop", { selector: LABELS, servers });
const routes = (...http: readonly object[]): KubernetesObject =>
  istio("networking", "VirtualService", "shop", "shop", {
    hosts: ["shop.example.com"],
    gateways: ["shop"],
    http,
  });
const side = (...objects: readonly KubernetesObject[]): Side => ({
  ...{ title: "", notShown: [], objects: [POD, GATEWAY, ...objects] },
});
const to = (subset: string): object => ({ route: [{ destination: { host: "category", subset } }] });
const rest = { name: "rest", match: [{ uri: { prefix: "/api" } }], ...to("v1") };
const cohort = {
  name: "cohort",
  match: [{ headers: { cookie: { regex: "(.*; *)?cohort=(beta|gold)(;.*)?" } } }],
  ...to("v2"),
};
const read = (...lines: readonly unknown[]): readonly SimulatedRequest[] =>
  parseRequests(lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"), "")
    .requests;

describe("requests of a file", () => {
  it("are counted by what changes for them, and by their kind", () => {
    const before = side(routes(rest));
    const after = side(
      routes(
        cohort,
        { ...rest, match: [{ uri: { prefix: "/api/v1" } }] },
        { name: "old", match: [{ uri: { prefix: "/old" } }], redirect: { uri: "/api/v1" } },
      ),
      istio("security", "AuthorizationPolicy", "access", "ingress", {
        action: "DENY",
        rules: [{ to: [{ operation: { methods: ["DELETE"] } }] }],
      }),
    );
    const ask = "https://shop.example.com";
    const requests = read(
      ...[1, 2, 3].map((id) => `GET ${ask}/api/v1/category/${id}`),
      ...[4, 5].map((id) => ({
        url: `${ask}/api/v1/category/${id}`,
        headers: { cookie: "sid=s3cret; cohort=beta" },
      })),
      `GET ${ask}/api/v2/list?token=s3cret`,
      `DELETE ${ask}/api/v1/category/7`,
      `GET ${ask}/old/things`,
      `GET ${ask}/favicon.ico`,
    );
    const report = compareRequests(requests, before, after);
    assert.deepEqual([report.total, report.unchanged], [9, 4]);
    assert.deepEqual(report.changed, { "newly denied": 1, unroutable: 1, moved: 2, "newly matched": 1 });
    assert.deepEqual(
      report.groups.map(({ kind, path, ruleBefore, ruleAfter, count, curl }) => [
        kind,
        path,
        ruleBefore,
        ruleAfter,
        count,
        curl,
      ]),
      [
        [
          "newly denied",
          "/api/v1/*/*",
          "rest",
          "access",
          1,
          `curl -X DELETE '${ask}/api/v1/*/*' # port 8443`,
        ],
        ["unroutable", "/api/*/*", "rest", "not found", 1, `curl '${ask}/api/*/*' # port 8443`],
        [
          "moved",
          "/api/v1/*/*",
          "rest",
          "cohort",
          2,
          `curl '${ask}/api/v1/*/*' -H 'cookie: cohort=beta' # port 8443`,
        ],
        ["newly matched", "/old/*", "not found", "old", 1, `curl '${ask}/old/*' # port 8443`],
      ],
    );
    assert.ok(!JSON.stringify(report).includes("s3cret"));
    assert.deepEqual(report.notLookedAt, ["MeshConfig: Istio's defaults count"]);
  });

  it("that led nowhere are no news where a policy refuses them now", () => {
    const deny = istio("security", "AuthorizationPolicy", "access", "ingress", {
      action: "DENY",
      rules: [{}],
    });
    const [open, closed] = [side(routes(rest)), side(routes(rest), deny)];
    const asked = read("https://shop.example.com/favicon.ico", "https://shop.example.com/api");
    assert.deepEqual(compareRequests(asked, open, closed).changed, {
      "newly denied": 1,
      "refused otherwise": 1,
    });
    assert.deepEqual(compareRequests(asked, closed, open).changed, { "let in": 1, "refused otherwise": 1 });
    assert.deepEqual(
      compareDerived(open, closed).groups.map(({ kind, path }) => [kind, path]),
      [
        ["newly denied", "/api"],
        ["refused otherwise", "/"],
      ],
    );
  });

  it("come to the server for their scheme, and to the first host where a log has none", () => {
    const [before, after] = [side(routes(rest)), side(routes({ ...rest, ...to("v2") }))];
    const requests = read("http://shop.example.com:30080/api", {
      start_time: "x",
      method: "GET",
      path: "/api",
      response_code: 200,
    });
    const { groups } = compareRequests(requests, before, after);
    assert.deepEqual(
      groups.map(({ curl }) => curl),
      ["curl https://shop.example.com/api # port 8443", "curl http://shop.example.com:30080/api # port 8080"],
    );
  });

  it("are decided at each gateway and in the sidecars, and count once", () => {
    const mesh = istio("networking", "VirtualService", "mesh", "shop", {
      hosts: ["shop.example.com"],
      http: [
        { name: "mesh", match: [{ sourceNamespace: "cart" }], ...to("v1") },
        { name: "others", ...to("v1") },
      ],
    });
    const moved = { ...mesh, spec: { ...(mesh.spec as object), http: [{ name: "mesh", ...to("v2") }] } };
    const { groups, unchanged } = compareRequests(
      read("http://shop.example.com/api"),
      side(routes(rest), mesh),
      side(routes(rest), moved),
    );
    assert.equal(unchanged, 0);
    assert.deepEqual(groups.map(({ proxy, kind }) => [proxy, kind]).sort(), [
      ["sidecars in namespace cart", "moved"],
      ["sidecars in namespace shop", "moved"],
    ]);
  });

  it("that the rules of sidecars no longer take go to the service as it is", () => {
    const mesh = istio("networking", "VirtualService", "mesh", "shop", {
      hosts: ["shop.example.com"],
      http: [{ name: "mesh", ...to("v1") }],
    });
    const asked = read("http://shop.example.com/api");
    const { groups } = compareRequests(asked, side(routes(rest), mesh), side(routes(rest)));
    const derived = compareDerived(side(routes(rest), mesh), side(routes(rest))).groups;
    for (const found of [groups, derived]) {
      assert.deepEqual(
        found.map(({ proxy, kind }) => [proxy, kind]),
        [["sidecars in namespace shop", "no longer matched"]],
      );
    }
  });

  it("never appear in the report but for what rules have themselves", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9]{12,20}$/).map((text) => `QZ${text}`);
    fc.assert(
      fc.property(
        sides,
        fc.array(simulatedRequest(HOST), { minLength: 30, maxLength: 30 }),
        secret,
        ([before, after], drawn, text) => {
          const planted = drawn.map((request): SimulatedRequest => ({
            ...request,
            path: `${request.path.replace(/\?.*/, "")}/${text}?${text}=1&lang=${text}`,
            headers: {
              ...request.headers,
              authorization: `Bearer ${text}`,
              cookie: `session=${text}; cohort=${text}`,
              [`x-${text.toLowerCase()}`]: text,
              "x-user": text,
              "x-forwarded-for": text,
              "user-agent": text,
            },
            token: { iss: text, sub: text, groups: [text], [text]: text, realm_access: { roles: text } },
          }));
          const report = JSON.stringify(compareRequests(planted, before, after));
          assert.ok(!report.toLowerCase().includes(text.toLowerCase()), report);
        },
      ),
      { numRuns: 15 },
    );
  }).timeout(20_000);

  it("are a hundred thousand, each of which counts", () => {
    const lines = Array.from({ length: 100_000 }, (_, i) =>
      JSON.stringify({
        ...{ start_time: "2026-11-30T10:00:00Z", method: i % 9 === 0 ? "POST" : "GET", response_code: 200 },
        ...{
          path: `/api/v${i % 3}/category/${i}?page=${i % 7}`,
          authority: "shop.example.com",
          protocol: "HTTP/2",
        },
        ...{ user_agent: "Mozilla/5.0 (X11; Linux x86_64)", x_forwarded_for: `203.0.113.${i % 256}` },
        ...{ requested_server_name: "shop.example.com", downstream_local_address: "10.0.0.1:8443" },
      }),
    );
    const text = lines.join("\n");
    const [before, after] = [side(routes(rest)), side(routes({ ...rest, ...to("v2") }))];
    const { groups, total } = compareRequests(parseRequests(text, "log").requests, before, after);
    assert.deepEqual([total, groups.reduce((sum, { count }) => sum + count, 0)], [100_000, 100_000]);
  }).timeout(20_000);
});

describe("derived requests in a report", () => {
  it("have the most urgent change first, and one example for each", () => {
    const { source, groups, changed, total, unchanged } = compareDerived(
      side(routes(rest)),
      side(routes({ ...rest, ...to("v2"), match: [{ uri: { prefix: "/api/" } }] })),
    );
    assert.equal(source, "derived");
    assert.deepEqual(
      groups.map(({ kind, path }) => [kind, path]),
      [
        ["unroutable", "/api"],
        ["moved", "/api/"],
      ],
    );
    assert.deepEqual(changed, { unroutable: 1, moved: 1 });
    assert.ok(total > groups.length && unchanged === total - groups.length);
  });
});
