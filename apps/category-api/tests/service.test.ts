import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { bundle } from "../build";
import { RunningService } from "./running-service";
import { build, DIST } from "./shared-database";

describe("the service as a process", function () {
  this.timeout(60_000);
  const ENV = {
    CATEGORY_VERSION: "v7",
    CATEGORY_CONTRACT: "main",
    PORT: "0",
    METRICS_PORT: "0",
    SHUTDOWN_GRACE: "20",
  };
  const running: RunningService[] = [];
  const pools: Pool[] = [];
  let folder = "";

  before(async () => {
    await build();
    folder = await mkdtemp(join(tmpdir(), "category-api-"));
    await cp(DIST, folder, { recursive: true });
    await bundle(join(__dirname, "slow-service.ts"), join(folder, "slow-service.js"));
  });
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
    for (const service of running.splice(0)) {
      service.child.kill("SIGKILL");
      await service.ended;
    }
  });
  after(() => rm(folder, { recursive: true }));

  function start(service: RunningService): RunningService {
    running.push(service);
    return service;
  }

  function connect(origin: string): Pool {
    const pool = new Pool(origin);
    pools.push(pool);
    return pool;
  }

  async function get(pool: Pool, path: string) {
    const { statusCode, headers, body } = await pool.request({ method: "GET", path });
    return { status: statusCode, headers, text: await body.text() };
  }

  it("runs from any folder, and stops although a client keeps its connection", async () => {
    const service = start(RunningService.spawn(folder, ENV));
    const pool = connect(await service.origin());
    const list = await get(pool, "/api/v1/category?store=BOOKS&lang=fr");
    assert.equal(list.status, 200, list.text);
    assert.equal(list.headers["x-category-version"], "v7");
    assert.match(list.text, /Livres d'informatique/);
    assert.equal((await get(pool, "/actuator/health/readiness")).text, '{"status":"UP"}');
    service.child.kill("SIGINT");
    assert.equal(await service.ended, 0, service.output);
  });

  it("is not ready before the database is open nor while it stops, and loses no request", async () => {
    const service = start(RunningService.forkSlow(folder, ENV));
    const pool = connect(await service.origin());
    const early = get(pool, "/api/v1/category/50");
    assert.equal((await get(pool, "/actuator/health/liveness")).status, 200);
    const unready = await get(pool, "/actuator/health/readiness");
    assert.equal(unready.status, 503);
    assert.equal(unready.text, '{"status":"OUT_OF_SERVICE"}');

    const waiting = once(service.child, "message");
    service.child.send("open");
    await service.ready();
    await waiting;
    assert.equal((await get(pool, "/actuator/health/readiness")).status, 200);

    service.child.kill("SIGTERM");
    await service.until(
      async () => (await get(pool, "/actuator/health/readiness")).status === 503,
      "readiness is 503",
    );
    assert.equal((await get(pool, "/actuator/health/liveness")).headers.connection, "close");
    service.child.send("answer");
    const answer = await early;
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.connection, "close");
    assert.equal(await service.ended, 0, service.output);
    assert.doesNotMatch(service.output, /cut off/);
  });

  it("aborts a request after the grace, and still exits with 0", async () => {
    const service = start(RunningService.forkSlow(folder, { ...ENV, SHUTDOWN_GRACE: "0" }));
    const pool = connect(await service.origin());
    const waiting = once(service.child, "message");
    const request = get(pool, "/api/v1/category/50");
    service.child.send("open");
    await waiting;
    service.child.kill("SIGTERM");
    await assert.rejects(request, /other side closed|ECONNRESET/);
    assert.equal(await service.ended, 0, service.output);
    assert.match(service.output, /"inFlight":1,"msg":"the grace is over; requests in flight are cut off"/);
  });

  it("exits with a message if the port is in use", async () => {
    const other = createServer().listen(0, "0.0.0.0");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    try {
      const service = start(
        RunningService.spawn(folder, { ...ENV, PORT: String(port), LOG_LEVEL: "silent" }),
      );
      assert.equal(await service.ended, 1);
      assert.equal(
        service.output,
        `category-api: PORT ${port} is taken by another process; stop that process or set PORT to a free port\n`,
      );
    } finally {
      other.close();
    }
  });

  it("exits with a message if the database does not open", async () => {
    const bare = join(folder, "bare");
    await mkdir(bare);
    for (const file of ["server.js", "pglite.wasm", "pglite.data", "initdb.wasm"]) {
      await cp(join(DIST, file), join(bare, file));
    }
    const service = start(RunningService.spawn(bare, { ...ENV, LOG_LEVEL: "silent" }));
    assert.equal(await service.ended, 1);
    assert.match(service.output, /^category-api: .*store\.tar.*\n$/);
  });

  it("exits with a message that names every wrong variable", async () => {
    const service = start(
      RunningService.spawn(folder, {
        CATEGORY_CONTRACT: "3.2",
        PORT: "80a",
        SHUTDOWN_GRACE: "25s",
        LOG_LEVEL: "loud",
      }),
    );
    assert.equal(await service.ended, 1);
    assert.equal(
      service.output,
      `category-api: the environment is wrong:
  CATEGORY_VERSION is not set; set it to the name of the workload version, for example v1
  CATEGORY_CONTRACT is "3.2"; allowed: 3.2.5, main
  PORT is "80a"; allowed: a whole number from 0 to 65535 (0 takes any free port)
  SHUTDOWN_GRACE is "25s"; allowed: a whole number from 0 to 3600 seconds
  LOG_LEVEL is "loud"; allowed: fatal, error, warn, info, debug, trace, silent
`,
    );
  });
});
