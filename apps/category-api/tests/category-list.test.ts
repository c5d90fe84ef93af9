import assert from "node:assert/strict";
import fc from "fast-check";
import type { Database } from "../src/database";
import { RunningApi } from "./running-api";
import { sharedDatabase } from "./shared-database";

/** Id of the first category of a tree. The ids have different lengths, so that lineages sort differently from numbers. */
const BASE = 990;

/** A category of the model; its id is `BASE + index`, its parent a category before it. */
interface Node {
  readonly parent: number | null;
  readonly sortOrder: number;
  readonly visible: boolean;
  readonly featured: boolean;
  /** Name by language. */
  readonly names: Readonly<Record<string, string>>;
}

interface Query {
  readonly page: number;
  readonly count: number;
  readonly filters: readonly string[];
  readonly name: string;
  readonly lang: string;
  readonly throughChildStore: boolean;
}

/** The part of an answer that the model predicts. */
interface Shown {
  readonly id: number;
  readonly children: Shown[];
}

const tree = fc
  .array(
    fc.record({
      parent: fc.option(fc.nat(), { freq: 3 }),
      sortOrder: fc.integer({ min: 0, max: 3 }),
      visible: fc.boolean(),
      featured: fc.boolean(),
      names: fc.record(
        { en: fc.stringMatching(/^[ab%_]{1,4}$/), fr: fc.stringMatching(/^[ab]{1,4}$/) },
        { requiredKeys: [] },
      ),
    }),
    { maxLength: 30 },
  )
  .map((nodes): Node[] =>
    nodes.map((node, i) => ({ ...node, parent: i === 0 || node.parent === null ? null : node.parent % i })),
  );

const query: fc.Arbitrary<Query> = fc.record({
  page: fc.nat(4),
  count: fc.integer({ min: 1, max: 12 }),
  filters: fc.subarray(["visible", "featured", "admin", "unknown"]),
  name: fc.constantFrom("", "", "a", "b", "ab", "%", "_"),
  lang: fc.constantFrom("en", "fr", "es", "xx"),
  throughChildStore: fc.boolean(),
});

/** The rules of the list, on plain objects. */
function model(nodes: readonly Node[], asked: Query) {
  const language = asked.lang === "xx" ? "en" : asked.lang;
  const lineage = (i: number): string => {
    const parent = nodes[i]?.parent ?? null;
    return `${parent === null ? "/" : lineage(parent)}${BASE + i}/`;
  };
  const featured = asked.filters.includes("featured");
  const flat = nodes
    .map((node, i) => ({ ...node, id: BASE + i, lineage: lineage(i) }))
    .filter(({ names }) => names[language] !== undefined)
    .filter((node) => (featured ? node.featured : node.names[language]?.includes(asked.name)))
    .sort((a, b) => (a.lineage < b.lineage ? -1 : 1));
  const page = featured ? flat : flat.slice(asked.page * asked.count, (asked.page + 1) * asked.count);
  const kept = asked.filters.includes("visible") ? page.filter(({ visible }) => visible) : page;
  const show = (node: (typeof kept)[number]): Shown => ({
    id: node.id,
    children: kept.filter(({ parent }) => parent !== null && BASE + parent === node.id).map(show),
  });
  const admin = asked.filters.includes("admin");
  const answered = admin
    ? [...kept].sort((a, b) => a.id - b.id)
    : kept.filter(({ parent }) => parent === null).sort((a, b) => a.sortOrder - b.sortOrder || a.id - b.id);
  return {
    totalPages: featured ? 1 : Math.ceil(flat.length / asked.count),
    number: admin ? page.length : answered.length,
    recordsTotal: flat.length,
    recordsFiltered: 0,
    categories: answered.map(show),
  };
}

function idsOnly(categories: readonly Shown[]): Shown[] {
  return categories.map(({ id, children }) => ({ id, children: idsOnly(children) }));
}

describe("list of categories", () => {
  let database: Database;
  let api: RunningApi;
  let statements = 0;

  before(async function () {
    this.timeout(60_000);
    database = await sharedDatabase();
    const counting: Database = {
      query: (sql, parameters) => {
        statements += 1;
        return database.query(sql, parameters);
      },
      transaction: (work) => database.transaction(work),
      check: () => database.check(),
      close: () => database.close(),
    };
    api = await RunningApi.start("main", counting);
  });

  after(() => api.stop());

  /** Adds a tree to the store TREE, which has a child store CHILD, while `check` runs. */
  async function withTree(nodes: readonly Node[], check: () => Promise<void>): Promise<void> {
    const lineages: string[] = [];
    const rows = nodes.map(({ parent, sortOrder, visible, featured }, i) => {
      const lineage = `${parent === null ? "/" : (lineages[parent] ?? "")}${BASE + i}/`;
      lineages.push(lineage);
      return {
        id: BASE + i,
        parent_id: parent === null ? null : BASE + parent,
        lineage,
        depth: lineage.split("/").length - 3,
        sort_order: sortOrder,
        visible,
        featured,
      };
    });
    const descriptions = nodes.flatMap(({ names }, i) =>
      Object.entries(names).map(([language, name]) => ({ category_id: BASE + i, language, name })),
    );
    await database.query("insert into store values (98, 'TREE', null, 'en'), (99, 'CHILD', 98, 'en')", []);
    try {
      await database.query(
        `insert into category (id, store_id, parent_id, code, lineage, depth, sort_order, visible, featured)
         select id, 98, parent_id, 'c' || id, lineage, depth, sort_order, visible, featured
         from json_to_recordset($1::json) as row(id bigint, parent_id bigint, lineage text, depth integer,
           sort_order integer, visible boolean, featured boolean)`,
        [JSON.stringify(rows)],
      );
      await database.query(
        `insert into category_description (id, category_id, language, name)
         select 1000 + row_number() over (), category_id, language, name
         from json_to_recordset($1::json) as row(category_id bigint, language text, name text)`,
        [JSON.stringify(descriptions)],
      );
      await check();
    } finally {
      for (const statement of [
        `delete from category_description where category_id >= ${BASE}`,
        `delete from category where id >= ${BASE}`,
        "delete from store where id in (98, 99)",
      ]) {
        await database.query(statement, []);
      }
    }
  }

  it("follows the rules of paging, filters and nesting for any tree", async function () {
    this.timeout(30_000);
    await fc.assert(
      fc.asyncProperty(tree, fc.array(query, { minLength: 1, maxLength: 5 }), (nodes, queries) =>
        withTree(nodes, async () => {
          for (const asked of queries) {
            const parameters = new URLSearchParams({
              store: asked.throughChildStore ? "CHILD" : "TREE",
              lang: asked.lang,
              page: String(asked.page),
              count: String(asked.count),
              name: asked.name,
              filter: asked.filters.join(","),
            });
            const answer = (await api.json(`/api/v1/category?${parameters.toString()}`)) as {
              categories: Shown[];
            };
            assert.deepEqual({ ...answer, categories: idsOnly(answer.categories) }, model(nodes, asked));
          }
        }),
      ),
      { numRuns: 40 },
    );
  });

  it("answers at most a thousand rows, with the total", async () => {
    const flat = Array.from({ length: 1001 }, () => ({
      parent: null,
      sortOrder: 0,
      visible: true,
      featured: true,
      names: { en: "a" },
    }));
    await withTree(flat, async () => {
      const list = async (query: string) => {
        const path = `/api/v1/category?store=TREE&${query}`;
        const { categories, ...rest } = (await api.json(path)) as {
          categories: Shown[];
          recordsTotal: number;
        };
        return [categories.length, rest.recordsTotal];
      };
      assert.deepEqual(await list("count=1000"), [1000, 1001]);
      assert.deepEqual(await list("count=1000&page=1"), [1, 1001]);
      assert.deepEqual(await list("filter=featured&count=5&page=1"), [1000, 1001]);
      for (const count of [1001, 50_000, 2 ** 31 - 1]) {
        const { status, text } = await api.request("GET", `/api/v1/category?store=TREE&count=${count}`);
        assert.equal(status, 400);
        assert.match(text, /allowed: a whole number from 1 to 1000"/);
      }
    });
  });

  it("uses two statements for any size and depth of the tree", async () => {
    const chain = Array.from({ length: 40 }, (_, i) => ({
      parent: i === 0 ? null : i - 1,
      sortOrder: 0,
      visible: true,
      featured: false,
      names: { en: "a" },
    }));
    await withTree(chain, async () => {
      for (const path of [
        "/api/v1/category?store=TREE&count=1000",
        "/api/v1/category?store=TREE&count=1&page=39&filter=admin",
        "/api/v1/category",
        `/api/v1/category/${BASE}?store=TREE`,
        `/api/v1/category/${BASE + 39}?store=TREE`,
        "/api/v1/category/tables",
        "/api/v1/category/product/1",
        "/api/v1/category/50/manufacturer",
      ]) {
        statements = 0;
        await api.json(path);
        assert.equal(statements, 2, path);
      }
    });
  });
});
