import assert from "node:assert/strict";
import { assertSplit, Client, countByVersion, failures } from "../../lab/client";
import { baseline, LIST } from "../../lab/harness";

const OTHER = "pos.lab.internal";
const SHOP = "https://shop.example.com";

/** A rule of each kind, on requests that no other one is about. */
const RULES = [
  { name: "closed", match: { path: "/closed" }, respond: { status: 410, body: "closed" } },
  {
    name: "old",
    match: { path: { prefix: "/old" } },
    redirect: { status: 302, path: LIST },
    headers: { response: { set: { "cache-control": "no-store" } } },
  },
  {
    name: "secure",
    match: { query: { tls: "yes" } },
    redirect: { status: 308, scheme: "https", port: 30443 },
  },
  { name: "cohort", match: { cookies: { cohort: "beta" } }, to: "v2" },
  {
    name: "team",
    match: {
      headers: { "x-qa": { regex: "team-[0-9]+" } },
      without: { headers: { "x-off": { present: true } } },
    },
    to: "v2",
  },
  { name: "prefix", match: { headers: { "x-build": { prefix: "2." } } }, to: "v2" },
  { name: "parameter", match: { query: { preview: { present: true } } }, to: "v2" },
  { name: "host", match: { host: OTHER }, to: "v2" },
  { name: "writes", match: { method: ["DELETE", "PUT"] }, to: "v2" },
  { name: "expression", match: { path: { regex: "/api/v1/category/[0-9]{3}" } }, to: "v2" },
  { name: "few", match: { headers: { "x-few": "1" } }, weights: { v1: "rest", v2: 0.5 } },
  {
    name: "half",
    match: [{ headers: { "x-half": "1" } }, { headers: { "x-half": "one" } }],
    weights: { v1: 50, v2: 50 },
  },
  {
    name: "renamed",
    match: { path: { prefix: "/api/v1/category/by-code" } },
    to: "v1",
    rewrite: { path: "/api/v1/category/name", host: "inner.lab.internal" },
  },
  {
    name: "changed",
    match: { headers: { "x-changed": "1" } },
    to: "v1",
    headers: {
      response: { set: { "x-percent": "100%" }, add: { "x-added": "yes" }, remove: ["x-category-version"] },
    },
  },
  {
    name: "shared",
    match: { path: { exact: "/api/v2/category" } },
    to: "v1",
    cors: { origins: [SHOP], methods: ["GET", "PUT"], headers: ["x-user"], maxAge: "1h", credentials: true },
  },
];

describe("traffic rules", function () {
  this.timeout("5m");
  let client: Client;
  before(async () => {
    await baseline((config) => {
      config["shopzier:traffic"] = { weights: { v1: 90, v2: 10 }, rules: RULES };
      config["shopzier:category"].aliases = [OTHER];
    });
    client = await Client.open();
  });
  after(() => client.close());

  /** Versions that answer thirty requests: by the rest all of them would be v2's in one of 10^30 cases. */
  async function versions(options: Parameters<Client["request"]>[0]): Promise<string[]> {
    return Object.keys(countByVersion(await client.sample(30, options))).sort();
  }
  const only = async (version: string, options: Parameters<Client["request"]>[0]): Promise<void> => {
    assert.deepEqual(await versions(options), [version], JSON.stringify(options));
  };

  it("pin a cohort by its cookie, wherever it stands, while the rest is split", async () => {
    for (const cookie of ["cohort=beta", "a=1; cohort=beta", "cohort=beta; b=2", "a=1;cohort=beta;b=2"]) {
      await only("v2", { headers: { cookie } });
    }
    const [pinned, rest] = await Promise.all([
      client.sample(500, { headers: { cookie: "a=1; cohort=beta" } }),
      client.sample(2000),
    ]);
    assertSplit(pinned, { v2: 100 });
    assertSplit(rest, { v1: 90, v2: 10 });
    for (const cookie of ["cohort=betamax", "xcohort=beta", "cohort=stable; note=cohort=beta"]) {
      assert.ok((await versions({ headers: { cookie } })).includes("v1"), cookie);
    }
  });

  it("match headers by value, prefix and expression, and by what is not there", async () => {
    await only("v2", { headers: { "x-qa": "team-7" } });
    await only("v2", { headers: { "x-build": "2.14" } });
    for (const headers of [
      { "x-qa": "team-7b" },
      { "x-qa": "team-7", "x-off": "" },
      { "x-build": "1.2.0" },
    ] as Record<string, string>[]) {
      assert.ok((await versions({ headers })).includes("v1"), JSON.stringify(headers));
    }
  });

  it("match host, method, path and query", async () => {
    await only("v2", { headers: { host: OTHER } });
    await only("v2", { headers: { host: `${OTHER.toUpperCase()}:30080` } });
    await only("v2", { path: `${LIST}?lang=en&preview` });
    await only("v2", { path: `${LIST}/123` });
    await only("v2", { method: "DELETE", path: `${LIST}/none` });
    assert.ok((await versions({ path: `${LIST}/1234` })).includes("v1"));
    assert.ok((await versions({ path: `${LIST}?previews=1` })).includes("v1"));
  });

  it("have weights of their own, below one percent too", async () => {
    const few = await client.sample(3000, { headers: { "x-few": "1" } });
    assertSplit(few, { v1: 99.5, v2: 0.5 });
    for (const half of ["1", "one"]) {
      assertSplit(await client.sample(500, { headers: { "x-half": half } }), { v1: 50, v2: 50 });
    }
  });

  it("redirect and answer at the gateway", async () => {
    const closed = await client.request({ path: "/closed?a=b" });
    assert.equal(closed.statusCode, 410);
    assert.equal(await closed.body.text(), "closed");
    const old = await client.request({ path: "/old/shoes?lang=en" });
    await old.body.dump();
    assert.equal(old.statusCode, 302);
    assert.equal(old.headers.location, `http://shop.lab.internal${LIST}?lang=en`);
    assert.equal(old.headers["cache-control"], "no-store");
    const secure = await client.request({ path: `${LIST}?tls=yes` });
    await secure.body.dump();
    assert.equal(secure.statusCode, 308);
    assert.equal(secure.headers.location, `https://shop.lab.internal:30443${LIST}?tls=yes`);
    for (const path of ["/older", "/closed/a", "/actuator/env"]) {
      assert.deepEqual(failures(await client.sample(1, { path })), { 404: 1 }, path);
    }
  });

  it("rewrite paths", async () => {
    const body = async (path: string): Promise<string> => {
      const response = await client.request({ path, headers: { cookie: "none=1" } });
      return `${response.statusCode} ${await response.body.text()}`;
    };
    const renamed = await body("/api/v1/category/by-code/shoes?lang=en");
    assert.equal(renamed, await body("/api/v1/category/name/shoes?lang=en"));
    assert.notEqual(renamed, await body("/api/v1/category/by-coder/shoes?lang=en"));
  });

  // On the way there: headers.test.ts.
  it("change headers on the way back", async () => {
    const response = await client.request({ headers: { "x-changed": "1" } });
    await response.body.dump();
    assert.equal(response.headers["x-percent"], "100%");
    assert.equal(response.headers["x-added"], "yes");
    assert.equal(response.headers["x-category-version"], undefined);
  });

  it("answer preflights at the gateway, and decide about origins in place of the service", async () => {
    const ask = async (method: "GET" | "OPTIONS", origin: string) => {
      const { statusCode, headers, body } = await client.request({
        method,
        path: "/api/v2/category",
        headers: { origin, ...(method === "OPTIONS" && { "access-control-request-method": "PUT" }) },
      });
      await body.dump();
      return { status: statusCode, headers };
    };
    const allowed = await ask("OPTIONS", SHOP);
    assert.equal(allowed.status, 200);
    assert.equal(allowed.headers["access-control-allow-origin"], SHOP);
    assert.equal(allowed.headers["access-control-allow-methods"], "GET,PUT");
    assert.equal(allowed.headers["access-control-allow-headers"], "x-user");
    assert.equal(allowed.headers["access-control-max-age"], "3600");
    assert.equal(allowed.headers["access-control-allow-credentials"], "true");
    assert.equal(allowed.headers["x-category-version"], undefined, "no version was asked");
    const foreign = await ask("OPTIONS", "https://evil.example.com");
    assert.equal(foreign.headers["access-control-allow-origin"], undefined);
    assert.equal(foreign.headers["x-category-version"], undefined, "no version was asked");
    assert.equal((await ask("GET", SHOP)).headers["access-control-allow-origin"], SHOP);
    assert.equal(
      (await ask("GET", "https://evil.example.com")).headers["access-control-allow-origin"],
      undefined,
    );
  });
});
