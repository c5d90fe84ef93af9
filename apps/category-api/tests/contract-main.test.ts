import assert from "node:assert/strict";
import { ADMINISTRATORS, logIn } from "./administration";
import { RunningApi } from "./running-api";
import { postgresDatabase, sharedDatabase } from "./shared-database";

const described = (id: number, name: string, friendlyUrl: string, language: string | null = "en") => ({
  id,
  language,
  name,
  description: "",
  friendlyUrl,
  keyWords: null,
  highlights: "",
  metaDescription: "",
  title: name,
});

const tables = {
  id: 50,
  code: "tables",
  sortOrder: 100,
  visible: true,
  featured: false,
  lineage: "/50/",
  depth: 0,
  parent: null,
  description: described(2, "Tables", "tables"),
  productCount: 0,
  store: "DEFAULT",
  children: [],
};

const computerBooks = {
  id: 200,
  code: "computerbooks",
  sortOrder: 10,
  visible: true,
  featured: true,
  lineage: "/200/",
  depth: 0,
  parent: null,
  description: described(200, "Computer books", "computer-books"),
  productCount: 0,
  store: "BOOKS",
  children: [],
};

const technology = {
  id: 203,
  code: "tech",
  sortOrder: 10,
  visible: false,
  featured: false,
  lineage: "/200/203/",
  depth: 1,
  parent: computerBooks,
  description: described(206, "Technology", "technology"),
  productCount: 0,
  store: "BOOKS",
  children: [],
};

const cloud = {
  id: 206,
  code: "cloud",
  sortOrder: 10,
  visible: true,
  featured: false,
  lineage: "/200/203/206/",
  depth: 2,
  parent: technology,
  description: described(212, "Cloud computing", "cloud-computing"),
  productCount: 0,
  store: "BOOKS",
  children: [],
};

const cloudBySlug = {
  ...cloud,
  parent: { id: 203, code: "tech", description: null },
  description: described(206, "Cloud computing", "cloud-computing", null),
  store: null,
};

const missingSlug = (slug: string) => ({
  errorCode: "404",
  message: `Category with friendlyUrl [${slug}] was not found`,
});

const TABLE: [what: string, path: string, status: number, body: unknown][] = [
  ["by id, public as well", "/api/v1/category/50", 200, tables],
  ["by id, parents nested in full", "/api/v1/category/206?store=BOOKS", 200, cloud],
  ["children by id", "/api/v1/category/203?store=BOOKS", 200, { ...technology, children: [cloud] }],
  [
    "all languages",
    "/api/v1/category/205?store=BOOKS&lang=_all",
    200,
    {
      id: 205,
      code: "fiction",
      sortOrder: 10,
      visible: true,
      featured: true,
      lineage: "/201/205/",
      depth: 1,
      parent: {
        id: 201,
        code: "novels",
        sortOrder: 20,
        visible: false,
        featured: false,
        lineage: "/201/",
        depth: 0,
        parent: null,
        description: null,
        productCount: 0,
        store: "BOOKS",
        children: [],
        descriptions: [described(202, "Novels", "novels"), described(203, "Romans", "romans", "fr")],
      },
      description: null,
      productCount: 0,
      store: "BOOKS",
      children: [],
      descriptions: [described(210, "Fiction", "fiction"), described(211, "Fiction", "fiction-fr", "fr")],
    },
  ],
  ["unknown id", "/api/v1/category/999", 404, { errorCode: "404", message: "Category id [999] not found" }],
  [
    "unknown id in all languages",
    "/api/v1/category/999?lang=_all",
    404,
    { errorCode: "404", message: "Category with id [999] not found" },
  ],
  [
    "id of another store",
    "/api/v1/category/50?store=BOOKS",
    404,
    { errorCode: "404", message: "Category id [50] not found" },
  ],
  [
    "id without a description in the language",
    "/api/v1/category/50?lang=fr",
    404,
    { errorCode: "404", message: "Category id [50] not found" },
  ],
  ["by slug", "/api/v1/category/cloud-computing?store=BOOKS", 200, cloudBySlug],
  ["by slug on the older path", "/api/v1/category/name/cloud-computing/?store=BOOKS", 200, cloudBySlug],
  [
    "slug of another language",
    "/api/v1/category/informatique-en-nuage?store=BOOKS&lang=en",
    404,
    missingSlug("informatique-en-nuage"),
  ],
  [
    "slug of the asked language",
    "/api/v1/category/informatique-en-nuage?store=BOOKS&lang=fr",
    200,
    { ...cloudBySlug, description: described(206, "Informatique en nuage", "informatique-en-nuage", null) },
  ],
  [
    "an unknown language is English",
    "/api/v1/category/cloud-computing?store=BOOKS&lang=xx",
    200,
    cloudBySlug,
  ],
  ["unknown slug", "/api/v1/category/nope", 404, missingSlug("nope")],
  [
    "slug in all languages",
    "/api/v1/category/tables?lang=_all",
    400,
    { errorCode: "400", message: 'lang is "_all"; a slug is answered in one language' },
  ],
  [
    "list, a child whose parent is on the page",
    "/api/v1/category?store=BOOKS&count=2&page=0",
    200,
    {
      totalPages: 4,
      number: 1,
      recordsTotal: 7,
      recordsFiltered: 0,
      categories: [{ ...computerBooks, children: [technology] }],
    },
  ],
  [
    "list, flat, a parent that is not on the page",
    "/api/v1/category?store=BOOKS&count=2&page=1&filter=admin&filter=visible&name=C",
    200,
    { totalPages: 1, number: 0, recordsTotal: 2, recordsFiltered: 0, categories: [] },
  ],
  [
    "list by name",
    "/api/v1/category?store=BOOKS&filter=admin,visible&name=Cloud",
    200,
    { totalPages: 1, number: 1, recordsTotal: 1, recordsFiltered: 0, categories: [cloud] },
  ],
  [
    "list with every fault at once",
    "/api/v1/category?count=0&page=2147483648",
    400,
    {
      errorCode: "400",
      message:
        'page is "2147483648"; allowed: a whole number from 0 to 2147483647. count is "0"; allowed: a whole number from 1 to 1000',
    },
  ],
  [
    "by product",
    "/api/v1/category/product/1",
    200,
    { totalPages: 1, number: 1, recordsTotal: 1, recordsFiltered: 0, categories: [tables] },
  ],
  [
    "by a product that is in no category",
    "/api/v1/category/product/77",
    200,
    { totalPages: 1, number: 0, recordsTotal: 0, recordsFiltered: 0, categories: [] },
  ],
  ["manufacturers of none", "/api/v1/category/51/manufacturer", 200, []],
  [
    "manufacturers of an unknown category",
    "/api/v1/category/999/manufacturer",
    404,
    { errorCode: "404", message: "Category id [999] not found" },
  ],
  [
    "manufacturers by slug",
    "/api/v1/category/tables/manufacturer",
    400,
    { errorCode: "400", message: 'id is "tables"; allowed: up to 18 digits, without zeros before them' },
  ],
  ["variations", "/api/v2/category/50/variations", 200, []],
  [
    "variations of an unknown category",
    "/api/v2/category/7/variations",
    404,
    { errorCode: "404", message: "Category [7] not found" },
  ],
  [
    "an id in another spelling",
    "/api/v2/category/050/variations",
    400,
    { errorCode: "400", message: 'id is "050"; allowed: up to 18 digits, without zeros before them' },
  ],
];

describe("category API as Shopizer's main branch", () => {
  let api: RunningApi;

  before(async function () {
    this.timeout(60_000);
    api = await RunningApi.start("main", await sharedDatabase());
  });
  after(() => api.stop());

  for (const [what, path, status, body] of TABLE) {
    it(`${what}: ${path}`, async () => {
      const answer = await api.request("GET", path);
      assert.deepEqual(JSON.parse(answer.text), body);
      assert.equal(answer.text, JSON.stringify(body), "order of fields");
      assert.equal(answer.status, status);
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(answer.headers["x-category-version"], "v-test");
    });
  }
});

describe("both generations", () => {
  for (const contract of ["3.2.5", "main"] as const) {
    describe(contract, () => {
      let api: RunningApi;

      before(async function () {
        this.timeout(60_000);
        api = await RunningApi.start(contract, await sharedDatabase());
      });
      after(() => api.stop());

      for (const path of [
        "/api/v1/category/50",
        "/api/v1/category/tables",
        "/api/v1/category/name/tables",
        "/api/v2/category/50/variants",
        "/api/v2/category/50/variations",
      ]) {
        it(`answers ${path}`, () => api.json(path));
      }

      it("answers HEAD like GET, without the body", async () => {
        const got = await api.request("GET", "/api/v1/category");
        const head = await api.request("HEAD", "/api/v1/category");
        assert.equal(head.status, 200);
        assert.equal(head.text, "");
        assert.equal(head.headers["content-length"], String(got.text.length));
      });

      for (const [method, path, status] of [
        ["POST", "/api/v1/category", 405],
        ["DELETE", "/api/v1/category/50", 405],
        ["POST", "/api/v1/private/category", 401],
        ["PUT", "/api/v1/private/category/1/move/-1", 401],
        ["POST", "/nowhere", 404],
        ["GET", "/api/v1/category/%zz", 400],
        ["GET", `/api/v1/category/${"x".repeat(2000)}`, 414],
      ] as const) {
        it(`answers ${method} ${path.slice(0, 40)} with ${status} for any body`, async () => {
          const body = method === "GET" ? undefined : '{"broken';
          const answer = await api.request(method, path, { "content-type": "application/json" }, body);
          const { timestamp, ...rest } = JSON.parse(answer.text) as Record<string, unknown>;
          assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT/);
          assert.equal(rest.status, status);
          assert.equal(rest.path, path);
          assert.equal(answer.status, status);
          assert.equal(answer.headers["x-category-version"], "v-test");
          assert.equal(answer.headers["access-control-allow-origin"], "*");
          assert.equal(answer.headers["access-control-allow-credentials"], undefined);
        });
      }
    });
  }

  for (const [store, open] of [
    ["PGlite", sharedDatabase],
    ["PostgreSQL", postgresDatabase],
  ] as const) {
    describe(`on ${store}, refuse`, () => {
      let older: RunningApi;
      let newer: RunningApi;
      let token: string;

      before(async function () {
        this.timeout(60_000);
        const database = await open();
        older = await RunningApi.start("3.2.5", database, { administrators: ADMINISTRATORS });
        newer = await RunningApi.start("main", database, { administrators: ADMINISTRATORS });
        token = await logIn(newer, database);
      });
      after(async () => {
        await older.stop();
        await newer.stop();
      });

      const list = "/api/v1/category";
      const changes = "/api/v1/private/category";
      const described = (text: string) => ({ code: "t", descriptions: [{ language: "en", name: text }] });
      for (const [method, path, body, place] of [
        ["GET", `${list}?name=%00`, undefined, "name"],
        ["GET", `${list}?store=%00`, undefined, "store"],
        ["GET", `${list}?lang=%00`, undefined, "lang"],
        ["GET", `${list}/%00`, undefined, "key"],
        ["GET", `${list}/name/a%00`, undefined, "slug"],
        ["GET", `${changes}/unique?code=%00`, undefined, "code"],
        ["POST", "/api/v1/private/login", { username: "a\0b", password: "p" }, "username"],
        ["POST", "/api/v1/private/login", { username: "a", password: "\0" }, "password"],
        ["POST", changes, { code: "a\0" }, "code"],
        ["POST", changes, { code: "\ud800" }, "code"],
        ["POST", changes, { code: "t", parent: { code: "\udc00" } }, "parent.code"],
        ["POST", changes, described("\0"), "descriptions.0.name"],
        ["POST", changes, described("\ud800"), "descriptions.0.name"],
        ["PUT", `${changes}/50`, described("\ude00\ud83d"), "descriptions.0.name"],
      ] as const) {
        it(`${method} ${path}${body ? ` ${JSON.stringify(body)}` : ""}`, async () => {
          for (const api of [older, newer]) {
            const headers = { authorization: `Bearer ${token}` };
            const answer = await api.request(method, path, headers, body && JSON.stringify(body));
            assert.equal(answer.status, 400, answer.text);
            assert.deepEqual(JSON.parse(answer.text), {
              errorCode: "400",
              message: `${place} has a character that text cannot have: NUL or half of a surrogate pair`,
            });
          }
        });
      }

      it("no other character", async () => {
        const name = "\u0001 \ud83d\ude00 \ufffd \uffff";
        const headers = { authorization: `Bearer ${token}` };
        const body = JSON.stringify({ ...described(name), code: name });
        const answer = await newer.request("POST", changes, headers, body);
        assert.equal(answer.status, 201, answer.text);
        const { id } = JSON.parse(answer.text) as { id: number };
        const read = (await older.json(`${list}/${id}`)) as { code: string; description: { name: string } };
        assert.deepEqual([read.code, read.description.name], [name, name]);
        assert.equal((await newer.request("DELETE", `${changes}/${id}`, headers)).status, 200);
        await older.json(`${list}?name=${encodeURIComponent(name)}`);
      });
    });
  }

  it("differ in the slugs of other languages", async () => {
    const database = await sharedDatabase();
    const older = await RunningApi.start("3.2.5", database);
    const newer = await RunningApi.start("main", database);
    try {
      const path = "/api/v1/category/romans?store=BOOKS&lang=en";
      const novels = (await older.json(path)) as { description: unknown };
      assert.deepEqual(novels.description, described(201, "Novels", "novels", null));
      assert.equal((await newer.request("GET", path)).status, 404);
    } finally {
      await older.stop();
      await newer.stop();
    }
  });
});
