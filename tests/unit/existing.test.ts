import assert from "node:assert/strict";
import type { V1Deployment, V1Pod } from "@kubernetes/client-node";
import { foundGateway, type GatewayAsked } from "../../components/mesh/found-gateway";
import { meshProblems } from "../../components/mesh/found-mesh";
import { namespaceProblems } from "../../components/mesh/namespace";
import { OWNER_MARK } from "../../components/mesh/owner";

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

describe("an Istio that is there", () => {
  const problems = (deployment: V1Deployment | undefined, settings = {}, needs = {}) =>
    meshProblems({ istiod: deployment, others: [istiod("1.31.0")], settings }, needs).problems.join("\n");

  it("is taken by its version, whichever way that is told", () => {
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

  it("must read paths as the service does, where a policy rests on it", () => {
    const needs = { pathNormalization: true };
    assert.match(problems(istiod("1.31.0"), {}, needs), /by BASE/);
    const settings = (normalization: string) => ({ pathNormalization: { normalization } });
    assert.match(problems(istiod("1.31.0"), settings("MERGE_SLASHES"), needs), /by MERGE_SLASHES/);
    assert.equal(problems(istiod("1.31.0"), settings("DECODE_AND_MERGE_SLASHES"), needs), "");
    assert.equal(problems(istiod("1.31.0"), settings("BASE"), { pathNormalization: false }), "");
  });
});

describe("a namespace that is there", () => {
  const problems = (labels: Record<string, string>, revision?: string): string =>
    namespaceProblems(
      { metadata: { labels } },
      "shop",
      "org/shopzier/prod",
      revision === undefined ? { "istio-injection": "enabled" } : { "istio.io/rev": revision },
    ).join();

  it("does not keep its pods from their sidecars", () => {
    assert.deepEqual(namespaceProblems(undefined, "shop", "org/shopzier/prod"), [
      "it does not exist: kubectl create namespace shop",
    ]);
    for (const right of [problems({}), problems({}, "a"), problems({ "istio-injection": "enabled" })])
      assert.equal(right, "");
    assert.equal(problems({ "istio.io/rev": "a" }, "a"), "");
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

  it("is not one that the stack has made, for that would then be deleted", () => {
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

describe("a gateway that is there", () => {
  const labels = { istio: "public", app: "public" };
  const pods: V1Pod[] = [{ metadata: { labels }, spec: { containers: [], serviceAccountName: "public" } }];
  const metadata = (name: string, namespace: string, mark?: string) => ({
    ...{ name, namespace, ...(mark !== undefined && { annotations: { [OWNER_MARK]: mark } }) },
  });
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
  const routes = (host: string, gateway: string, mark?: string) => ({
    metadata: metadata("routes", "other", mark),
    spec: { hosts: [host], gateways: [gateway] },
  });
  const stack = "org/shopzier/prod";
  const asked = (more: Partial<GatewayAsked> = {}): GatewayAsked => ({
    ...{ namespace: "ingress", hosts: ["shop.example.com"], routeNamespaces: ["shop"], ...more },
  });
  const look = (more: Partial<GatewayAsked> = {}, virtualServices: ReturnType<typeof routes>[] = []) => {
    const { found, problems } = foundGateway(asked(more), { pods, gateways, virtualServices, stack });
    return { ...found, problems: problems.join("\n") };
  };

  it("has pods with the labels, of the account that is named", () => {
    assert.equal(look({ serviceAccount: "public" }).problems, "");
    assert.match(look({ serviceAccount: "gw" }).problems, /found public, said is gw/);
    const none = foundGateway(asked(), { pods: [], gateways, virtualServices: [], stack });
    assert.match(none.problems.join(), /no pod with these labels/);
  });

  it("has a server for the hosts to which the routes may bind, in a Gateway that is named", () => {
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
    assert.deepEqual([named("a.example.org").https, named("any.example.com").https], [true, false]);
  });

  it("routes none of the hosts for somebody else", () => {
    const taken = /VirtualService other\/routes of somebody else routes shop\.example\.com/;
    assert.match(look({}, [routes("shop.example.com", "ingress/public")]).problems, taken);
    assert.match(
      look({}, [routes("shop.example.com", "ingress/public", "org urn:pulumi:dev::shopzier::x::y")]).problems,
      taken,
    );
    const ours = "org urn:pulumi:prod::shopzier::x::y";
    assert.equal(look({}, [routes("shop.example.com", "ingress/public", ours)]).problems, "");
    assert.equal(look({}, [routes("shop.example.com", "ingress/internal")]).problems, "");
    assert.equal(look({}, [routes("shop.example.com", "mesh")]).problems, "");
    assert.equal(look({}, [routes("a.example.com", "ingress/public")]).problems, "");
  });
});
