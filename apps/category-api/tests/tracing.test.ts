import assert from "node:assert/strict";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { type Database, DatabaseUnavailable } from "../src/database";
import { TraceExport } from "../src/trace-export";
import { isExporting, Tracing } from "../src/tracing";
import { ADMINISTRATORS, logIn, PASSWORD } from "./administration";
import { OtlpReceiver } from "./otlp-receiver";
import { RunningApi } from "./running-api";
import { postgresDatabase, sharedDatabase } from "./shared-database";
import { until } from "./until";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const OTHER = "463ac35c9f6413ad48485a3953bb6124";
const W3C = { traceparent: `00-${TRACE}-${PARENT}-01` };
const B3 = { "x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "1" };

describe("tracing", function () {
  this.timeout(60_000);
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  });
  const tracing = new Tracing(["b3", "tracecontext"], provider.getTracer("test"));
  let database: Database;
  let api: RunningApi;

  before(async () => {
    database = await postgresDatabase();
    api = await RunningApi.start("main", database, { tracing, administrators: ADMINISTRATORS });
  });
  beforeEach(() => {
    exporter.reset();
  });
  after(() => api.stop());

  /** The spans of one request; the request's own comes first. */
  async function spans(): Promise<[ReadableSpan, ...ReadableSpan[]]> {
    const isRequest = (span: ReadableSpan) => span.kind === SpanKind.SERVER;
    await until("the span of the request has ended", () => exporter.getFinishedSpans().some(isRequest));
    const all = exporter.getFinishedSpans();
    const request = all.find(isRequest);
    assert.ok(request);
    return [request, ...all.filter((span) => span !== request)];
  }

  it("has a span for the request and one for each statement below it", async () => {
    await api.request("GET", "/api/v1/category/50?lang=en&token=t0ken", {
      ...W3C,
      "x-request-id": "r-1",
      authorization: "Bearer t0ken",
    });
    const [request, ...statements] = await spans();
    assert.equal(request.name, "GET /api/v1/category/:key");
    assert.equal(request.spanContext().traceId, TRACE);
    assert.equal(request.parentSpanContext?.spanId, PARENT);
    assert.deepEqual(request.attributes, {
      "http.request.method": "GET",
      "url.path": "/api/v1/category/50",
      "url.scheme": "http",
      "http.request.header.x-request-id": ["r-1"],
      "http.response.status_code": 200,
      "http.route": "/api/v1/category/:key",
    });
    assert.deepEqual(
      statements.map(({ name, kind, parentSpanContext }) => [name, kind, parentSpanContext?.spanId]),
      [
        ["store", SpanKind.CLIENT, request.spanContext().spanId],
        ["category by id", SpanKind.CLIENT, request.spanContext().spanId],
      ],
    );
    assert.match(String(statements[0]?.attributes["db.query.text"]), /from store s where s\.code = \$1$/);
  });

  it("contains no password, token or hash, and no value that a client stores", async () => {
    const token = await logIn(api, database);
    const headers = { ...W3C, authorization: `Bearer ${token}` };
    const body = JSON.stringify({
      code: "s3cret-code",
      descriptions: [{ language: "en", name: "s3cret-name" }],
    });
    await api.request("POST", "/api/v1/private/category", headers, body);
    await api.request("POST", "/api/v1/private/category", headers, body);
    await until(
      "all have ended",
      () => exporter.getFinishedSpans().filter((s) => s.kind === SpanKind.SERVER).length === 3,
    );
    const text = JSON.stringify(
      exporter
        .getFinishedSpans()
        .map(({ name, attributes, status, events }) => ({ name, attributes, status, events })),
    );
    assert.match(text, /insert category/);
    assert.match(text, /"error.type":"23505"/);
    for (const word of [token, PASSWORD, "s3cret", "scrypt$"]) assert.ok(!text.includes(word), word);
  });

  for (const [what, headers, traceId, parent] of [
    ["W3C", W3C, TRACE, PARENT],
    ["B3", B3, TRACE, PARENT],
    ["B3 in one header", { b3: `${TRACE}-${PARENT}-1` }, TRACE, PARENT],
    [
      "W3C rather than B3, which a client may have sent",
      { ...B3, "x-b3-traceid": OTHER, ...W3C },
      TRACE,
      PARENT,
    ],
    ["neither, with a trace of its own", {}, undefined, undefined],
  ] as const) {
    it(`accepts ${what}`, async () => {
      await api.request("GET", "/api/v1/category/50", headers);
      const [request, statement] = await spans();
      if (traceId !== undefined) assert.equal(request.spanContext().traceId, traceId);
      assert.equal(request.parentSpanContext?.spanId, parent);
      assert.equal(statement?.spanContext().traceId, request.spanContext().traceId);
    });
  }

  it("records nothing of a trace that is not sampled, nor of probes", async () => {
    await api.request("GET", "/api/v1/category/50", { traceparent: `00-${TRACE}-${PARENT}-00` });
    await api.request("GET", "/actuator/health/readiness");
    await api.request("GET", "/api/v1/category/51", W3C);
    const [request, ...statements] = await spans();
    assert.equal(request.attributes["url.path"], "/api/v1/category/51");
    assert.equal(statements.length, 2);
  });

  it("marks failures", async () => {
    const down: Database = { ...database, query: () => Promise.reject(new DatabaseUnavailable("down")) };
    const failing = await RunningApi.start("main", down, { tracing });
    try {
      assert.equal((await failing.request("GET", "/api/v1/category")).status, 503);
      const [request, statement] = await spans();
      assert.equal(request.status.code, SpanStatusCode.ERROR);
      assert.equal(request.attributes["http.response.status_code"], 503);
      assert.equal(statement?.status.code, SpanStatusCode.ERROR);
    } finally {
      await failing.stop();
    }
  });

  it("has its id in every log line of a request, with or without spans, and without secrets", async () => {
    const lines: string[] = [];
    const log = { write: (line: string) => lines.push(line) };
    const failing: Database = {
      ...database,
      query: () =>
        Promise.reject(Object.assign(new Error("broken"), { detail: "Failing row (s3cret)", code: "XX000" })),
    };
    const silent = await RunningApi.start("main", failing, {
      tracing: new Tracing(["b3"]),
      logLevel: "debug",
      log,
    });
    try {
      const headers = { ...B3, "x-request-id": "r-2", authorization: "Bearer s3cret", cookie: "s3cret" };
      const answer = await silent.request("GET", "/api/v1/category", headers);
      assert.equal(answer.status, 500);
      assert.equal(answer.headers["x-request-id"], "r-2");
      await until("the request is logged", () => lines.some((line) => line.includes("request completed")));
      for (const line of lines.filter((line) => !line.includes("Server listening"))) {
        const { trace_id, request_id } = JSON.parse(line) as Record<string, unknown>;
        assert.deepEqual({ trace_id, request_id }, { trace_id: TRACE, request_id: "r-2" }, line);
        assert.doesNotMatch(line, /s3cret/);
      }
      assert.ok(lines.some((line) => line.includes('"code":"XX000"')));
    } finally {
      await silent.stop();
    }
  });

  describe("export", () => {
    const variables = [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "OTEL_EXPORTER_OTLP_HEADERS",
      "OTEL_BSP_SCHEDULE_DELAY",
      "OTEL_BSP_MAX_QUEUE_SIZE",
      "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    ];
    afterEach(() => {
      for (const name of variables) Reflect.deleteProperty(process.env, name);
    });

    it("is off without an endpoint, or when switched off", () => {
      assert.equal(isExporting({}), false);
      assert.equal(isExporting({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }), false);
      assert.equal(
        isExporting({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://x", OTEL_SDK_DISABLED: "true" }),
        false,
      );
      assert.equal(
        isExporting({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://x", OTEL_TRACES_EXPORTER: "none" }),
        false,
      );
      assert.equal(isExporting({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://x" }), true);
    });

    it("sends spans to the collector, with its headers", async () => {
      const receiver = await OtlpReceiver.start({ answers: true });
      process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
      process.env.OTEL_EXPORTER_OTLP_HEADERS = "x-token=abc";
      const traceExport = new TraceExport("v7");
      const exporting = await RunningApi.start("main", database, {
        tracing: new Tracing(["tracecontext"], traceExport.tracer),
      });
      try {
        await exporting.request("GET", "/api/v1/category", W3C);
        await exporting.stop();
        await traceExport.close();
        const [sent] = receiver.received;
        assert.equal(sent?.path, "/v1/traces");
        assert.equal(sent.headers["x-token"], "abc");
        assert.ok(sent.body.includes(Buffer.from(TRACE, "hex")));
        for (const text of ["GET /api/v1/category", "page of categories", "service.version", "v7"]) {
          assert.ok(sent.body.includes(text), text);
        }
      } finally {
        receiver.stop();
      }
    });

    for (const [what, start] of [
      ["hangs", () => OtlpReceiver.start({ answers: false })],
      [
        "is down",
        async () => {
          const receiver = await OtlpReceiver.start({ answers: true });
          const { url } = receiver;
          receiver.stop();
          return { url, stop: () => undefined };
        },
      ],
    ] as const) {
      it(`delays no request if the collector ${what}`, async () => {
        const receiver = await start();
        process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
        process.env.OTEL_BSP_SCHEDULE_DELAY = "1";
        process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = "10";
        process.env.OTEL_BSP_MAX_QUEUE_SIZE = "60";
        const embedded = await sharedDatabase();
        const traceExport = new TraceExport("v7");
        const plain = await RunningApi.start("main", embedded);
        const exporting = await RunningApi.start("main", embedded, {
          tracing: new Tracing(["tracecontext"], traceExport.tracer),
        });
        try {
          const time = async (target: RunningApi) => {
            const started = performance.now();
            for (let i = 0; i < 100; i += 1) {
              assert.equal((await target.request("GET", "/api/v2/category/50/variants", {})).status, 200);
            }
            return performance.now() - started;
          };
          await time(plain);
          const without = await time(plain);
          const with_ = await time(exporting);
          // A request that waits for the collector takes its timeout of ten seconds.
          assert.ok(with_ < 3 * without + 1000, `${with_} ms against ${without} ms`);
          const started = performance.now();
          await traceExport.close();
          assert.ok(performance.now() - started < 4000, "the end waits for the collector");
        } finally {
          receiver.stop();
          await plain.stop();
          await exporting.stop();
        }
      });
    }
  });
});
