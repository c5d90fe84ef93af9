import type { IncomingMessage } from "node:http";
import {
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { CompositePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { B3Propagator } from "@opentelemetry/propagator-b3";
import { type Database, type Parameter, sqlState, type Transaction } from "./database";
import type { Settings } from "./settings";

const PROPAGATORS: Record<Settings["propagators"][number], () => TextMapPropagator[]> = {
  tracecontext: () => [new W3CTraceContextPropagator()],
  // Reads both kinds of B3 headers.
  b3: () => [new B3Propagator()],
  b3multi: () => [new B3Propagator()],
  // The service does not read baggage.
  baggage: () => [],
  none: () => [],
};

/** Whether OpenTelemetry's environment variables name an endpoint for spans. */
export function isExporting(env: NodeJS.ProcessEnv): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "";
  return (
    endpoint !== "" && env.OTEL_SDK_DISABLED?.toLowerCase() !== "true" && env.OTEL_TRACES_EXPORTER !== "none"
  );
}

/** Traces of requests. Without a tracer there are no spans, only the id of the trace that a request carries. */
export class Tracing {
  private readonly propagator: TextMapPropagator;
  private readonly traces = new WeakMap<IncomingMessage, RequestTrace>();

  constructor(
    propagators: Settings["propagators"],
    private readonly tracer?: Tracer,
  ) {
    this.propagator = new CompositePropagator({
      propagators: propagators.flatMap((name) => PROPAGATORS[name]()),
    });
  }

  /** The trace of a request; the first call starts the span. */
  of(request: IncomingMessage): RequestTrace {
    let found = this.traces.get(request);
    if (!found) {
      const parent = this.propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
      // Probes would create a trace every few seconds.
      const traced = this.tracer && request.url?.startsWith("/actuator/") !== true;
      found = new RequestTrace(parent, traced ? this.tracer : undefined, request);
      this.traces.set(request, found);
    }
    return found;
  }
}

/** The span of a request and the spans of its statements. */
export class RequestTrace {
  /** Undefined if the request carries no trace and starts none. */
  readonly id: string | undefined;
  private readonly span: Span | undefined;
  private readonly context: Context;

  constructor(
    parent: Context,
    private readonly tracer: Tracer | undefined,
    { method = "", url = "", headers }: IncomingMessage,
  ) {
    // Without the query and other headers, because they may contain secrets.
    const attributes = {
      "http.request.method": method,
      "url.path": url.split("?", 1)[0] ?? "",
      "url.scheme": "http",
      ...(typeof headers["x-request-id"] === "string" && {
        "http.request.header.x-request-id": [headers["x-request-id"]],
      }),
    };
    this.span = tracer?.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
    this.context = this.span ? trace.setSpan(parent, this.span) : parent;
    this.id = trace.getSpanContext(this.context)?.traceId;
  }

  /** The database with a span for each statement; the database itself if spans are not recorded. */
  database(database: Database): Database {
    const { tracer, span } = this;
    return tracer && span?.isRecording() === true
      ? new TracedDatabase(database, tracer, this.context)
      : database;
  }

  /** Ends the span. `route` is the template of the path, undefined if there is none. */
  end(method: string, route: string | undefined, status: number): void {
    const { span } = this;
    if (!span) return;
    span.setAttribute("http.response.status_code", status);
    if (route !== undefined) {
      span.updateName(`${method} ${route}`);
      span.setAttribute("http.route", route);
    }
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }
}

class TracedDatabase implements Database {
  constructor(
    private readonly database: Database,
    private readonly tracer: Tracer,
    private readonly context: Context,
  ) {}

  get pool() {
    return this.database.pool;
  }

  query<Row>(sql: string, parameters: Parameter[]): Promise<Row[]> {
    return this.span(sql, () => this.database.query<Row>(sql, parameters));
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>, turn?: string): Promise<T> {
    return this.database.transaction(
      (transaction) =>
        work({
          query: (sql, parameters) => this.span(sql, () => transaction.query(sql, parameters)),
          script: (sql) => this.span(sql, () => transaction.script(sql)),
        }),
      turn,
    );
  }

  check(): Promise<void> {
    return this.database.check();
  }

  close(): Promise<void> {
    return this.database.close();
  }

  private async span<T>(sql: string, work: () => Promise<T>): Promise<T> {
    // Statements begin with their name as a comment, which the database's log shows too.
    const summary = /^\/\* ([^*]+) \*\//.exec(sql)?.[1] ?? "statement";
    // The text contains no values: these are parameters, which are not recorded.
    const attributes = { "db.system.name": "postgresql", "db.query.summary": summary, "db.query.text": sql };
    const span = this.tracer.startSpan(summary, { kind: SpanKind.CLIENT, attributes }, this.context);
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute("error.type", sqlState(error) ?? (error instanceof Error ? error.name : "unknown"));
      throw error;
    } finally {
      span.end();
    }
  }
}
