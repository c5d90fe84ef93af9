/** Which proxies decide, and by which objects. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareDerived } from "../../cli/requests/compare";
import { proxiesOf, proxyPairs } from "../../cli/requests/proxies";
import type { KubernetesObject, Side } from "../../cli/side";
import { compile } from "../../components/simulator";

type Meta = Partial<KubernetesObject["metadata"]>;

const object = (apiVersion: string, kind: string, metadata: Meta, fields: object): KubernetesObject => ({
  ...{ apiVersion, kind, metadata: { name: "it", ...metadata }, ...fields },
});
const networking = (kind: string, metadata: Meta, spec: object): KubernetesObject =>
  object("networking.istio.io/v1", kind, metadata, { spec });
const security = (kind: string, metadata: Meta, spec: object): KubernetesObject =>
  object("security.istio.io/v1", kind, metadata, { spec });
const side = (...objects: readonly KubernetesObject[]): Side => ({ title: "", notShown: [], objects });

const SELECTOR = { istio: "ingressgateway" };
const gateway = (
  selector: object | undefined = SELECTOR,
  metadata: Meta = { namespace: "shop" },
): KubernetesObject =>
  networking("Gateway", metadata, {
    selector,
    servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }],
  });
const pod = (labels: object, metadata: Meta, annotations = {}): KubernetesObject =>
  object("apps/v1", "Deployment", metadata, { spec: { template: { metadata: { labels, annotations } } } });
const release = (chart: string, metadata: Meta, values: object): KubernetesObject =>
  object("helm.sh/v3", "Release", metadata, { spec: { chart, values } });
const policyNames = (objects: readonly KubernetesObject[]): string[] =>
  (proxiesOf(side(...objects))[0]?.plan.authorizationPolicies ?? []).map(({ metadata }) => metadata.name);

describe("gateways", () => {
  it("are the workloads that a Gateway selects, in their namespaces", () => {
    const objects = [
      gateway(),
      gateway({ ...SELECTOR, tier: "inner" }, { name: "inner", namespace: "shop" }),
      pod({ ...SELECTOR, tier: "inner" }, { name: "inner", namespace: "a" }),
      release("gateway", { name: "istio-ingressgateway", namespace: "b" }, { labels: { tier: "outer" } }),
      pod({ app: "category" }, { name: "category", namespace: "shop" }),
    ];
    assert.deepEqual(
      proxiesOf(side(...objects)).map(({ name, plan }) => [name, plan.proxy?.namespace, plan.proxy?.labels]),
      [
        ["gateway a/inner", "a", { ...SELECTOR, tier: "inner" }],
        ["gateway b/istio-ingressgateway", "b", { app: "istio-ingressgateway", ...SELECTOR, tier: "outer" }],
      ],
    );
  });

  it("are assumed where no workload is shown, once for each selector, and named", () => {
    const service = object(
      "v1",
      "Service",
      { name: "ingress", namespace: "istio-ingress" },
      { spec: { selector: SELECTOR } },
    );
    const objects = [
      gateway(),
      gateway(SELECTOR, { name: "b", namespace: "other" }),
      gateway({ app: "x" }, { name: "x", namespace: "x" }),
    ];
    const named = (all: readonly KubernetesObject[]): unknown[] =>
      proxiesOf(side(...all)).map(({ name, plan, notLookedAt }) => [
        name,
        plan.proxy?.namespace,
        notLookedAt.at(-1),
      ]);
    const pods = (name: string, namespace: string): string =>
      `the pods of ${name}, which are taken to be in namespace ${namespace}`;
    assert.deepEqual(named([...objects, service]), [
      [
        "gateway istio=ingressgateway",
        "istio-ingress",
        pods("gateway istio=ingressgateway", "istio-ingress"),
      ],
      ["gateway app=x", "x", pods("gateway app=x", "x")],
    ]);
  });

  it("have the settings of the mesh and of their pods", () => {
    const config = (hops: number): object => ({
      "proxy.istio.io/config": `gatewayTopology:\n  numTrustedProxies: ${hops}`,
    });
    const istiod = release(
      "istiod",
      { name: "istiod", namespace: "istio-system" },
      {
        meshConfig: {
          pathNormalization: { normalization: "MERGE_SLASHES" },
          defaultConfig: { gatewayTopology: { numTrustedProxies: 3 } },
          rootNamespace: "mesh",
        },
      },
    );
    const map = object(
      "v1",
      "ConfigMap",
      { name: "istio", namespace: "istio-system" },
      {
        data: { mesh: "pathNormalization: { normalization: NONE }" },
      },
    );
    const plan = (...objects: readonly KubernetesObject[]) => proxiesOf(side(gateway(), ...objects))[0]?.plan;
    const own = pod(SELECTOR, { name: "a", namespace: "a" }, config(1));
    assert.deepEqual(
      [plan(own)?.trustedProxies, plan(own)?.pathNormalization, plan(istiod)?.trustedProxies],
      [1, "BASE", 3],
    );
    assert.deepEqual(
      [plan(istiod)?.pathNormalization, plan(istiod, map)?.pathNormalization],
      ["MERGE_SLASHES", "NONE"],
    );
    const everywhere = security("AuthorizationPolicy", { name: "all", namespace: "mesh" }, {});
    assert.deepEqual(policyNames([gateway(), istiod, everywhere]), ["all"]);
    assert.deepEqual(policyNames([gateway(), everywhere]), []);
  });

  it("have the policies of their namespace and of the root that select them", () => {
    const at = (name: string, namespace: string, spec: object): KubernetesObject =>
      security("AuthorizationPolicy", { name, namespace }, spec);
    const matchLabels = (labels: object): object => ({ selector: { matchLabels: labels } });
    const target = { kind: "Gateway", group: "gateway.networking.k8s.io", name: "a" };
    assert.deepEqual(
      policyNames([
        gateway(),
        pod({ ...SELECTOR, v: "1" }, { name: "a", namespace: "a" }),
        at("own", "a", {}),
        at("selected", "a", matchLabels(SELECTOR)),
        at("other-pods", "a", matchLabels({ istio: "other" })),
        at("elsewhere", "shop", matchLabels(SELECTOR)),
        at("root", "istio-system", {}),
        at("root-selected", "istio-system", matchLabels({ v: "1" })),
        at("target", "a", { targetRefs: [target] }),
        at("old-target", "a", { targetRef: target }),
      ]),
      ["own", "selected", "root", "root-selected"],
    );
  });

  it("verify the tokens of all RequestAuthentications that select them", () => {
    const rule = (issuer: string): object => ({ jwtRules: [{ issuer, jwks: "{}" }] });
    const [proxy] = proxiesOf(
      side(
        gateway(),
        pod(SELECTOR, { name: "a", namespace: "a" }),
        security("RequestAuthentication", { name: "a", namespace: "a" }, rule("https://a")),
        security("RequestAuthentication", { name: "b", namespace: "istio-system" }, rule("https://b")),
        security("RequestAuthentication", { name: "c", namespace: "c" }, rule("https://c")),
      ),
    );
    const issuers = proxy?.plan.requestAuthentication?.jwtRules?.map(({ issuer }) => issuer);
    assert.deepEqual(issuers, ["https://a", "https://b"]);
  });

  it("name filters that may decide, and routes of the Gateway API", () => {
    const filter = (name: string, inserted: string): KubernetesObject =>
      networking(
        "EnvoyFilter",
        { name, namespace: "a" },
        {
          workloadSelector: { labels: SELECTOR },
          configPatches: [
            { applyTo: "HTTP_FILTER", patch: { operation: "INSERT_FIRST", value: { name: inserted } } },
          ],
        },
      );
    const [proxy] = proxiesOf(
      side(
        gateway(),
        pod(SELECTOR, { name: "a", namespace: "a" }),
        filter("lua", "envoy.filters.http.lua"),
        filter("cors", "envoy.filters.http.cors"),
        object("gateway.networking.k8s.io/v1", "HTTPRoute", { name: "r", namespace: "shop" }, {}),
      ),
    );
    assert.deepEqual(proxy?.notLookedAt, [
      "MeshConfig: Istio's defaults count",
      "HTTPRoute shop/r",
      "the filters of EnvoyFilter a/lua",
    ]);
  });

  it("are not paired where a Gateway is given to other pods, and those of before are still there", () => {
    const pods = [
      pod({ istio: "ingressgateway" }, { name: "ingress", namespace: "istio-ingress" }),
      pod({ istio: "internal" }, { name: "internal", namespace: "istio-ingress" }),
    ];
    const [before, after] = [SELECTOR, { istio: "internal" }].map((selector) =>
      side(gateway(selector), ...pods),
    );
    assert.ok(before && after);
    assert.deepEqual(
      proxyPairs(before, after).map((pair) => [
        pair.name,
        pair.before !== undefined,
        pair.after !== undefined,
      ]),
      [
        ["gateway istio-ingress/internal", false, true],
        ["gateway istio-ingress/ingress", true, false],
      ],
    );
  });

  it("are the same where their pods get another label", () => {
    const [before, after] = [
      side(gateway(), pod(SELECTOR, { name: "old", namespace: "a" })),
      side(gateway(), pod(SELECTOR, { name: "new", namespace: "a" })),
    ];
    assert.deepEqual(
      proxyPairs(before, after).map((pair) => [pair.name, pair.before?.name, pair.after?.name]),
      [["gateway a/new", "gateway a/old", "gateway a/new"]],
    );
    assert.deepEqual(
      proxyPairs(before, side()).map((pair) => [pair.name, pair.after]),
      [["gateway a/old", undefined]],
    );
  });
});

describe("two rules for one host", () => {
  const rule = (name: string, age?: string): KubernetesObject =>
    networking(
      "VirtualService",
      { name, namespace: "shop", ...(age !== undefined && { creationTimestamp: age }) },
      {
        hosts: ["*"],
        gateways: ["it"],
        http: [{ name, route: [{ destination: { host: name } }] }],
      },
    );

  it("are as old as the cluster says, also on a side that does not know it", () => {
    const live = side(gateway(), rule("a", "2026-02-01T00:00:00Z"), rule("b", "2026-01-01T00:00:00Z"));
    const written = side(gateway(), rule("a"), rule("b"));
    assert.deepEqual(compareDerived(live, written).groups, []);
    const [proxy] = proxiesOf(written, live);
    assert.ok(proxy);
    const decision = compile(proxy.plan)({ method: "GET", scheme: "http", host: "x", path: "/" });
    assert.equal(decision.kind === "routed" && decision.rule, "b");
  });
});

describe("sidecars", () => {
  it("are those that the rules tell apart", () => {
    const service = networking(
      "VirtualService",
      { namespace: "shop" },
      {
        hosts: ["category"],
        http: [{ match: [{ sourceNamespace: "cart" }, { sourceLabels: { tier: "inner" } }], route: [] }],
      },
    );
    const bound = networking(
      "VirtualService",
      { name: "b", namespace: "shop" },
      { hosts: ["x"], gateways: ["shop"] },
    );
    assert.deepEqual(
      proxiesOf(side(service, bound)).map(({ name }) => name),
      [
        "sidecars in namespace shop",
        "sidecars in namespace cart",
        "sidecars in namespace shop with tier=inner",
      ],
    );
    assert.deepEqual(proxiesOf(side(bound)), []);
  });
});

describe("objects that somebody else wrote", () => {
  it("never make the comparison fail, whatever of a spec is left out", () => {
    const scalar = fc.constantFrom("*", "/a", "10.0.0.0/8", "x*", "{*}", "", "https://a/*");
    const list = fc.array(scalar, { maxLength: 2 });
    const some = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
      fc.record(fields, { requiredKeys: [] });
    const match = fc.oneof(some({ exact: scalar, prefix: scalar }), some({ regex: scalar }), fc.constant({}));
    const fields = (...names: readonly string[]): fc.Arbitrary<unknown> =>
      some(Object.fromEntries(names.map((name) => [name, list])));
    const policy = some({
      action: fc.constantFrom("ALLOW", "DENY", "AUDIT", "CUSTOM"),
      rules: fc.array(
        some({
          from: fc.array(
            some({ source: fields("principals", "notIpBlocks", "namespaces", "remoteIpBlocks") }),
          ),
          to: fc.array(some({ operation: fields("paths", "notHosts", "ports", "methods") })),
          when: fc.array(
            fc.record({
              key: fc.constantFrom(
                "source.ip",
                "request.headers[x]",
                "request.headers",
                "destination.ip",
                "x",
              ),
              values: list,
              notValues: list,
            }),
          ),
        }),
        { maxLength: 2 },
      ),
    });
    const service = some({
      hosts: fc.constant(["*"]),
      gateways: fc.constantFrom([], ["it"], ["mesh"]),
      http: fc.array(
        some({
          match: fc.array(some({ uri: match, headers: some({ a: match }), method: match, authority: match })),
          route: fc.constantFrom([], [{ destination: { host: "a" } }]),
          redirect: fc.constant({}),
        }),
        { maxLength: 3 },
      ),
    });
    const objects = fc
      .tuple(policy, service, fc.option(fc.constant({ jwtRules: [{ issuer: "a" }] })))
      .map(([authorization, routes, tokens]) =>
        side(
          gateway(),
          security("AuthorizationPolicy", { namespace: "shop" }, authorization as object),
          security("RequestAuthentication", { namespace: "shop" }, tokens ?? {}),
          networking("VirtualService", { namespace: "shop" }, routes as object),
          object("networking.istio.io/v1alpha3", "EnvoyFilter", { namespace: "shop" }, {}),
        ),
      );
    fc.assert(
      fc.property(objects, objects, (before, after) => {
        for (const { plan } of proxiesOf(before))
          compile(plan)({ method: "GET", scheme: "http", host: "a", path: "/a" });
        compareDerived(before, after, 300);
      }),
      { numRuns: 20 },
    );
  }).timeout(20_000);
});
