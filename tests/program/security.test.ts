import assert from "node:assert/strict";
import {
  sharesBySubset,
  type SimulatedPlan,
  type SimulatedRequest,
} from "../../components/simulator/decision";
import { route } from "../../components/simulator/simulator";
import { runProgram, stackConfig, type Registered, type Run } from "../support/program";

async function program(config: Record<string, unknown>): Promise<Map<string, Registered>> {
  const run: Run = await runProgram({ ...stackConfig("dev"), ...config });
  return new Map(run.resources.map((r) => [r.name, r]));
}

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly annotations?: Readonly<Record<string, string>>;
}
const metadata = (r: Registered | undefined): Metadata | undefined =>
  r?.inputs.metadata as Metadata | undefined;
const spec = (r: Registered | undefined): unknown => r?.inputs.spec;
const GATEWAY_PODS = { istio: "ingressgateway", "shopzier-mesh/gateway": "istio-ingress" };
const SELECTOR = { matchLabels: GATEWAY_PODS };

interface NetworkPolicySpec {
  readonly ingress: readonly {
    readonly from: readonly {
      readonly namespaceSelector: { readonly matchLabels: Record<string, string> };
    }[];
    readonly ports: readonly { readonly port: number }[];
  }[];
}

describe("settings of security", () => {
  it("become policies of the gateway before any route", async () => {
    const all = await program({
      "shopzier:security": {
        access: { deny: [{ addresses: ["203.0.113.0/24"] }], allow: [{ methods: ["GET"] }], dryRun: true },
        authentication: {
          jwt: [
            {
              issuer: "https://id.example.com/",
              audiences: ["shop"],
              jwksUri: "https://id.example.com/jwks",
            },
          ],
        },
      },
    });
    const deny = all.get("shop-access-deny");
    assert.deepEqual(spec(deny), {
      selector: SELECTOR,
      action: "DENY",
      rules: [{ from: [{ source: { ipBlocks: ["203.0.113.0/24"] } }] }],
    });
    for (const kind of ["deny", "allow"]) {
      const { annotations, namespace } = metadata(all.get(`shop-access-${kind}`)) ?? {};
      assert.deepEqual([annotations, namespace], [{ "istio.io/dry-run": "true" }, "istio-ingress"]);
    }
    const required = all.get("shop-access-authentication");
    assert.equal(metadata(required)?.annotations, undefined, "a dry run of the lists is none of the tokens");
    assert.deepEqual(required?.dependsOn, ["shop-access-tokens"]);
    assert.ok(all.get("category")?.dependsOn.includes("shop-access"));
  });

  it("keep the addresses of clients only if they are compared", async () => {
    const service = async (security: object, more: object = {}): Promise<unknown> => {
      const values = (await program({ "shopzier:security": security, ...more })).get("shop-release")?.inputs
        .values as {
        service: { externalTrafficPolicy?: string };
        podAnnotations: Record<string, string>;
      };
      const proxy = JSON.parse(values.podAnnotations["proxy.istio.io/config"] ?? "{}") as {
        gatewayTopology?: unknown;
      };
      return [values.service.externalTrafficPolicy, proxy.gatewayTopology];
    };
    const access = { deny: [{ addresses: ["203.0.113.7"] }] };
    assert.deepEqual(await service({}), [undefined, undefined]);
    assert.deepEqual(await service({ access }), ["Local", undefined]);
    assert.deepEqual(await service({ access: { deny: [{ methods: ["PUT"] }] } }), [undefined, undefined]);
    assert.deepEqual(await service({ access, trustedProxies: 2 }), [undefined, { numTrustedProxies: 2 }]);
    const counted = (clients: unknown[]): object => ({
      "shopzier:traffic": {
        weights: { v1: 80, v2: 20 },
        globalRateLimit: {
          service: "limits.tools.svc.cluster.local:8081",
          domain: "shop",
          failure: "open",
          clients,
        },
      },
    });
    assert.deepEqual(await service({}, counted(["address"])), ["Local", undefined]);
    assert.deepEqual(await service({}, counted([{ header: "x-user" }])), [undefined, undefined]);
  });

  it("leave a namespace permissive before the mesh becomes strict", async () => {
    const all = await program({ "shopzier:security": { mtls: { namespaces: { category: "PERMISSIVE" } } } });
    assert.deepEqual(metadata(all.get("mtls-category")), { name: "default", namespace: "category" });
    assert.deepEqual(spec(all.get("mtls-mesh")), { mtls: { mode: "STRICT" } });
    assert.deepEqual(all.get("mtls-mesh")?.dependsOn, ["mtls-category"]);
    assert.deepEqual(all.get("mtls")?.dependsOn, ["istio", "istio (awaited)", "category"]);
  });

  it("remove the NetworkPolicies, ours and those of the charts", async () => {
    const all = await program({ "shopzier:security": { networkPolicies: { enabled: false } } });
    assert.ok(![...all.values()].some(({ type }) => type.endsWith(":NetworkPolicy")));
    for (const release of ["istio-istiod", "shop-release"]) {
      const { global } = all.get(release)?.inputs.values as { global: { networkPolicy: unknown } };
      assert.deepEqual(global.networkPolicy, { enabled: false }, release);
    }
  });

  it("allow the named scrapers and the installed Prometheus to scrape every pod", async () => {
    const prometheus = { charts: "lab/charts" };
    const scrapers = async (config: object): Promise<unknown[]> => {
      const { "shopzier:category": category } = stackConfig("dev");
      const all = await program({
        "shopzier:category": { ...(category as object), database: { server: {} } },
        ...config,
      });
      return ["category-access-network", "category-database-access-network"].map((name) => {
        const { ingress } = spec(all.get(name)) as NetworkPolicySpec;
        const [metrics] = ingress.filter(({ ports }) => ports.some(({ port }) => port === 15020));
        return metrics?.from.map((from) => from.namespaceSelector.matchLabels["kubernetes.io/metadata.name"]);
      });
    };
    const named = { "shopzier:security": { networkPolicies: { scrapers: ["monitoring"] } } };
    assert.deepEqual(await scrapers({}), [["prometheus"], ["prometheus"]]);
    assert.deepEqual(await scrapers(named), [["monitoring"], ["monitoring"]]);
    assert.deepEqual(await scrapers({ ...named, "shopzier:observability": { prometheus } }), [
      ["monitoring", "prometheus"],
      ["monitoring", "prometheus"],
    ]);
  });

  it("serve every host with its own TLS settings and the same routes", async () => {
    const all = await program({
      "shopzier:category": {
        ...(stackConfig("dev")["shopzier:category"] as object),
        host: "shop.example.com",
        aliases: ["api.example.com"],
      },
      "shopzier:gateway": {
        tls: {
          credentialName: "shop",
          hosts: { "api.example.com": { credentialName: "api", mode: "MUTUAL" } },
        },
      },
    });
    const { servers } = spec(all.get("shop-gateway")) as {
      servers: { hosts: string[]; tls: { mode?: string } }[];
    };
    assert.deepEqual(
      servers.map(({ hosts, tls }) => [hosts, tls.mode]),
      [
        [["category/shop.example.com"], "SIMPLE"],
        [["category/api.example.com"], "MUTUAL"],
      ],
    );
    // Plain HTTP is redirected, and HTTPS served, when every pod has the certificates.
    for (const name of ["shop-http", "shop-gateway"]) {
      assert.ok(all.get(name)?.dependsOn.includes("shop-certificates (awaited)"), name);
    }
    for (const host of ["shop.example.com", "api.example.com"]) {
      assert.deepEqual((spec(all.get(`shop-http-${host}`)) as { hosts: string[] }).hosts, [host]);
    }
    assert.deepEqual((spec(all.get("category-routes-route")) as { hosts: string[] }).hosts, [
      "shop.example.com",
      "api.example.com",
    ]);
  });

  it("are accepted by the simulator as they are written", async () => {
    const dev = stackConfig("dev");
    const issuer = "https://id.example.com/";
    const all = await program({
      "shopzier:traffic": {
        ...(dev["shopzier:traffic"] as object),
        rules: [
          { name: "beta", match: { claims: { groups: "beta" } }, to: "v2" },
          { name: "old", match: { path: { prefix: "/old" } }, redirect: { path: "/new" } },
        ],
        rateLimit: { requests: 5, per: "1s" },
      },
      "shopzier:gateway": { tls: { credentialName: "shop" } },
      "shopzier:security": {
        trustedProxies: 1,
        access: { deny: [{ addresses: ["203.0.113.0/24"] }] },
        authentication: {
          jwt: [{ issuer, audiences: ["shop"], jwksUri: `${issuer}jwks` }],
          required: [{ methods: ["DELETE"] }],
        },
      },
    });
    const written = (name: string): object => {
      const inputs = all.get(name)?.inputs;
      assert.ok(inputs, name);
      return inputs;
    };
    const plan = {
      virtualServices: [spec(all.get("category-routes-route"))],
      gatewayPatches: (spec(all.get("category-routes-gateway-patches")) as { configPatches: unknown })
        .configPatches,
      authorizationPolicies: [written("shop-access-deny"), written("shop-access-authentication")],
      requestAuthentication: spec(all.get("shop-access-tokens")),
      trustedProxies: 1,
      httpsRedirect: [spec(all.get("shop-http-any"))],
      pathNormalization: "DECODE_AND_MERGE_SLASHES",
    } as SimulatedPlan;
    const token = { iss: issuer, sub: "somebody", aud: "shop", groups: ["beta"] };
    const decided = (over: Partial<SimulatedRequest>): string => {
      const decision = route(
        { method: "GET", scheme: "https", host: "shop.lab.internal", path: "/api/v1/category", ...over },
        plan,
      );
      switch (decision.kind) {
        case "routed":
          return `${decision.rule} ${JSON.stringify(sharesBySubset(decision.destinations))}${decision.limited ? " limited" : ""}`;
        case "denied":
          return `${decision.status} ${decision.reason === "denied" ? decision.policy : decision.reason}`;
        case "redirected":
          return decision.location;
        default:
          return decision.kind;
      }
    };
    assert.equal(decided({}), 'category {"v1":80,"v2":20} limited');
    assert.equal(decided({ token }), 'beta {"v2":100} limited');
    assert.equal(decided({ token: "invalid" }), "401 token");
    assert.equal(decided({ method: "DELETE" }), "403 shop-access-authentication");
    assert.equal(decided({ method: "DELETE", token }), 'beta {"v2":100} limited');
    assert.equal(decided({ headers: { "x-forwarded-for": "203.0.113.7" } }), "403 shop-access-deny");
    assert.equal(decided({ scheme: "http" }), "https://shop.lab.internal/api/v1/category");
    assert.equal(decided({ path: "/old/a" }), "https://shop.lab.internal/new");
    assert.equal(decided({ path: "/actuator/env" }), "not found");
  });
});
