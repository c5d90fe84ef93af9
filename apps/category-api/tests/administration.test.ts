import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { decodeJwt, type JWTPayload, SignJWT } from "jose";
import { Administrators } from "../src/administrators";
import type { Database, Parameter } from "../src/database";
import { hashPassword, verifyPassword } from "../src/passwords";
import { ADMINISTRATORS, logIn, PASSWORD, USERNAME } from "./administration";
import { RunningApi } from "./running-api";
import { postgresDatabase } from "./shared-database";

const SECRET = "a secret for tests ".repeat(4);
const CATEGORY = "/api/v1/private/category";

describe("administration", function () {
  this.timeout(60_000);
  let database: Database;
  let api: RunningApi;
  let token: string;

  before(async () => {
    database = await postgresDatabase();
    api = await RunningApi.start("main", database, { administrators: ADMINISTRATORS });
    token = await logIn(api, database);
  });
  after(() => api.stop());

  const authorized = (value = token) => ({ authorization: `Bearer ${value}` });
  const login = (body: string) => api.request("POST", "/api/v1/private/login", {}, body);
  const sign = (claims: JWTPayload, alg = "HS512", secret = SECRET) =>
    new SignJWT(claims).setProtectedHeader({ alg }).sign(createSecretKey(secret, "utf8"));

  it("keeps passwords as salted hashes", async () => {
    const [hash, again] = [await hashPassword("secret"), await hashPassword("secret")];
    assert.notEqual(hash, again);
    assert.doesNotMatch(hash, /secret/);
    assert.equal(await verifyPassword("secret", hash), true);
    assert.equal(await verifyPassword("Secret", hash), false);
  });

  it("refuses an unknown user like a wrong password", async () => {
    const wrong = await login(JSON.stringify({ username: USERNAME, password: "wrong" }));
    const unknown = await login(JSON.stringify({ username: "x", password: PASSWORD }));
    assert.deepEqual([wrong.status, wrong.text], [401, '{"message":"Bad credentials"}']);
    assert.deepEqual([unknown.status, unknown.text], [401, '{"message":"Bad credentials"}']);
  });

  it("refuses logins beyond the limits, and checks tokens without waiting for logins", async () => {
    const attempts = Array.from({ length: 40 }, () =>
      login(JSON.stringify({ username: "x", password: PASSWORD })),
    );
    const refused = await Promise.any(
      attempts.map(async (attempt) => {
        const answer = await attempt;
        assert.equal(answer.status, 429);
        return answer;
      }),
    );
    assert.equal(refused.text, '{"errorCode":"429","message":"too many logins at the same time"}');
    assert.equal(refused.headers["retry-after"], "1");

    const logins = Promise.all(attempts);
    const read = await Promise.race([logins, api.request("GET", `${CATEGORY}/50`, authorized())]);
    assert.ok("status" in read, "the read waited for the logins");
    assert.equal(read.status, 200);
    const statuses = new Set((await logins).map(({ status }) => status));
    assert.deepEqual([...statuses].sort(), [401, 429]);
  });

  for (const [header, attacker, owner] of [
    ["x-envoy-external-address", "203.0.113.7", "198.51.100.1"],
    ["x-forwarded-for", "198.51.100.1, 203.0.113.7", "203.0.113.7, 198.51.100.1"],
  ] as const) {
    it(`lets the owner in while another address guesses passwords, by ${header}`, async () => {
      const from = (address: string, password: string) =>
        api.request(
          "POST",
          "/api/v1/private/login",
          { [header]: address },
          JSON.stringify({ username: "x", password }),
        );
      const guesses = Array.from({ length: 40 }, (_, i) => from(attacker, `guess ${i}`));
      const refused = await Promise.any(
        guesses.map(async (guess) => {
          const { status } = await guess;
          assert.equal(status, 429);
          return status;
        }),
      );
      assert.equal(refused, 429);
      const right = await api.request(
        "POST",
        "/api/v1/private/login",
        { [header]: owner },
        JSON.stringify({ username: USERNAME, password: PASSWORD }),
      );
      assert.equal(right.status, 200, right.text);
      await Promise.all(guesses);
    });
  }

  it("names the fault of a login, but none of its values", async () => {
    assert.equal(
      (await login('{"password":"p')).text,
      '{"errorCode":"400","message":"the body is not JSON"}',
    );
    assert.equal(
      (await login('{"username":1}')).text,
      '{"errorCode":"400","message":"username is not text. password is not text"}',
    );
  });

  it("accepts a token of another replica", async () => {
    const other = await RunningApi.start("3.2.5", database, { administrators: new Administrators(SECRET) });
    try {
      const answer = await other.request("GET", `${CATEGORY}/unique?code=tables`, authorized());
      assert.deepEqual([answer.status, answer.text], [200, '{"exists":true}']);
    } finally {
      await other.stop();
    }
  });

  describe("refuses", () => {
    const now = Math.floor(Date.now() / 1000);
    const good = () => decodeJwt(token);
    const refused: [what: string, token: () => string | Promise<string>][] = [
      ["no token", () => ""],
      ["text", () => "text"],
      ["another secret", () => sign(good(), "HS512", SECRET.toUpperCase())],
      ["another algorithm", () => sign(good(), "HS256")],
      [
        "no signature",
        () => {
          const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
          return `${part({ alg: "none" })}.${part(good())}.`;
        },
      ],
      ["a token that is over", () => sign({ ...good(), exp: now - 1 })],
      [
        "a token without an end",
        () => {
          const endless = good();
          delete endless.exp;
          return sign(endless);
        },
      ],
      ["an unknown user", () => sign({ ...good(), sub: "nobody" })],
      ["a token got by another password", () => sign({ ...good(), pwd: "other" })],
    ];
    for (const [what, make] of refused) {
      it(what, async () => {
        for (const [method, path] of [
          ["GET", `${CATEGORY}/50`],
          ["POST", CATEGORY],
          ["DELETE", "/api/v1/private/nowhere"],
        ] as const) {
          const body = method === "POST" ? "{}" : undefined;
          const answer = await api.request(method, path, authorized(await make()), body);
          assert.equal(answer.status, 401, answer.text);
          assert.equal(answer.headers["www-authenticate"], 'Basic realm="api-admin-realm"');
        }
      });
    }

    it("everything, without administrators", async () => {
      const closed = await RunningApi.start("main", database);
      try {
        for (const path of ["/api/v1/private/login", CATEGORY, "/api/v2/private/x"]) {
          assert.equal((await closed.request("POST", path, authorized(), "{}")).status, 401);
        }
      } finally {
        await closed.stop();
      }
    });
  });

  it("lets every administrator read, but only some groups write, and only to their store", async () => {
    const hash = await hashPassword(PASSWORD);
    const add = (name: string, groups: string) =>
      database.query(
        `insert into admin_user (username, password_hash, store_id, groups) values ('${name}', '${hash}', 2, '{${groups}}')`,
        [],
      );
    await add("reader", "ADMIN_ORDER");
    await add("books", "ADMIN_CATALOGUE,ADMIN_ORDER");
    const hide = async (name: string, store: string, id: number) => {
      const { text: answer } = await login(JSON.stringify({ username: name, password: PASSWORD }));
      const headers = authorized((JSON.parse(answer) as { token: string }).token);
      assert.equal((await api.request("GET", `${CATEGORY}/${id}?store=${store}`, headers)).status, 200);
      const path = `${CATEGORY}/${id}/visible?store=${store}`;
      const { status, text } = await api.request("PATCH", path, headers, '{"visible":false,"code":"x"}');
      return `${status} ${text}`;
    };
    assert.equal(
      await hide("reader", "BOOKS", 202),
      '401 {"errorCode":"401","message":"the administrator is in no group that may change categories"}',
    );
    assert.equal(
      await hide("books", "DEFAULT", 50),
      '401 {"errorCode":"401","message":"the administrator may not change store [DEFAULT]"}',
    );
    assert.equal(await hide("books", "BOOKS", 202), "200 ");
    assert.equal(await hide(USERNAME, "BOOKS", 202), "200 ");
  });

  it("names every fault of a category at once", async () => {
    const body = {
      code: " ",
      sortOrder: 1.5,
      visible: "yes",
      parent: "root",
      descriptions: [{ language: "en", name: "x".repeat(121) }, { name: "n" }],
    };
    const answer = await api.request("POST", CATEGORY, authorized(), JSON.stringify(body));
    assert.equal(answer.status, 400);
    assert.equal(
      (JSON.parse(answer.text) as { message: string }).message,
      "code is blank. sortOrder is not a whole number. visible is not true or false. parent is not an object. " +
        "descriptions.0.name is longer than 120. descriptions.1.language is missing",
    );
  });

  for (const [what, method, path, body, status, message] of [
    ["a category without a body", "POST", CATEGORY, undefined, 400, "the body is missing"],
    [
      "a language twice",
      "POST",
      CATEGORY,
      { code: "t", descriptions: [1, 2].map(() => ({ language: "en", name: "n" })) },
      400,
      "descriptions has language en twice",
    ],
    [
      "a change of visibility without it",
      "PATCH",
      `${CATEGORY}/50/visible`,
      {},
      400,
      "visible is not true or false",
    ],
    [
      "an id that is none",
      "PUT",
      `${CATEGORY}/abc`,
      {},
      400,
      'id is "abc"; allowed: up to 18 digits, without zeros before them',
    ],
    [
      "a parent that is none",
      "PUT",
      `${CATEGORY}/50/move/-2`,
      {},
      400,
      'parent is "-2"; allowed: up to 18 digits, without zeros before them',
    ],
    ["an unknown category", "PUT", `${CATEGORY}/999`, { code: "t" }, 404, "Category id [999] not found"],
    ["an unknown store", "POST", `${CATEGORY}?store=NOPE`, { code: "t" }, 404, "Store [NOPE] not found"],
    [
      "a body that is too large",
      "POST",
      CATEGORY,
      { code: "x".repeat(2 ** 20) },
      413,
      "Request body is too large",
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const answer = await api.request(method, path, authorized(), text);
      assert.deepEqual(JSON.parse(answer.text), { errorCode: String(status), message });
      assert.equal(answer.status, status);
    });
  }

  it("removes a category with products, but not the products", async () => {
    const created = await api.request("POST", CATEGORY, authorized(), '{"code":"linked"}');
    const { id } = JSON.parse(created.text) as { id: number };
    const link = `/api/v1/private/product/1/category/${id}`;
    assert.equal((await api.request("POST", link, authorized())).status, 201);
    const links = () => database.query(`select from product_category where category_id = ${id}`, []);
    assert.equal((await links()).length, 1);
    assert.equal((await api.request("DELETE", `${CATEGORY}/${id}`, authorized())).status, 200);
    assert.equal((await links()).length, 0);
    assert.equal((await database.query("select from product where id = 1", [])).length, 1);
  });

  it("answers unknown private paths and methods like the others", async () => {
    assert.equal((await api.request("GET", "/api/v1/private/nowhere", authorized())).status, 404);
    const wrong = await api.request("POST", `${CATEGORY}/50`, authorized(), "{}");
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.allow, "DELETE, GET, PUT");
  });

  it("answers a category in all languages for editing", async () => {
    const answer = await api.request("GET", `${CATEGORY}/205?store=BOOKS&lang=_all`, authorized());
    const { descriptions } = JSON.parse(answer.text) as { descriptions: { language: string }[] };
    assert.deepEqual(
      descriptions.map(({ language }) => language),
      ["en", "fr"],
    );
  });

  it("invalidates older tokens with a new password", async () => {
    await Administrators.ensureFirst(database, PASSWORD);
    assert.equal((await api.request("GET", `${CATEGORY}/50`, authorized())).status, 200, "the same password");
    await Administrators.ensureFirst(database, "another password");
    assert.equal((await api.request("GET", `${CATEGORY}/50`, authorized())).status, 401);
    assert.equal((await login(JSON.stringify({ username: USERNAME, password: PASSWORD }))).status, 401);
    const again = await login(JSON.stringify({ username: USERNAME, password: "another password" }));
    assert.equal(again.status, 200);
  });

  it("keeps another replica's new hash of the same password, and its tokens", async () => {
    const shared: Database = await postgresDatabase();
    const [first, second] = [new Administrators(SECRET), new Administrators(SECRET)];
    for (const password of [PASSWORD, "another password"]) {
      let got: string | undefined;
      const late: Database = {
        ...shared,
        query: async <Row>(sql: string, parameters: Parameter[]) => {
          if (sql.startsWith("/* set password */")) {
            await Administrators.ensureFirst(shared, password);
            got = (await first.login(shared, USERNAME, password, ""))?.token;
          }
          return shared.query<Row>(sql, parameters);
        },
      };
      await Administrators.ensureFirst(late, password);
      assert.ok(got !== undefined);
      assert.ok(await second.authenticate(shared, `Bearer ${got}`), "the token of before");
      assert.ok(await second.login(shared, USERNAME, password, ""));
    }
  });
});
