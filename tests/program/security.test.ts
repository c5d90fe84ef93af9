import assert from "node:assert/strict";
import { runProgram, stackConfig, type Registered, type Run } from "./program";

async function program(config: Record<string, unknown>): Promise<Map<string, Registered>> {
  const run: Run = await runProgram({ ...stackConfig("lab"), ...config });
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
const SELECTOR = { matchLabels: { istio: "ingressgateway" } };

describe("settings of security", () => {
  it("become policies of the gateway, before any route", async () => {
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

  it("keep the addresses of clients where they are judged, and only there", async () => {
    const service = async (security: object): Promise<unknown> => {
      const values = (await program({ "shopzier:security": security })).get("shop-release")?.inputs
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
  });

  it("leave a namespace permissive before the mesh becomes strict", async () => {
    const all = await program({ "shopzier:security": { mtls: { namespaces: { category: "PERMISSIVE" } } } });
    assert.deepEqual(metadata(all.get("mtls-category")), { name: "default", namespace: "category" });
    assert.deepEqual(spec(all.get("mtls-mesh")), { mtls: { mode: "STRICT" } });
    assert.deepEqual(all.get("mtls-mesh")?.dependsOn, ["mtls-category"]);
    assert.deepEqual(all.get("mtls")?.dependsOn, ["istio", "category"]);
  });

  it("take the network policies out, of ours and of the charts", async () => {
    const all = await program({ "shopzier:security": { networkPolicies: { enabled: false } } });
    assert.ok(![...all.values()].some(({ type }) => type.endsWith(":NetworkPolicy")));
    for (const release of ["istio-istiod", "shop-release"]) {
      const { global } = all.get(release)?.inputs.values as { global: { networkPolicy: unknown } };
      assert.deepEqual(global.networkPolicy, { enabled: false }, release);
    }
  });

  it("serve every host with its own TLS, on the same routes", async () => {
    const all = await program({
      "shopzier:category": {
        ...(stackConfig("lab")["shopzier:category"] as object),
        aliases: ["api.lab.internal"],
      },
      "shopzier:gateway": {
        ...(stackConfig("lab")["shopzier:gateway"] as object),
        tls: {
          credentialName: "shop",
          hosts: { "api.lab.internal": { credentialName: "api", mode: "MUTUAL" } },
        },
      },
    });
    const { servers } = spec(all.get("shop-gateway")) as {
      servers: { hosts: string[]; tls: { mode?: string } }[];
    };
    assert.deepEqual(
      servers.map(({ hosts, tls }) => [hosts, tls.mode]),
      [
        [["shop.lab.internal", "api.lab.internal"], undefined],
        [["shop.lab.internal"], "SIMPLE"],
        [["api.lab.internal"], "MUTUAL"],
      ],
    );
    assert.deepEqual((spec(all.get("category-routes-route")) as { hosts: string[] }).hosts, [
      "shop.lab.internal",
      "api.lab.internal",
    ]);
  });
});
