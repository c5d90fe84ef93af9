/**
 * What Istio's own simulation of gateways says about HTTP, written anew (istio/istio,
 * pilot/pkg/networking/core/gateway_simulation_test.go).
 *
 * Left out, as they are not about what a gateway does with an HTTP request:
 * - TestDisablePortTranslation, TestTargetPort and, of TestGatewayServices, all but "no match selector": which port of a pod
 *   a Service leads to. Requests here have the port of the Gateway's server; what remains of these cases is below.
 * - TestGatewayConflicts, "duplicate cross namespace gateway collision" (both): TCP.
 * - TestGatewayConflicts, "duplicate tls gateway": Envoy refuses this configuration (istio/istio #24638).
 * - TestIngress: Kubernetes Ingress objects.
 * - TestGatewayServices, "overlapping SNI match": has no request.
 */
import assert from "node:assert/strict";
import type { SimulatedRequest } from "../../components/simulator/decision";
import { compile, route } from "../../components/simulator/simulator";
import type {
  WrittenGateway,
  WrittenServer,
  WrittenVirtualService,
} from "../../components/simulator/written-objects";

const LABELS = { istio: "ingressgateway" };

const gateway = (name: string, ...servers: WrittenServer[]): WrittenGateway => {
  const [namespace = "", own = ""] = name.includes("/") ? name.split("/") : ["default", name];
  return { metadata: { name: own, namespace }, spec: { selector: LABELS, servers } };
};
const http = (number: number, ...hosts: string[]): WrittenServer => ({
  port: { number, name: "http", protocol: "HTTP" },
  hosts,
});
const redirecting = (server: WrittenServer): WrittenServer => ({
  ...server,
  tls: { ...server.tls, httpsRedirect: true },
});
const tcp = (number: number, ...hosts: string[]): WrittenServer => ({
  ...http(number, ...hosts),
  port: { number, name: "tcp", protocol: "TCP" },
});
const https = (number: number, ...hosts: string[]): WrittenServer => ({
  port: { number, name: "https", protocol: "HTTPS" },
  hosts,
  tls: { mode: "SIMPLE" },
});

/** Every path of the hosts goes to a service. */
const virtualService = (
  name: string,
  hosts: readonly string[],
  gateways: readonly string[],
  to: { readonly host: string; readonly port?: { readonly number: number } },
  over: Partial<WrittenVirtualService["metadata"]> = {},
): WrittenVirtualService => ({
  metadata: { name, ...over },
  spec: { hosts, gateways, http: [{ match: [{ uri: { prefix: "/" } }], route: [{ destination: to }] }] },
});

type Objects = readonly (WrittenGateway | WrittenVirtualService)[];

/** What becomes of a request to a host and port, in words. */
function ask(objects: Objects, to: string, over: Partial<SimulatedRequest> = {}): string {
  const [host = "", port] = to.split(":");
  const isGateway = (one: Objects[number]): one is WrittenGateway => "servers" in one.spec;
  const decision = route(
    { method: "GET", scheme: "http", host, port: Number(port), path: "/", ...over },
    {
      virtualServices: objects.filter((one) => !isGateway(one)) as WrittenVirtualService[],
      proxy: { namespace: "istio-system", labels: LABELS, gateways: objects.filter(isGateway) },
    },
  );
  const notes = decision.notLookedAt ? ` (${decision.notLookedAt.join(", ")})` : "";
  if (decision.kind === "redirected") return decision.location + notes;
  if (decision.kind !== "routed") return decision.kind + notes;
  return decision.destinations.map(({ host: name, port: at }) => `${name}:${at ?? ""}`).join() + notes;
}

const A = "a.default.svc.cluster.local:80";

describe("a gateway, by Istio's own cases", () => {
  it("finds no route without VirtualServices, and has no listener on other ports", () => {
    const objects = [gateway("default", http(80, "foo.bar"))];
    assert.equal(ask(objects, "foo.bar:80"), "not found");
    assert.equal(ask(objects, "foo.bar:81"), "no listener");
  });

  it("routes by host and path", () => {
    const objects: Objects = [
      gateway("gateway", http(80, "foo.bar")),
      {
        metadata: { name: "bookinfo" },
        spec: {
          hosts: ["*"],
          gateways: ["gateway"],
          http: [
            {
              match: [{ uri: { exact: "/productpage" } }],
              route: [{ destination: { host: "productpage", port: { number: 9080 } } }],
            },
          ],
        },
      },
    ];
    assert.equal(ask(objects, "foo.bar:80"), "not found");
    assert.equal(ask(objects, "bad.bar:80"), "not found");
    assert.equal(ask(objects, "bad.bar:80", { path: "/productpage" }), "not found");
    assert.equal(
      ask(objects, "foo.bar:80", { path: "/productpage" }),
      "productpage.default.svc.cluster.local:9080",
    );
  });

  it("has the VirtualServices of several hosts", () => {
    const objects = [
      gateway("gateway", http(80, "*.example.com")),
      virtualService("a", ["a.example.com"], ["gateway"], { host: "a", port: { number: 80 } }),
      virtualService("b", ["b.example.com"], ["gateway"], { host: "b", port: { number: 80 } }),
    ];
    assert.equal(ask(objects, "a.example.com:80"), A);
    assert.equal(ask(objects, "b.example.com:80"), "b.default.svc.cluster.local:80");
    assert.equal(ask(objects, "c.example.com:80"), "not found");
  });

  it("redirects to HTTPS with and without routes, and if one of two servers of a host does", () => {
    const server = redirecting(http(80, "example.com"));
    const simple = virtualService("vs", ["example.com"], ["gateway"], { host: "b" });
    const plain = gateway("gateway2", http(80, "example.com"));
    for (const objects of [
      [gateway("gateway", server)],
      [gateway("gateway", server), simple],
      [gateway("gateway", server), plain, simple],
    ]) {
      assert.equal(ask(objects, "example.com:80"), "https://example.com/");
    }
    const secure = [gateway("gateway", redirecting(https(443, "example.com"))), simple];
    assert.equal(ask(secure, "example.com:443", { scheme: "https" }), "b.default.svc.cluster.local:");
  });

  it("looks at no TLS routes, and names them", () => {
    const passing = (name: string): WrittenVirtualService => ({
      metadata: { name, namespace: "default" },
      spec: {
        gateways: ["istio-system/ingressgateway"],
        hosts: ["mysite.example.com"],
        tls: [{ match: [{ port: 443, sniHosts: ["mysite.example.com"] }] }],
      },
    });
    const server = { ...https(443, "*.example.com"), tls: { mode: "PASSTHROUGH" } };
    assert.equal(
      ask(
        [gateway("istio-system/ingressgateway", server), passing("vs1"), passing("vs2")],
        "mysite.example.com:443",
        { scheme: "https" },
      ),
      "no listener (tls of VirtualService default/vs1, tls of VirtualService default/vs2)",
    );
  });

  it("has on a port the protocol of the first server", () => {
    assert.equal(
      ask([gateway("alpha", tcp(80, "foo.bar")), gateway("beta", http(80, "foo.bar"))], "foo.bar:80"),
      "no listener",
    );
    assert.equal(
      ask([gateway("beta", tcp(80, "foo.bar")), gateway("alpha", http(80, "foo.bar"))], "foo.bar:80"),
      "not found",
    );
  });

  it("takes VirtualServices of the namespace that a server names", () => {
    const inNamespace = (namespace: string, bound: string): WrittenVirtualService =>
      virtualService("default", [`${namespace}.example.com`], [bound], { host: "echo" }, { namespace });
    const objects = [
      gateway("alpha", http(80, "ns-1/*.example.com")),
      gateway("beta", http(80, "ns-2/*.example.com")),
      inNamespace("ns-1", "default/alpha"),
      inNamespace("ns-2", "default/beta"),
      inNamespace("ns-3", "default/beta"),
    ];
    assert.equal(ask(objects, "ns-1.example.com:80"), "echo.ns-1.svc.cluster.local:");
    assert.equal(ask(objects, "ns-2.example.com:80"), "echo.ns-2.svc.cluster.local:");
    assert.equal(ask(objects, "ns-3.example.com:80"), "not found");
  });

  it("has for each host the rules of every VirtualService", () => {
    const rule = (name: string, year: number, hosts: readonly string[], ...paths: string[]) => ({
      metadata: {
        name: `${name}-vs`,
        namespace: "default",
        creationTimestamp: `${year}-01-01T00:00:00Z`,
      },
      spec: {
        hosts,
        gateways: ["istio-system/public-gw"],
        http: [
          {
            name,
            match: paths.map((prefix) => ({ uri: { prefix } })),
            route: [{ destination: { host: `echo-${name}`, port: { number: 80 } } }],
          },
        ],
      },
    });
    const [foo, bar] = ["foo.example.com", "bar.example.com"];
    const objects = [
      gateway("istio-system/public-gw", http(80, foo, bar)),
      rule("foobar", 2010, [foo, bar], "/1", "/2", "/3"),
      rule("foo", 2015, [foo], "/foo"),
      rule("bar", 2020, [bar], "/bar"),
    ];
    const to = (name: string): string => `echo-${name}.default.svc.cluster.local:80`;
    assert.equal(ask(objects, `${foo}:80`, { path: "/1" }), to("foobar"));
    assert.equal(ask(objects, `${foo}:80`, { path: "/foo" }), to("foo"));
    assert.equal(ask(objects, `${bar}:80`, { path: "/bar" }), to("bar"));
    assert.equal(ask(objects, `${bar}:80`, { path: "/foo" }), "not found");
  });

  it("takes the first of two VirtualServices with the same match, on every port", () => {
    const both = ["gateway80", "gateway8081"];
    const objects = [
      gateway("gateway80", http(80, "example.com")),
      gateway("gateway8081", http(8081, "example.com")),
      virtualService("b", ["example.com"], both, { host: "b", port: { number: 8081 } }),
      virtualService("a", ["example.com"], both, { host: "a", port: { number: 80 } }),
    ];
    assert.equal(ask(objects, "example.com:80"), A);
    assert.equal(ask(objects, "example.com:8081"), A);
  });

  it("has on each port the hosts of the servers there", () => {
    const objects = [
      gateway("istio-system/gateway", http(80, "80.example.com"), http(82, "82.example.com")),
      virtualService("a", ["*.example.com"], ["istio-system/gateway"], { host: "a", port: { number: 80 } }),
    ];
    assert.equal(ask(objects, "80.example.com:80"), A);
    assert.equal(ask(objects, "82.example.com:82"), A);
    assert.equal(ask(objects, "82.example.com:80"), "not found");
  });
});

describe("a gateway", () => {
  const bound = virtualService("a", ["*"], ["gateway"], { host: "a", port: { number: 80 } });

  it("is none that its labels do not select", () => {
    const other = gateway("gateway", http(80, "*"));
    const objects = [{ ...other, spec: { ...other.spec, selector: { istio: "other" } } }, bound];
    assert.equal(ask(objects, "example.com:80"), "no listener");
  });

  it("takes an HTTPS request at the server of the most exact host, if there is one", () => {
    const objects = [
      gateway("gateway", https(443, "*.example.com"), {
        ...https(443, "a.example.com"),
        port: { number: 443, protocol: "HTTPS" },
      }),
      gateway("plain", http(80, "*")),
      bound,
    ];
    const over = { scheme: "https" } as const;
    assert.equal(ask(objects, "a.example.com:443", over), A);
    assert.equal(ask(objects, "b.example.com:443", over), A);
    // A client leaves out the dot of a full name in the TLS handshake (RFC 6066, 3).
    assert.equal(ask(objects, "a.example.com.:443", over), A);
    assert.equal(ask(objects, "example.com:443", over), "no listener");
    assert.equal(ask(objects, "b.example.com:80", over), "no listener");
    assert.equal(ask(objects, "b.example.com:80"), "not found");
  });

  it("sees what is exported to its namespace", () => {
    const exported = (...exportTo: string[]): string =>
      ask([gateway("gateway", http(80, "*")), { ...bound, spec: { ...bound.spec, exportTo } }], "x:80");
    assert.deepEqual(
      [exported(), exported("*"), exported("istio-system"), exported("."), exported("~"), exported("other")],
      [A, A, A, "not found", "not found", "not found"],
    );
    // What is for this namespace alone comes before what is for all.
    const own = virtualService("z", ["*"], ["default/gateway"], { host: "z" }, { namespace: "istio-system" });
    const objects = [gateway("gateway", http(80, "*")), bound];
    assert.equal(ask([...objects, own], "x:80"), A);
    const hidden = { ...own, spec: { ...own.spec, exportTo: ["."] } };
    assert.equal(ask([...objects, hidden], "x:80"), "z.istio-system.svc.cluster.local:");
  });

  it("shows its policies the port, the name in TLS and the peer's identity, and names who decides elsewhere", () => {
    const deny = (key: string, value: string) => ({
      metadata: { name: key },
      spec: { action: "DENY", rules: [{ when: [{ key, values: [value] }] }] },
    });
    const gateways = [gateway("gateway", https(443, "*"), http(80, "*"))];
    const decide = compile({
      virtualServices: [bound],
      proxy: { namespace: "istio-system", labels: LABELS, gateways },
      authorizationPolicies: [
        deny("destination.port", "80"),
        deny("connection.sni", "b.example.com"),
        deny("source.principal", "cluster.local/ns/a/sa/a"),
        { metadata: { name: "ext" }, spec: { action: "CUSTOM", provider: { name: "opa" }, rules: [{}] } },
      ],
    });
    const asked = { method: "GET", scheme: "https", host: "a.example.com", path: "/" } as const;
    const policyOf = (over: Partial<SimulatedRequest>): string => {
      const decision = decide({ ...asked, ...over });
      assert.deepEqual(decision.notLookedAt, [
        "AuthorizationPolicy ext: the external authorizer opa decides",
      ]);
      return decision.kind === "denied" && decision.reason === "denied" ? decision.policy : decision.kind;
    };
    assert.deepEqual(
      [
        {},
        { scheme: "http" } as const,
        { host: "b.example.com:443" },
        { principal: "cluster.local/ns/a/sa/a" },
      ].map(policyOf),
      ["routed", "destination.port", "connection.sni", "source.principal"],
    );
  });
});
