import fc from "fast-check";
import assert from "node:assert/strict";
import { assertSplit, Client } from "../../lab/client";
import {
  baseline,
  editStackFile,
  envoyAdmin,
  gatewayPods,
  kubectl,
  LIST,
  pulumi,
  readyPods,
  stackFile,
  tool,
  until,
  up,
} from "../../lab/harness";
import { cutOffFromIstiod } from "../support/faults";
import { echoUrl, meshClient, remove, type MeshClient } from "../support/mesh-client";
import { spelling } from "../support/spellings";
import { forgeries, issuer } from "../support/tokens";

const ISSUER = "https://id.example.com/";
const PRIVATE = "/api/v1/private/category";
/** Addresses by which the tests come to the gateway, and by which pods do. */
const [TESTS, PODS] = ["10.88.0.254", "10.244.0.0/16"];
const OUTSIDE = "outside";

/** Deploys the lab with these settings of security. */
async function deploy(security: object, traffic: object = {}, gateway: object = {}): Promise<void> {
  stackFile((config) => {
    config["shopzier:security"] = security;
    Object.assign(config["shopzier:gateway"] as object, gateway);
    Object.assign(config["shopzier:traffic"] as object, traffic);
  });
  await up();
}

/** Status and body of an answer of the service; nothing for one of the gateway. */
async function content(client: Client, path: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { statusCode, headers, body } = await client.request({ path });
      const text = await body.text();
      return headers["x-category-version"] === undefined ? "" : `${statusCode} ${text}`;
    } catch (error) {
      // The gateway closes the connection of what it refuses.
      if (attempt === 2) throw error;
    }
  }
}

describe("who may come in", () => {
  let client: Client;
  let outside: MeshClient;
  before(async () => {
    await baseline();
    [client, outside] = await Promise.all([Client.open(), meshClient(OUTSIDE, false)]);
  });
  after(async () => {
    await client.close();
    await remove(OUTSIDE);
  });

  const status = async (
    path: string,
    headers: Record<string, string> = {},
    method: "GET" | "DELETE" | "OPTIONS" = "GET",
  ): Promise<number> => (await client.ask({ path, headers, method })).status;
  /** From a pod, by the gateway's own address. */
  const fromPod = async (headers: Readonly<Record<string, string>> = {}): Promise<string> => {
    const [pod] = await gatewayPods();
    const answer = await outside.status(`http://${pod?.status.podIP ?? ""}${LIST}`, {
      host: "shop.lab.internal",
      ...headers,
    });
    return answer.split(" ")[0] ?? "";
  };

  describe("by address", () => {
    it("knows clients by their connection, whatever they say of themselves", async () => {
      await deploy({ access: { allow: [{ addresses: [TESTS] }], deny: [{ methods: ["DELETE"] }] } });
      await until("the list holds", async () => (await fromPod()) === "403");
      assert.equal(await status(LIST), 200);
      for (const name of ["x-forwarded-for", "x-real-ip", "x-envoy-external-address", "forwarded"]) {
        const value = name === "forwarded" ? `for=${TESTS}` : TESTS;
        assert.equal(await fromPod({ [name]: value }), "403", name);
      }
      assert.equal(await status(LIST, {}, "DELETE"), 403, "deny wins over allow");
    });

    it("knows them, and their scheme, by one trusted proxy, and nothing before it", async () => {
      await deploy(
        {
          trustedProxies: 1,
          access: {
            allow: [{ addresses: ["203.0.113.0/24", "2001:db8::/32"] }],
            deny: [{ addresses: ["203.0.113.66", "2001:db8::66"] }],
          },
        },
        { rules: [{ name: "moved", match: { path: { exact: "/moved" } }, redirect: { path: LIST } }] },
        { tlsTermination: "load-balancer" },
      );
      const by = (forwarded: string): Promise<number> =>
        status(LIST, { "x-forwarded-for": forwarded, "x-forwarded-proto": "https" });
      await until("the lists hold", async () => (await by("198.51.100.1")) === 403);
      await until("the gateway trusts the proxy", async () => (await by("203.0.113.7")) === 200);
      // The last address is the proxy's word, those before it are the client's.
      assert.equal(await by("203.0.113.7, 198.51.100.1"), 403);
      assert.equal(await by("198.51.100.1, 203.0.113.7"), 200);
      assert.equal(await by("203.0.113.66"), 403);
      assert.equal(await by("203.0.113.7, 203.0.113.66"), 403);
      const location = async (path: string, proto: Record<string, string>): Promise<string> => {
        const headers = { "x-forwarded-for": "203.0.113.7", ...proto };
        const { statusCode, headers: back, body } = await client.request({ path, headers });
        await body.dump();
        return `${statusCode} ${String(back.location)}`;
      };
      const https = "301 https://shop.lab.internal";
      for (const proto of [{}, { "x-forwarded-proto": "http" }] as Record<string, string>[])
        for (const host of ["shop.lab.internal", "shop.lab.internal:80"])
          assert.equal(await location(`${LIST}?a=b`, { ...proto, host }), `${https}${LIST}?a=b`, host);
      assert.equal(await location("/moved", { "x-forwarded-proto": "https" }), `${https}${LIST}`);
      // As other proxies write it.
      for (const end of ["7", "66"]) {
        for (const address of [`203.0.113.${end}`, `::ffff:203.0.113.${end}`, `2001:db8::${end}`])
          for (const written of [address, `[${address}]`, `[${address}]:443`])
            assert.equal(await by(`198.51.100.1, ${written}`), end === "7" ? 200 : 403, written);
        assert.equal(await by(`203.0.113.${end}:51234`), end === "7" ? 200 : 403);
      }
      for (const written of [
        "unknown",
        "::ffff:cb00:7107",
        "203.0.113.7,",
        '"203.0.113.7"',
        "256.1.1.1",
        "2001:db8::7::",
      ])
        assert.equal(await by(written), 403, written);
    });

    it("refuses nobody in a dry run, and counts whom it would", async () => {
      const denied = async (): Promise<number> => {
        const [pod] = await gatewayPods();
        assert.ok(pod);
        const stats = await envoyAdmin(
          "istio-ingress",
          pod.metadata.name,
          "stats?filter=rbac.*shadow_denied",
        );
        return [...stats.matchAll(/: (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
      };
      await deploy({
        access: { dryRun: true, allow: [{ addresses: [PODS] }], deny: [{ addresses: [TESTS] }] },
      });
      await until("requests are counted", async () => (await status(LIST)) === 200 && (await denied()) > 0);
    });
  });

  describe("by token", () => {
    const [good, foreign] = [issuer(ISSUER, "shop"), issuer(ISSUER, "shop")];
    const PARTNER = "https://partner.example.com/";
    const partner = issuer(PARTNER, "shop");
    const POOL = "https://pool.example.com/";
    const pool = issuer(POOL, "");
    /** A right token that is meant for somebody else is forbidden, says Envoy. */
    const statusOf = (forgery: string): number => (forgery.endsWith("audience") ? 403 : 401);
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    /** Denied as exact paths and by a prefix; and what the service answers to each. */
    const DENIED = [`${LIST}/50`, `${LIST}/product/1`, "/api/v2/category/50/variants"];
    const canonical = new Set<string>();
    const spellings = [...new Set(fc.sample(spelling(DENIED), 8000))].slice(0, 5000);
    /** Those by which a request gets what a denied path has. */
    const reaching = async (): Promise<string[]> => {
      // A connection from before a change keeps the lists of before.
      const fresh = await Client.open();
      const found: string[] = [];
      const lanes = Array.from({ length: 16 }, async (_, lane) => {
        for (let i = lane; i < spellings.length; i += 16) {
          const path = spellings[i] ?? "";
          if (canonical.has(await content(fresh, path))) found.push(path);
        }
      });
      await Promise.all(lanes);
      await fresh.close();
      return found;
    };
    let reachable: readonly string[];
    before(async () => {
      // Each version has its own way to say it.
      for (const path of DENIED) {
        for (let i = 0; i < 60; i++) canonical.add(await content(client, path));
      }
      assert.ok(
        [...canonical].every((text) => text.startsWith("200 ")),
        [...canonical].join("\n"),
      );
      reachable = await reaching();
      await deploy(
        {
          authentication: {
            jwt: [
              { issuer: ISSUER, audiences: ["shop"], jwks: good.jwks },
              {
                issuer: PARTNER,
                audiences: ["shop"],
                jwksUri: echoUrl(OUTSIDE, JSON.stringify(partner.jwks)),
              },
              { issuer: POOL, claims: { client_id: "shop-web" }, jwks: pool.jwks },
            ],
            required: [{ paths: [PRIVATE] }, { methods: ["DELETE"] }],
          },
          access: {
            deny: [
              { paths: [`${LIST}/secret`] },
              {
                paths: [`${LIST}/50`, { prefix: `${LIST}/product` }, "/api/v2/category/50/variants"],
              },
              { claims: { groups: ["banned"] } },
            ],
          },
        },
        {
          cors: { origins: ["https://shop.example.com"], methods: ["PUT"] },
          rules: [
            { name: "closed", match: { path: { prefix: `${LIST}/secret` } }, to: "v1", cors: "none" },
            {
              ...{ name: "limited", match: { headers: { "x-limited": { present: true } } }, to: "v1" },
              rateLimit: { requests: 1, per: "1h" },
            },
            { name: "beta", match: { claims: { "realm_access.roles": "beta" } }, to: "v2" },
          ],
        },
      );
    });

    it("asks for one where it is required, and verifies every one that is shown", async () => {
      await until("a token is required", async () => (await status(PRIVATE)) === 403);
      assert.equal(await status(LIST), 200);
      assert.equal(await status(LIST, {}, "DELETE"), 403);
      // The service has its own opinion of who may write; that it was asked is what counts.
      const { version } = await client.ask({ path: PRIVATE, headers: bearer(good.token()) });
      assert.match(version, /^v[12]$/);
      assert.equal(await status(LIST, bearer(good.token())), 200);
    });

    for (const [name, token] of Object.entries(forgeries(good, foreign))) {
      it(`refuses a token ${name}`, async () => {
        const refused = statusOf(name);
        for (const path of [PRIVATE, LIST]) {
          const answer = await client.ask({ path, headers: bearer(token) });
          assert.deepEqual([answer.status, answer.version], [refused, "none"], path);
        }
      });
    }

    it("takes a token from the Authorization header alone", async () => {
      const token = good.token();
      assert.equal(await status(`${PRIVATE}?access_token=${token}`), 403);
      assert.equal(await status(PRIVATE, { cookie: `access_token=${token}` }), 403);
      assert.equal(await status(PRIVATE, { authorization: `Basic ${token}` }), 403);
    });

    it("verifies those of an issuer whose keys istiod fetches", async () => {
      await until("istiod has the keys", async () => (await status(LIST, bearer(partner.token()))) === 200);
      for (const [what, token] of Object.entries(forgeries(partner, foreign))) {
        assert.equal(await status(LIST, bearer(token)), statusOf(what), what);
      }
      assert.equal(
        await status(PRIVATE, bearer(partner.token())),
        await status(PRIVATE, bearer(good.token())),
      );
    });

    it("tells tokens without an audience by a claim", async () => {
      const by = (claims: object): Promise<number> =>
        status(LIST, bearer(pool.token({ aud: undefined, ...claims })));
      assert.equal(await by({ client_id: "shop-web" }), 200);
      for (const claims of [{}, { client_id: "other" }, { client_id: "other", sub: undefined }])
        assert.equal(await by(claims), 403, JSON.stringify(claims));
    });

    it("cannot be passed by another spelling of the path", async () => {
      for (const path of [
        `/api/v1//private/category`,
        `/api/v1/x/../private/category`,
        `/api/v1/private%2fcategory`,
        `${PRIVATE}/`,
        `${PRIVATE}//`,
      ]) {
        assert.equal(await status(path), 403, path);
      }
      for (const end of ["", "/", "//", "/./", "%2F"])
        assert.equal(await status(`${LIST}/secret${end}`, bearer(good.token())), 403, `secret${end}`);
    });

    it("tells pages that may see answers why they are refused, and caches that answers differ by origin", async () => {
      const [shop, evil] = ["https://shop.example.com", "https://evil.example.com"];
      const answer = async (path: string, headers: Record<string, string>): Promise<string> => {
        const { statusCode, headers: back, body } = await client.request({ path, headers });
        await body.dump();
        const vary = [back.vary ?? []].flat().join(", ");
        return `${statusCode} ${String(back["access-control-allow-origin"])} ${/\borigin\b/i.exec(vary)?.[0]}`;
      };
      const asked: [number, string, Record<string, string>][] = [
        [200, LIST, {}],
        [401, LIST, bearer("wrong")],
        [403, PRIVATE, {}],
        [429, LIST, { "x-limited": "1" }],
      ];
      await answer(LIST, { "x-limited": "1" });
      for (const [code, path, headers] of asked) {
        assert.equal(await answer(path, { ...headers, origin: shop }), `${code} ${shop} Origin`);
        assert.equal(await answer(path, { ...headers, origin: evil }), `${code} undefined Origin`);
        assert.equal(await answer(path, headers), `${code} undefined Origin`);
      }
      assert.equal(await answer(`${LIST}/secret`, { origin: shop }), "403 undefined undefined");
    });

    it("cannot be passed by any of 5,000 spellings of a denied path, of which many reach its handler", async () => {
      assert.equal(spellings.length, 5000);
      assert.ok(reachable.length > 500, `${reachable.length} reached a handler before the path was denied`);
      for (const path of DENIED) assert.equal(await status(path), 403, path);
      assert.deepEqual(await reaching(), []);
    });

    it("lets a preflight pass without one, and nothing else that looks alike", async () => {
      const preflight = { origin: "https://shop.example.com", "access-control-request-method": "PUT" };
      assert.equal(await status(PRIVATE, preflight, "OPTIONS"), 200);
      for (const [name, value] of Object.entries(preflight))
        assert.equal(await status(PRIVATE, { [name]: value }, "OPTIONS"), 403, name);
      assert.equal(await status(`${LIST}/secret`, preflight, "OPTIONS"), 403, "a route without CORS");
    });

    it("denies and routes by claim", async () => {
      assert.equal(await status(`${LIST}/secret`, bearer(good.token())), 403);
      assert.equal(await status(LIST, bearer(good.token({ groups: ["banned", "staff"] }))), 403);
      const beta = bearer(good.token({ realm_access: { roles: ["user", "beta"] } }));
      const versions = new Set((await client.sample(50, { headers: beta })).map(({ version }) => version));
      assert.deepEqual([...versions], ["v2"]);
      const others = new Set(
        (await client.sample(50, { headers: bearer(good.token()) })).map((a) => a.version),
      );
      assert.ok(others.has("v1"), "the rest goes by the weights");
    });

    it("is in no log of the gateway or the service", async () => {
      const token = good.token({ marker: "seen" });
      await status(`${LIST}?access_token=${token}`, bearer(token));
      await status(PRIVATE, bearer(`${token}x`));
      const logs = await Promise.all([
        kubectl("-n", "istio-ingress", "logs", "-l", "istio=ingressgateway", "--tail=-1"),
        kubectl("-n", "category", "logs", "-l", "app=category", "--all-containers", "--tail=-1"),
      ]);
      const [, payload = ""] = token.split(".");
      assert.ok(!logs.join("\n").includes(payload));
    });
  });

  describe("among services", () => {
    const MEMBER = "frontend";
    const service = "http://category.category.svc.cluster.local:8080";
    let member: MeshClient;
    before(async () => {
      member = await meshClient(MEMBER, true);
      await deploy(
        {
          services: {
            allow: [{ identities: [`${MEMBER}/default`] }],
            deny: [{ identities: [`${MEMBER}/*`], paths: [{ prefix: "/api/v2/category" }] }],
          },
        },
        {
          weights: { v1: 100, v2: 0 },
          rules: [
            { name: "frontend", match: { sourceNamespace: MEMBER, headers: { "x-try": "v2" } }, to: "v2" },
            { name: "gone", match: { headers: { "x-try": "gone" } }, respond: { status: 410 } },
          ],
        },
      );
    });
    after(() => remove(MEMBER));

    it("lets in whom it names, where the gateway would, and nobody else", async () => {
      await until("it is let in", async () => /^200 v[12]$/.test(await member.status(service + LIST)));
      assert.equal(await member.status(`${service}/actuator/env`), "403");
      assert.equal(await member.status(`${service}/api/v2/category`), "403");
      assert.equal(await outside.status(service + LIST), "no answer");
      const { all } = await tool("istioctl", "analyze", "-n", "category", "--failure-threshold", "Warning");
      assert.match(all, /No validation issues/);
    });

    it("routes by the namespace of who asks, and all by the same rules and weights", async () => {
      const tried = { "x-try": "v2" };
      await until(
        "the sidecar has the rule",
        async () => (await member.status(service + LIST, tried)) === "200 v2",
      );
      for (let i = 0; i < 10; i++) assert.equal(await member.status(service + LIST, tried), "200 v2");
      for (let i = 0; i < 10; i++) assert.equal(await member.status(service + LIST), "200 v1");
      assert.equal(await member.status(service + LIST, { "x-try": "gone" }), "410");
      assertSplit(await client.sample(100, { headers: tried }), { v1: 100 });
    });

    it("are waited for by a shift, and the sidecar that gets no updates is named", async () => {
      const [pod] = await readyPods(MEMBER, "app=echo");
      assert.ok(pod);
      const thaw = cutOffFromIstiod(pod.metadata.uid, "sidecar");
      try {
        editStackFile((config) => {
          (config["shopzier:traffic"] as { weights: object }).weights = { v1: 0, v2: 100 };
          config["shopzier:propagation"] = { timeout: "3s" };
        });
        const held = await pulumi("up", "--yes", "--skip-preview");
        assert.notEqual(held.exitCode, 0, held.all);
        assert.match(held.all, /sidecar of frontend\/echo routes v1 100 % instead of v2 100 %/);
      } finally {
        thaw();
      }
      editStackFile((config) => {
        delete config["shopzier:propagation"];
      });
      await up();
      for (let i = 0; i < 10; i++) assert.equal(await member.status(service + LIST), "200 v2");
    });
  });
});
