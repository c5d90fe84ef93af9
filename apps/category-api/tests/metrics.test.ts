import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { LATENCY_BUCKETS_MS } from "../../../components/observability/queries";
import type { Database } from "../src/database";
import { Metrics } from "../src/metrics";
import { ADMINISTRATORS } from "./administration";
import { RunningApi } from "./running-api";
import { postgresDatabase } from "./shared-database";
import { until } from "./until";

describe("metrics", function () {
  this.timeout(60_000);
  let database: Database;
  let metrics: Metrics;
  let api: RunningApi;
  let server: Server;

  before(async () => {
    database = await postgresDatabase();
  });
  beforeEach(async () => {
    metrics = new Metrics("v7", () => database);
    api = await RunningApi.start("main", database, { metrics });
    server = metrics.server().listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(async () => {
    await api.stop();
    server.close();
    server.closeAllConnections();
  });

  const fetchMetrics = (path = "/metrics") =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  const scrape = async () => (await fetchMetrics()).text();
  /** Values of a series by its labels. */
  const series = async (name: string) =>
    Object.fromEntries(
      [...(await scrape()).matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, "gm"))].map(
        ([, labels = "", value]) => [labels, Number(value)],
      ),
    );
  const counts = () => series("http_request_duration_seconds_count");
  const labels = (route: string, method: string, status: number) =>
    `route="${route}",method="${method}",status="${status}",version="v7"`;

  it("count every request once, by the template of its path", async () => {
    for (const [method, path] of [
      ["GET", "/api/v1/category"],
      ["GET", "/api/v1/category/?count=2"],
      ["GET", "/api/v1/category/50"],
      ["GET", "/api/v1/category/tables"],
      ["HEAD", "/api/v1/category/50"],
      ["GET", "/api/v1/category/999"],
      ["POST", "/api/v1/category"],
      ["OPTIONS", "/api/v1/category"],
      ["GET", "/api/v1/private/category/50"],
      ["GET", "/nowhere/1"],
      ["GET", "/nowhere/2"],
      ["GET", "/api/v1/category/%zz"],
      ["GET", `/api/v1/category/${"x".repeat(2000)}`],
    ] as const) {
      await api.request(method, path);
    }
    const key = "/api/v1/category/:key";
    await until(
      "all are counted",
      async () => Object.values(await counts()).reduce((sum, n) => sum + n, 0) >= 13,
    );
    assert.deepEqual(await counts(), {
      [labels("/api/v1/category", "GET", 200)]: 2,
      [labels(key, "GET", 200)]: 2,
      [labels(key, "HEAD", 200)]: 1,
      [labels(key, "GET", 404)]: 1,
      [labels("/api/v1/category", "POST", 405)]: 1,
      [labels("unknown", "OPTIONS", 200)]: 1,
      [labels("/api/v1/private/category/:id", "GET", 401)]: 1,
      [labels("unknown", "GET", 404)]: 2,
      [labels("unknown", "GET", 400)]: 1,
      [labels("unknown", "GET", 414)]: 1,
    });
  });

  it("have the bucket limits of the proxies' histograms, in seconds", async () => {
    await api.json("/api/v1/category");
    await until("it is counted", async () => Object.keys(await counts()).length > 0);
    const buckets = await series("http_request_duration_seconds_bucket");
    const edges = Object.keys(buckets).map((text) => /le="([^"]+)"/.exec(text)?.[1]);
    assert.deepEqual(edges, [...LATENCY_BUCKETS_MS.map((ms) => String(ms / 1000)), "+Inf"]);
    const [sum = NaN] = Object.values(await series("http_request_duration_seconds_sum"));
    assert.ok(sum > 0 && sum < 10, String(sum));
  });

  it("count a client that does not wait as 499", async () => {
    let waits = false;
    const slow: Database = {
      ...database,
      query: () => {
        waits = true;
        return new Promise(() => undefined);
      },
    };
    const hanging = await RunningApi.start("main", slow, { metrics });
    try {
      const socket = connect(Number(new URL(hanging.origin).port), "127.0.0.1");
      socket.write("GET /api/v1/category HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("it waits", () => waits);
      socket.destroy();
      await until(
        "it is counted",
        async () => (await counts())[labels("/api/v1/category", "GET", 499)] === 1,
      );
    } finally {
      await hanging.stop();
    }
  });

  describe("count requests that Node refuses, with the version in the answer:", () => {
    beforeEach(async () => {
      await api.stop();
      const options = { metrics, administrators: ADMINISTRATORS, requestTimeout: 200 };
      api = await RunningApi.start("main", database, options);
    });

    const login = "/api/v1/private/login";
    for (const [what, text, status, ...counted] of [
      ["20 KB of headers", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, 431],
      ["what is not HTTP", "nonsense\r\n\r\n", 400],
      ["headers that do not end", "GET / HTTP/1.1\r\nhost: x\r\n", 408],
      [
        "no host",
        "GET /api/v1/category HTTP/1.1\r\nconnection: close\r\n\r\n",
        400,
        "/api/v1/category",
        "GET",
      ],
      [
        "a body that does not end",
        `POST ${login} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{`,
        408,
        login,
        "POST",
      ],
      [
        "a body with a part that is none",
        `POST ${login} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nx\r\n`,
        400,
        login,
        "POST",
      ],
      [
        "an expectation",
        "GET /nowhere HTTP/1.1\r\nhost: x\r\nexpect: x\r\nconnection: close\r\n\r\n",
        404,
        "unknown",
        "GET",
      ],
    ] as const) {
      it(what, async () => {
        const socket = connect(Number(new URL(api.origin).port), "127.0.0.1");
        socket.write(text);
        let answer = "";
        for await (const chunk of socket) answer += String(chunk);
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
        assert.match(answer, /^x-category-version: v-test\r$/m);
        assert.match(answer, new RegExp(`"status":${status},`));
        const [route = "other", method = "other"] = counted;
        await until("it is counted", async () => Object.keys(await counts()).length > 0);
        assert.deepEqual(await counts(), { [labels(route, method, status)]: 1 });
      });
    }

    it("except connections without a request", async () => {
      const socket = connect(Number(new URL(api.origin).port), "127.0.0.1");
      assert.equal((await socket.toArray()).length, 0);
      assert.deepEqual(await counts(), {});
    });
  });

  it("have the categories of stores, the connections and Node's event loop", async () => {
    assert.deepEqual(await series("categories"), { 'store="BOOKS"': 7, 'store="DEFAULT"': 3 });
    assert.deepEqual(await series("database_pool_limit"), { "": 8 });
    const { "": used = 0 } = await series("database_pool_used");
    const { "": idle = 0 } = await series("database_pool_idle");
    assert.ok(used + idle >= 1);
    assert.equal(Object.keys(await series("nodejs_eventloop_lag_p99_seconds")).length, 1);
  });

  it("are answered without the database, and then without its metrics", async () => {
    const hanging: Database = { ...database, query: () => new Promise(() => undefined) };
    const lonely = new Metrics("v7", () => hanging);
    const text = await lonely.registry.metrics();
    assert.doesNotMatch(text, /^categories\{/m);
    assert.match(text, /^# TYPE http_request_duration_seconds histogram$/m);
    const failing = new Metrics("v7", () => ({
      ...database,
      query: () => Promise.reject(new Error("down")),
    }));
    assert.doesNotMatch(await failing.registry.metrics(), /^categories\{/m);
    assert.doesNotMatch(
      await new Metrics("v7", () => undefined).registry.metrics(),
      /^(categories|database_pool)/m,
    );
  });

  it("are on no other path, and not in the API", async () => {
    assert.equal((await fetchMetrics("/")).status, 404);
    assert.equal((await api.request("GET", "/metrics")).status, 404);
  });
});
