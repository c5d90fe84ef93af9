import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { PASSWORD, USERNAME } from "./administration";
import { postgres, type PostgresServer } from "./postgres-server";
import { RunningService } from "./running-service";
import { build, connect, DIST } from "./shared-database";

const SECRETS = { JWT_SECRET: "a secret for tests ".repeat(4), ADMIN_PASSWORD: PASSWORD };

describe("two versions with one PostgreSQL", function () {
  this.timeout(60_000);
  const running: RunningService[] = [];
  const pools: Pool[] = [];
  let server: PostgresServer;
  let folder = "";

  before(async () => {
    [server] = await Promise.all([postgres(), build()]);
    folder = await mkdtemp(join(tmpdir(), "category-api-"));
    // Without the files of PGlite, which this test does not use.
    for (const part of ["server.js", "sql"]) {
      await cp(join(DIST, part), join(folder, part), { recursive: true });
    }
  });
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
    for (const service of running.splice(0)) {
      service.child.kill("SIGKILL");
      await service.ended;
    }
  });
  after(() => rm(folder, { recursive: true }));

  function start(version: string, url: string, env: Record<string, string> = {}): RunningService {
    const service = RunningService.spawn(folder, {
      CATEGORY_VERSION: version,
      CATEGORY_CONTRACT: version === "v1" ? "3.2.5" : "main",
      PORT: "0",
      METRICS_PORT: "0",
      DATABASE_URL: url,
      DATABASE_SEED: "demo",
      ...env,
    });
    running.push(service);
    return service;
  }

  async function client(service: RunningService) {
    const pool = new Pool(await service.origin());
    pools.push(pool);
    return async (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object, token?: string) => {
      const {
        statusCode,
        headers,
        body: answer,
      } = await pool.request({
        method,
        path,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const json = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : undefined;
      return { status: statusCode, version: headers["x-category-version"], text, json };
    };
  }

  const READINESS = "/actuator/health/readiness";

  it("read each other's writes, accept each other's tokens, and create the schema once", async () => {
    const url = await server.database();
    const [first, second] = [start("v1", url, SECRETS), start("v2", url, SECRETS)];
    await Promise.all([first.ready(), second.ready()]);
    const [v1, v2] = [await client(first), await client(second)];
    const login = await v1("POST", "/api/v1/private/login", { username: USERNAME, password: PASSWORD });
    const token = login.json?.token as string;

    const lamps = {
      code: "lamps",
      visible: true,
      descriptions: [{ language: "en", name: "Lamps", friendlyUrl: "lamps" }],
    };
    const created = await v1("POST", "/api/v1/private/category", lamps, token);
    assert.equal(created.status, 201, created.text);
    const id = String(created.json?.id);
    const read = await v2("GET", `/api/v1/category/${id}`);
    assert.deepEqual([read.status, read.version, read.json?.code], [200, "v2", "lamps"]);

    assert.equal((await v2("PUT", `/api/v1/private/category/${id}/move/50`, {}, token)).status, 200);
    const moved = await v1("GET", `/api/v1/category/${id}`);
    assert.deepEqual(moved.json?.parent, { id: 50, code: "tables" });
    assert.equal((await v2("DELETE", `/api/v1/private/category/${id}`, undefined, token)).status, 200);
    assert.equal((await v1("GET", `/api/v1/category/${id}`)).status, 404);

    const migrated = [first, second].filter(({ output }) => output.includes("has been migrated"));
    assert.equal(migrated.length, 1);
    for (const { output } of [first, second]) {
      for (const secret of [PASSWORD, SECRETS.JWT_SECRET, token, new URL(url).password]) {
        assert.ok(!output.includes(secret), output);
      }
    }
  });

  it("are not ready while the database is down, at the start or later, and recover", async () => {
    const url = await server.database();
    await server.halt();
    const service = start("v1", url);
    const ask = await client(service);
    try {
      await service.until(() => service.output.includes("trying again"), "it has tried");
      assert.equal((await ask("GET", READINESS)).status, 503);
      assert.equal((await ask("GET", "/actuator/health/liveness")).status, 200);
    } finally {
      await server.resume();
    }
    await service.ready();
    assert.equal((await ask("GET", READINESS)).status, 200);
    assert.equal((await ask("GET", "/api/v1/category")).status, 200);

    await server.halt();
    try {
      await service.until(async () => (await ask("GET", READINESS)).status === 503, "readiness is 503");
      const refused = await ask("GET", "/api/v1/category");
      assert.deepEqual([refused.status, refused.json?.error], [503, "Service Unavailable"]);
      assert.equal((await ask("GET", "/actuator/health/liveness")).status, 200);
    } finally {
      await server.resume();
    }
    await service.until(async () => (await ask("GET", READINESS)).status === 200, "readiness is back");
    assert.equal((await ask("GET", "/api/v1/category")).status, 200);
    service.child.kill("SIGTERM");
    assert.equal(await service.ended, 0, service.output);
  });

  it("continue if the database disappears before the administrator's password is set", async () => {
    const url = await server.database();
    const other = await connect(url);
    const service = await other.transaction(async (transaction) => {
      // Nothing else at the start reads this table.
      await transaction.script("lock table admin_user in access exclusive mode");
      const started = start("v1", url, { ...SECRETS, DATABASE_STATEMENT_TIMEOUT: "1" });
      await started.until(() => started.output.includes("trying again"), "it has tried");
      return started;
    });
    await service.ready();
  });

  it("report a wrong password of the database, and wait for the right one", async () => {
    const url = new URL(await server.database());
    await server.query("create role shop superuser login password 'old'");
    const service = start("v1", server.url(url.pathname.slice(1), "shop", "new"));
    const refused =
      "the database refuses the login: the password of DATABASE_URL is not its own; trying again";
    await service.until(() => service.output.includes(refused), "it has tried");
    await server.query("alter role shop password 'new'");
    await service.ready();
  });

  it("stop at once while they wait for the database", async () => {
    const service = start("v1", server.url("nowhere"));
    await service.until(() => service.output.includes("trying again"), "it has tried");
    service.child.kill("SIGTERM");
    assert.equal(await service.ended, 0, service.output);
  });

  it("exit with a message if the database is too new", async () => {
    const url = await server.database();
    const first = start("v2", url);
    await first.ready();
    await server.query(
      "insert into schema_migration (version, compatible_with) values (9, 9)",
      new URL(url).pathname.slice(1),
    );
    const second = start("v1", url, { LOG_LEVEL: "silent" });
    assert.equal(await second.ended, 1);
    assert.equal(
      second.output,
      "category-api: the database has schema 9, which programs must know schema 9 or later for; this one knows 2: run a newer version of it\n",
    );
  });
});
