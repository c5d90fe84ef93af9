import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseUnavailable } from "../src/database";
import { migrate, type Migrations, readMigrations, SchemaError } from "../src/migrations";
import { PostgresDatabase } from "../src/postgres-database";
import { postgres, type PostgresServer } from "./postgres-server";
import { until } from "./until";

const SQL = join(__dirname, "../sql");

describe("PostgreSQL as the store", function () {
  this.timeout(30_000);
  const opened: PostgresDatabase[] = [];
  let server: PostgresServer;
  let migrations: Migrations;

  before(async () => {
    [server, migrations] = await Promise.all([postgres(), readMigrations(SQL, "demo")]);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((database) => database.close()));
  });

  function open(
    url: string,
    options: { poolSize?: number; statementTimeout?: number } = {},
  ): PostgresDatabase {
    const database = new PostgresDatabase({
      url,
      application: "test",
      poolSize: options.poolSize ?? 4,
      statementTimeout: options.statementTimeout ?? 5000,
    });
    opened.push(database);
    return database;
  }

  const known = (count: number): Migrations => ({ ...migrations, steps: migrations.steps.slice(0, count) });
  const codes = "select code from category order by id";

  describe("migrations", () => {
    it("run once if many programs of two versions start at the same time", async () => {
      const url = await server.database();
      const programs = Array.from({ length: 8 }, (_, i) => migrate(open(url), known(i % 2 === 0 ? 1 : 2)));
      const taken = (await Promise.all(programs)).flat();
      assert.deepEqual(taken.sort(), [1, 2]);
      assert.equal((await open(url).query(codes, [])).length, 10);
    });

    it("leave out the demonstration rows by default", async () => {
      const database = open(await server.database());
      await migrate(database, await readMigrations(SQL, "none"));
      assert.deepEqual(await database.query(codes, []), []);
      assert.deepEqual(await database.query("select code from store", []), [{ code: "DEFAULT" }]);
    });

    it("run all or none", async () => {
      const database = open(await server.database());
      const broken = {
        ...migrations,
        steps: [...migrations.steps, { version: 3, compatibleWith: 1, sql: "create table t (); nonsense" }],
      };
      await assert.rejects(
        migrate(database, broken),
        new SchemaError(
          'the database has not the schema 3 that this program needs, and could not be brought to it: syntax error at or near "nonsense"',
        ),
      );
      assert.deepEqual(await migrate(database, migrations), [1, 2]);
    });

    it("allow an older program until a step removes something, and refuse it after that", async () => {
      const url = await server.database();
      const extended = (compatibleWith: number, version: number, sql: string) => ({
        ...migrations,
        steps: [
          ...migrations.steps,
          { version: 3, compatibleWith: 1, sql: "alter table category add column icon text" },
        ].concat(version === 4 ? [{ version, compatibleWith, sql }] : []),
      });
      assert.deepEqual(await migrate(open(url), extended(1, 3, "")), [1, 2, 3]);
      assert.deepEqual(await migrate(open(url), migrations), []);
      await migrate(open(url), extended(3, 4, "alter table category drop column sort_order"));
      await assert.rejects(
        migrate(open(url), migrations),
        new SchemaError(
          "the database has schema 4, which programs must know schema 3 or later for; this one knows 2: run a newer version of it",
        ),
      );
    });

    it("report what to do if the user may not change the schema", async () => {
      const url = await server.database();
      const name = new URL(url).pathname.slice(1);
      await migrate(open(url), known(1));
      await server.query(
        `create role reader login password 'r'; grant usage on schema public to reader;
         grant all on all tables in schema public to reader`,
        name,
      );
      const reader = open(server.url(name, "reader", "r"));
      assert.deepEqual(await migrate(reader, known(1)), [], "what is as it should be needs no rights");
      await assert.rejects(migrate(reader, migrations), (error: Error) => {
        assert.ok(error instanceof SchemaError);
        assert.match(error.message, /start this program once with a user that may change the schema$/);
        return true;
      });
    });

    it("wait for a lock at most as long as a statement may run", async () => {
      const url = await server.database();
      await migrate(open(url), known(1));
      const reader = open(url);
      await reader.transaction(async (transaction) => {
        await transaction.query("select id from category", []);
        await assert.rejects(migrate(open(url), migrations), DatabaseUnavailable);
      });
      assert.deepEqual(await migrate(open(url), migrations), [2]);
    });
  });

  describe("connections", () => {
    it("recover after a loss, with an error for each request in between", async () => {
      const database = open(await server.database());
      await migrate(database, migrations);
      const inFlight = database.query("select pg_sleep(20)", []);
      inFlight.catch(() => undefined);
      await database.check();
      await server.halt();
      try {
        await assert.rejects(inFlight, DatabaseUnavailable);
        await assert.rejects(database.query(codes, []), DatabaseUnavailable);
        await until("the check fails", () =>
          database.check().then(
            () => false,
            () => true,
          ),
        );
      } finally {
        await server.resume();
      }
      await database.check();
      assert.equal((await database.query(codes, [])).length, 10);
    });

    it("are at most the limit, and waiting for one times out", async () => {
      const database = open(await server.database(), { poolSize: 2 });
      const slow = [1, 2].map(() => database.query("select pg_sleep(2.5)", []));
      const late = database.query("select 1", []);
      await until("one waits", () => database.pool.waiting === 1);
      assert.deepEqual(database.pool, { used: 2, idle: 0, waiting: 1, limit: 2 });
      await assert.rejects(late, DatabaseUnavailable);
      await Promise.all(slow);
      assert.deepEqual(database.pool, { used: 0, idle: 2, waiting: 0, limit: 2 });
    });

    it("do not wait for a statement longer than its limit, also if the server disappears silently", async () => {
      const database = open(await server.database(), { statementTimeout: 200, poolSize: 1 });
      await assert.rejects(database.query("select pg_sleep(10)", []), /statement timeout/);
      assert.deepEqual(await database.query("select 1 as one", []), [{ one: 1 }]);
      const [{ pid } = { pid: 0 }] = await database.query<{ pid: number }>(
        "select pg_backend_pid() as pid",
        [],
      );
      process.kill(pid, "SIGSTOP");
      try {
        await assert.rejects(database.query("select 1", []), DatabaseUnavailable);
      } finally {
        process.kill(pid, "SIGCONT");
      }
      assert.deepEqual(await database.query("select 1 as one", []), [{ one: 1 }]);
    });

    it("stay usable after a refused statement, which is rolled back", async () => {
      const database = open(await server.database(), { poolSize: 1 });
      await migrate(database, migrations);
      const before = await database.query("select pg_backend_pid() as pid", []);
      await assert.rejects(
        database.transaction(async (transaction) => {
          await transaction.query("update category set code = 'x' where id = 1", []);
          await transaction.query("update category set code = 'chairs' where id = 50", []);
        }),
        { code: "23505" },
      );
      assert.deepEqual(await database.query("select code from category where id = 1", []), [
        { code: "DEFAULT" },
      ]);
      assert.deepEqual(await database.query("select pg_backend_pid() as pid", []), before);
    });

    it("report a refused login", async () => {
      const url = await server.database();
      await server.query("create role guest nologin password 'g'");
      const guest = open(server.url(new URL(url).pathname.slice(1), "guest", "g"));
      await assert.rejects(guest.query("select 1", []), (error: Error) => {
        assert.ok(error instanceof DatabaseUnavailable);
        assert.equal(error.summary, "the database refuses the login of DATABASE_URL");
        return true;
      });
    });

    it("report a wrong password without showing it", async () => {
      const url = new URL(await server.database());
      url.password = "wrong-password";
      await assert.rejects(open(url.href).query("select 1", []), (error: Error) => {
        assert.ok(error instanceof DatabaseUnavailable);
        assert.match(error.message, /password authentication failed/);
        assert.equal(
          error.summary,
          "the database refuses the login: the password of DATABASE_URL is not its own",
        );
        assert.doesNotMatch(error.message, /wrong-password/);
        return true;
      });
    });
  });
});
