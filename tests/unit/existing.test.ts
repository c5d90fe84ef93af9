import assert from "node:assert/strict";
import type { V1Deployment, V1Pod } from "@kubernetes/client-node";
import { foundGateway, type GatewayAsked } from "../../components/mesh/found-gateway";
import { meshProblems } from "../../components/mesh/found-mesh";
import { namespaceProblems } from "../../components/kubernetes/namespace";
import { OWNER_MARK } from "../../components/kubernetes/owner";

const istiod = (version: string, more: object = {}): V1Deployment => ({
  metadata: { name: "istiod", labels: { app: "istiod", "istio.io/rev": "default" } },
  spec: {
    selector: {},
    template: {
      spec: { containers: [{ name: "discovery", image: `registry.example.com:5000/pilot:${version}` }] },
    },
  },
  status: { availableReplicas: 1 },
  ...more,
});

describe("an existing Istio", () => {
  const problems = (deployment: V1Deployment | undefined, settings = {}, needs = {}) =>
    meshProblems({ istiod: deployment, others: [istiod("1.31.0")], settings }, needs).problems.join("\n");

  it("is accepted by its version, from whichever source that is read", () => {
    assert.equal(problems(istiod("1.31.0")), "");
    assert.equal(problems(istiod("1.29.2-distroless")), "");
    assert.equal(problems(istiod("1.40.0")), "");
    const labelled = { metadata: { labels: { "app.kubernetes.io/version": "1.30.1" } } };
    assert.equal(
      meshProblems({ istiod: istiod("latest", labelled), others: [], settings: {} }, {}).found.version,
      "1.30.1",
    );
    assert.match(problems(istiod("1.28.4")), /it is 1\.28\.4; allowed: 1\.29 or newer/);
    assert.match(problems(istiod("latest")), /version of istiod cannot be told/);
    assert.match(problems(istiod("1.31.0", { status: {} })), /no pod of Deployment istiod is available/);
    assert.match(problems(undefined), /revisions there: default/);
  });

  it("is new enough for what is asked of it", () => {
    const needs = { since: { "1.30": "a retry budget", "1.31": "warmup.aggression below 1" } };
    assert.equal(problems(istiod("1.31.0"), {}, needs), "");
    assert.equal(
      problems(istiod("1.30.4"), {}, needs),
      "it is 1.30.4; allowed: 1.31 or newer, for warmup.aggression below 1",
    );
    assert.match(problems(istiod("1.29.2"), {}, needs), /1\.30 or newer, for a retry budget\n/);
  });

  it("has to normalize paths as the service does, if a policy names paths", () => {
    const needs = { pathNormalization: true };
    assert.match(problems(istiod("1.31.0"), {}, needs), /by BASE/);
    const settings = (normalization: string) => ({ pathNormalization: { normalization } });
    assert.match(problems(istiod("1.31.0"), settings("MERGE_SLASHES"), needs), /by MERGE_SLASHES/);
    assert.equal(problems(istiod("1.31.0"), settings("DECODE_AND_MERGE_SLASHES"), needs), "");
    assert.equal(problems(istiod("1.31.0"), settings("BASE"), { pathNormalization: false }), "");
  });
});

describe("an existing namespace", () => {
  const problems = (labels: Record<string, string>, revision?: string): string =>
    namespaceProblems(
      { metadata: { labels } },
      "shop",
      "org/shopzier/prod",
      revision === undefined ? { "istio-injection": "enabled" } : { "istio.io/rev": revision },
    ).join();

  it("must not prevent the injection of sidecars", () => {
    assert.deepEqual(namespaceProblems(undefined, "shop", "org/shopzier/prod"), [
      "it does not exist: kubectl create namespace shop",
    ]);
    for (const right of [problems({}), problems({}, "a"), problems({ "istio-injection": "enabled" })])
      assert.equal(right, "");
    assert.equal(problems({ "istio.io/rev": "a" }, "a"), "");
    assert.equal(problems({ "istio.io/rev": "default" }), "");
    assert.equal(problems({ "istio-injection": "enabled" }, "default"), "");
    assert.match(
      problems({ "istio-injection": "disabled" }),
      /istio-injection=disabled keeps .* default revision/,
    );
    assert.match(
      problems({ "istio-injection": "enabled" }, "a"),
      /istio-injection=enabled keeps .* revision a/,
    );
    assert.match(problems({ "istio.io/rev": "b" }, "a"), /istio\.io\/rev=b keeps/);
    assert.match(problems({ "istio.io/rev": "b" }), /istio\.io\/rev=b keeps/);
  });

  it("must not be one that the stack created, because `up` would delete it", () => {
    const marked = (mark: string) => ({ metadata: { annotations: { [OWNER_MARK]: mark } } });
    const urn = "urn:pulumi:prod::shopzier::x$kubernetes:core/v1:Namespace::shop-namespace";
    assert.deepEqual(namespaceProblems(marked(`org ${urn}`), "shop", "org/shopzier/dev"), []);
    const [own = ""] = namespaceProblems(marked(`org ${urn}`), "shop", "org/shopzier/prod");
    assert.ok(
      own.endsWith(`pulumi state delete '${urn}' && kubectl annotate namespace shop ${OWNER_MARK}-`),
      own,
    );
  });
});

describe("an existing gateway", () => {
  const labels = { istio: "public", app: "public" };
  const pods: V1Pod[] = [{ metadata: { labels }, spec: { containers: [], serviceAccountName: "public" } }];
  const metadata = (name: string, namespace: string) => ({ name, namespace });
  const server = (hosts: string[], protocol = "HTTP") => ({ hosts, port: { protocol } });
  const gateways = [
    {
      metadata: metadata("public", "ingress"),
      spec: {
        selector: { istio: "public" },
        servers: [
          server(["*/any.example.com", "shop/shop.example.com", "./own.example.com"]),
          server(["*.example.org"], "HTTPS"),
        ],
      },
    },
    {
      metadata: metadata("internal", "ingress"),
      spec: { selector: { istio: "internal" }, servers: [server(["*"])] },
    },
  ];
  const routes = (host: string, gateway: string, namespace = "other", name = "routes") => ({
    metadata: metadata(name, namespace),
    spec: { hosts: [host], gateways: [gateway] },
  });
  const asked = (more: Partial<GatewayAsked> = {}): GatewayAsked => ({
    ...{ name: "shop-shop", namespace: "ingress", labels: { istio: "public" } },
    ...{ hosts: ["shop.example.com"], routeNamespaces: ["shop"] },
    ...more,
  });
  const live = { pods, gateways, virtualServices: [], policies: [], services: [] };
  const look = (
    more: Partial<GatewayAsked> = {},
    there: Partial<Parameters<typeof foundGateway>[1]> = {},
  ) => {
    const { found, problems, warnings } = foundGateway(asked(more), { ...live, ...there });
    return { ...found, problems: problems.join("\n"), warnings: warnings.join("\n") };
  };

  it("needs pods with the labels and the named service account", () => {
    assert.equal(look({ serviceAccount: "public" }).problems, "");
    assert.match(look({ serviceAccount: "gw" }).problems, /found public, said is gw/);
    assert.match(look({}, { pods: [] }).problems, /no pod with these labels/);
  });

  it("needs, in the named Gateway, a server for the hosts to which the routes may bind", () => {
    const named = (host: string, routeNamespaces = ["shop"], gateway = "ingress/public") =>
      look({ gateway, hosts: [host], routeNamespaces });
    for (const host of ["any.example.com", "shop.example.com", "a.example.org"])
      assert.equal(named(host).problems, "", host);
    assert.match(named("shop.example.com", ["elsewhere"]).problems, /no server for shop\.example\.com/);
    assert.match(named("own.example.com").problems, /no server for own\.example\.com/);
    assert.equal(named("own.example.com", ["ingress"]).problems, "");
    assert.match(named("a.example.net").problems, /no server for a\.example\.net/);
    assert.match(named("a.example.com", [], "ingress/none").problems, /is not there; there: ingress\/public/);
    assert.match(
      named("a.example.com", [], "ingress/internal").problems,
      /selects other pods; allowed: ingress\/public/,
    );
    const beyond = look({ gateway: "ingress/public", labels: { istio: "public", app: "public" } });
    assert.match(beyond.problems, /selects pods that have not app=public/);
    assert.deepEqual([named("a.example.org").https, named("any.example.com").https], [true, false]);
  });

  it("must not route one of the hosts for another owner", () => {
    const taken = /VirtualService other\/routes of another owner routes shop\.example\.com/;
    const with_ = (...virtualServices: ReturnType<typeof routes>[]): string =>
      look({}, { virtualServices }).problems;
    assert.match(with_(routes("shop.example.com", "ingress/public")), taken);
    assert.equal(with_(routes("shop.example.com", "ingress/public", "shop", "category")), "");
    const redirect = "shop-shop-http-shop.example.com";
    assert.equal(with_(routes("shop.example.com", "ingress/public", "ingress", redirect)), "");
    assert.equal(with_(routes("shop.example.com", "ingress/internal")), "");
    assert.equal(with_(routes("shop.example.com", "mesh")), "");
    assert.equal(with_(routes("a.example.com", "ingress/public")), "");
  });

  it("yields a warning if ALLOW policies of others name none of the hosts", () => {
    const policy = (hosts: string[] | undefined, more: object = {}) => ({
      metadata: metadata("theirs", "ingress"),
      spec: {
        action: "ALLOW" as const,
        rules: [{ to: [{ operation: { methods: ["GET"], ...(hosts && { hosts }) } }] }],
        ...more,
      },
    });
    const warned = (...policies: ReturnType<typeof policy>[]): string => look({}, { policies }).warnings;
    assert.match(
      warned(policy(["a.example.com"])),
      /AuthorizationPolicy ingress\/theirs .* shop\.example\.com/,
    );
    for (const hosts of [undefined, ["shop.example.com:*"], ["*.example.com"], ["*"]])
      assert.equal(warned(policy(hosts)), "");
    assert.equal(warned(policy(["a.example.com"], { action: "DENY" })), "");
    assert.equal(warned(policy(["a.example.com"], { selector: { matchLabels: { istio: "internal" } } })), "");
  });

  it("yields a warning if no Service has the ports of clients", () => {
    const service = (...ports: number[]) => ({
      spec: { selector: { istio: "public" }, ports: ports.map((port) => ({ port })) },
    });
    const warned = (more: Partial<GatewayAsked>, ...ports: number[]): string =>
      look(more, { services: [service(...ports)] }).warnings;
    assert.equal(warned({}, 80), "");
    assert.match(warned({ tls: {} }, 80), /no Service of its pods has port 443/);
    assert.equal(warned({ tls: {}, http: false }, 443), "");
    assert.equal(warned({ gateway: "ingress/public", tls: {} }, 80), "");
  });
});
