import assert from "node:assert/strict";
import fc from "fast-check";
import { type CategoryDraft, CategoryEditor } from "../src/category-editor";
import { type Database, DatabaseUnavailable } from "../src/database";
import { RequestError } from "../src/errors";
import { connect, sharedDatabase } from "./shared-database";
import { postgres } from "./postgres-server";
import { until } from "./until";

/** Categories 1 to SIZE of a separate store, all of them roots at first. */
const SIZE = 6;
const STORE = { id: "77", code: "MOVES" };
/** Ids far from the seed's. */
const id = (i: number) => String(5000 + i);

type Move = readonly [category: number, parent: number];

const draft = (code: string, more: Partial<CategoryDraft> = {}): CategoryDraft => ({
  code,
  sortOrder: 0,
  visible: true,
  featured: false,
  parentCode: undefined,
  descriptions: [],
  ...more,
});

async function fill(database: Database): Promise<void> {
  await empty(database);
  await database.query("insert into store values (77, 'MOVES', null, 'en')", []);
  await database.query(
    `insert into category (id, store_id, code, lineage, depth, sort_order, visible, featured)
     select 5000 + i, 77, 'c' || i, '/' || 5000 + i || '/', 0, 0, true, false from generate_series(1, ${SIZE}) as s(i)`,
    [],
  );
}

async function empty(database: Database): Promise<void> {
  await database.query(
    "delete from category_description where category_id in (select id from category where store_id = 77)",
    [],
  );
  await database.query("delete from category where store_id = 77", []);
  await database.query("delete from store where id = 77", []);
}

/** Asserts that every category is below the roots, with the right lineage and depth. */
async function assertForest(database: Database, size: number): Promise<void> {
  const [answer] = await database.query<{ sound: number; total: number }>(
    `with recursive forest(id, lineage, depth) as (
       select id, '/' || id || '/', 0 from category where store_id = 77 and parent_id is null
       union all
       select c.id, forest.lineage || c.id || '/', forest.depth + 1
       from category c join forest on c.parent_id = forest.id where forest.depth < 100
     )
     select (select count(*)::int from forest join category c using (id, lineage, depth)) as sound,
       (select count(*)::int from category where store_id = 77) as total`,
    [],
  );
  assert.deepEqual(answer, { sound: size, total: size });
}

describe("writes to the category database", function () {
  this.timeout(60_000);
  let url: string;
  let versions: readonly [Database, Database];

  before(async () => {
    url = await (await postgres()).database();
    versions = [await connect(url), await connect(url)];
  });

  it("leave a forest after concurrent moves by two versions", async () => {
    const [v1, v2] = versions;
    const move = fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.integer({ min: 0, max: SIZE }));
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 2, maxLength: 12 }), async (moves: readonly Move[]) => {
        await fill(v1);
        const outcomes = await Promise.allSettled(
          moves.map(([category, parent], i) =>
            new CategoryEditor(i % 2 === 0 ? v1 : v2, STORE).move(
              id(category),
              parent === 0 ? null : id(parent),
            ),
          ),
        );
        for (const outcome of outcomes) {
          if (outcome.status === "rejected")
            assert.ok(outcome.reason instanceof RequestError, outcome.reason as Error);
        }
        await assertForest(v1, SIZE);
      }),
      { numRuns: 40 },
    );
  });

  it("give a code to one of many concurrent requests", async () => {
    const [v1, v2] = versions;
    await fill(v1);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) =>
        new CategoryEditor(i % 2 === 0 ? v1 : v2, STORE).create(
          draft("same", { parentCode: `c${(i % 2) + 1}` }),
        ),
      ),
    );
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as unknown] : [],
    );
    assert.equal(refused.length, 9);
    for (const reason of refused) {
      assert.ok(reason instanceof RequestError);
      assert.deepEqual(reason.body(), {
        errorCode: "409",
        message: "Category code [same] exists in store [MOVES]",
      });
    }
    await assertForest(v1, SIZE + 1);
  });

  it("remove a category with everything below it, while others add categories there", async () => {
    const [v1, v2] = versions;
    for (let round = 0; round < 10; round += 1) {
      await fill(v1);
      const [removed, ...others] = await Promise.allSettled([
        new CategoryEditor(v1, STORE).remove(id(1)),
        new CategoryEditor(v2, STORE).create(draft("child", { parentCode: "c1" })),
        new CategoryEditor(v2, STORE).move(id(2), id(1)),
        new CategoryEditor(v1, STORE).move(id(1), id(3)),
      ]);
      assert.equal(removed.status, "fulfilled");
      for (const other of others) {
        if (other.status === "rejected")
          assert.ok(other.reason instanceof RequestError, other.reason as Error);
      }
      const [{ count } = { count: -1 }] = await v1.query<{ count: number }>(
        "select count(*)::int as count from category where store_id = 77",
        [],
      );
      await assertForest(v1, count);
    }
  });

  describe("that wait for those of another replica", () => {
    let end: () => void;
    let held: Promise<void>;

    beforeEach(async () => {
      const [v1] = versions;
      await fill(v1);
      const ended = new Promise<void>((resolve) => (end = resolve));
      await new Promise<void>((resolve) => {
        held = v1.transaction(async (transaction) => {
          await transaction.query("select from store where id = 77 for no key update", []);
          resolve();
          await ended;
        });
      });
    });
    const waits = () =>
      until("one waits", async () => {
        const waiting = await versions[1].query("select from pg_locks where not granted", []);
        return waiting.length > 0;
      });

    it("leave connections for reads", async () => {
      const narrow = await connect(url, { poolSize: 2 });
      const writes = Promise.allSettled(
        ["a", "b", "c", "d", "e"].map((code) => new CategoryEditor(narrow, STORE).create(draft(code))),
      );
      try {
        await waits();
        assert.deepEqual(await narrow.query("select 1 as one", []), [{ one: 1 }]);
      } finally {
        end();
      }
      await held;
      assert.deepEqual(
        (await writes).map(({ status }) => status),
        Array.from({ length: 5 }, () => "fulfilled"),
      );
      await assertForest(narrow, SIZE + 5);
    });

    it("time out like a statement", async () => {
      const hasty = await connect(url, { statementTimeout: 300 });
      const writes = await Promise.allSettled(
        ["a", "b", "c"].map((code) => new CategoryEditor(hasty, STORE).create(draft(code))),
      );
      end();
      await held;
      for (const write of writes) {
        assert.ok(write.status === "rejected" && write.reason instanceof DatabaseUnavailable);
      }
      await assertForest(hasty, SIZE);
    });
  });

  for (const [store, open] of [
    ["PGlite", sharedDatabase],
    ["PostgreSQL", () => Promise.resolve(versions[0])],
  ] as const) {
    describe(`on ${store}`, () => {
      let database: Database;
      let editor: CategoryEditor;

      beforeEach(async () => {
        database = await open();
        editor = new CategoryEditor(database, STORE);
        await fill(database);
      });
      afterEach(() => empty(database));

      it("move a category with everything below it, and never below itself", async () => {
        await editor.move(id(2), id(1));
        await editor.move(id(3), id(2));
        await editor.move(id(1), id(4));
        await assertForest(database, SIZE);
        const [deepest] = await database.query(`select lineage, depth from category where id = ${id(3)}`, []);
        assert.deepEqual(deepest, { lineage: `/${id(4)}/${id(1)}/${id(2)}/${id(3)}/`, depth: 3 });
        for (const parent of [1, 2, 3]) {
          await assert.rejects(editor.move(id(1), id(parent)), {
            status: 400,
            message: `Category [${id(1)}] cannot be moved below [${id(parent)}], which is itself or below it`,
          });
        }
        await assert.rejects(editor.update(id(1), draft("c1", { parentCode: "c3" })), { status: 400 });
        await assertForest(database, SIZE);
      });

      it("change nothing if a part of them is refused", async () => {
        const wrong = draft("c1", {
          sortOrder: 9,
          parentCode: "c2",
          descriptions: [
            {
              language: "xx",
              name: "n",
              description: null,
              friendlyUrl: null,
              keyWords: null,
              highlights: null,
              metaDescription: null,
              title: null,
            },
          ],
        });
        await assert.rejects(editor.update(id(1), wrong), { status: 400 });
        await assert.rejects(editor.create({ ...wrong, code: "new" }), { status: 400 });
        const rows = await database.query("select sort_order from category where store_id = 77", []);
        assert.deepEqual(
          rows,
          Array.from({ length: SIZE }, () => ({ sort_order: 0 })),
        );
        await assertForest(database, SIZE);
      });

      it("refuse categories and products that are not in the store", async () => {
        await assert.rejects(editor.move("50", null), {
          status: 404,
          message: "Category with id [50] for store [MOVES]",
        });
        await assert.rejects(editor.move(id(1), "50"), { status: 404 });
        await assert.rejects(editor.update("50", draft("x")), { status: 404 });
        await assert.rejects(editor.remove("50"), { status: 404 });
        await assert.rejects(editor.link("1", id(1), true), {
          status: 404,
          message: "Product id [1] not found",
        });
        assert.equal(await editor.setVisible("50", false), false);
      });

      it("link a product to a category repeatedly, and remove the link", async () => {
        const shop = new CategoryEditor(database, { id: "1", code: "DEFAULT" });
        const linked = () => database.query("select from product_category where product_id = 1", []);
        await shop.link("1", "51", true);
        await shop.link("1", "51", true);
        assert.equal((await linked()).length, 2);
        await shop.link("1", "51", false);
        assert.equal((await linked()).length, 1);
      });
    });
  }
});
