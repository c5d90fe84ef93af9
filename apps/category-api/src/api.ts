import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import { Administrators } from "./administrators";
import { send, sendFrameworkError, sendHealth } from "./answers";
import { addCategoryRoutes, addPath, type RouteOptions } from "./category-routes";
import type { Contract } from "./contract";
import { type Database, DatabaseUnavailable, sqlState } from "./database";
import { BadRequest, frameworkBody, RequestError } from "./errors";
import type { Metrics } from "./metrics";
import { addPrivateRoutes } from "./private-routes";
import type { Settings } from "./settings";
import { isText, NO_TEXT } from "./text";
import type { Tracing } from "./tracing";

/** Dependencies of the API. */
export interface ApiOptions extends Pick<Settings, "version" | "logLevel"> {
  readonly contract: Contract;
  /** Requests wait until it is open. */
  readonly database: () => Promise<Database>;
  /** Absent without administrators: then every private path is refused. */
  readonly administrators?: Administrators;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Destination of log lines. Default: standard output. */
  readonly log?: { write: (line: string) => void };
  /** Determines the answers of the readiness probe, and whether connections are kept. */
  readonly state: () => "starting" | "ready" | "stopping";
  /** Time limit for a request to arrive, in milliseconds. Default 30,000. */
  readonly requestTimeout?: number;
}

// Envoy keeps idle connections for an hour. If the service closed them first, a request could meet a closed socket.
const KEEP_ALIVE_MS = 65 * 60 * 1000;

/** Statuses for requests that Node itself refuses, by error code; all others are 400. */
const REFUSALS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/** Builds the HTTP API. It does not listen yet. */
export function buildApi(options: ApiOptions): FastifyInstance {
  const { contract, version, logLevel, state, metrics, tracing, requestTimeout = 30_000 } = options;
  // The metric of a request on this connection whose answer does not end.
  const unanswered = new WeakMap<Socket, number>();
  const app = fastify({
    logger: {
      level: logLevel,
      serializers: { err: errorForLog },
      ...(options.log && { stream: options.log }),
    },
    requestIdHeader: "x-request-id",
    childLoggerFactory: (logger, bindings, childOptions, request) => {
      const { id } = tracing.of(request);
      return logger.child(id === undefined ? bindings : { ...bindings, trace_id: id }, childOptions);
    },
    logController: new LogController({
      disableRequestLogging: logLevel !== "debug" && logLevel !== "trace",
      requestIdLogLabel: "request_id",
    }),
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout,
    http: {
      // Set here too, because the limit for headers, which Node derives from it, may not be longer.
      requestTimeout,
      connectionsCheckingInterval: Math.ceil(requestTimeout / 10),
      // Node's own answers have no version. The answers below have it.
      requireHostHeader: false,
    },
    clientErrorHandler: ({ code }, socket) => {
      // The client has disconnected, or has sent nothing.
      if (!socket.writable || socket.bytesRead === 0) {
        socket.destroy();
        return;
      }
      const status = REFUSALS[code] ?? 400;
      if (unanswered.has(socket)) unanswered.set(socket, status);
      else metrics.request("other", "other", status, 0);
      const body = JSON.stringify(frameworkBody(status));
      const head = [
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
        `x-category-version: ${version}`,
        "content-type: application/json",
        `content-length: ${body.length}`,
        "connection: close",
      ];
      socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
      socket.destroySoon();
    },
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1000 },
    frameworkErrors: (error, request, reply) => {
      observe(request, reply);
      describeService(request, reply);
      sendFrameworkError(request, reply, error.statusCode ?? 400);
    },
  });

  const observe = (request: FastifyRequest, reply: FastifyReply) => {
    const started = performance.now();
    const { socket } = request.raw;
    // nginx logs 499 for a client that did not wait.
    unanswered.set(socket, 499);
    reply.raw.once("close", () => {
      const { method } = request;
      const route = request.routeOptions.url;
      const status = reply.raw.writableFinished ? reply.raw.statusCode : (unanswered.get(socket) ?? 499);
      unanswered.delete(socket);
      metrics.request(route, method, status, (performance.now() - started) / 1000);
      tracing.of(request.raw).end(method, route, status);
    });
  };

  const describeService = (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers({
      "x-category-version": version,
      ...(request.headers["x-request-id"] !== undefined && { "x-request-id": request.id }),
      // Without credentials: only pages that the gateway's `cors` names may send cookies.
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "POST, GET, PUT, OPTIONS, DELETE, PATCH",
      "access-control-allow-headers":
        "X-Auth-Token, Content-Type, Authorization, Cache-Control, X-Requested-With",
    });
  };

  // An unknown expectation may be ignored. Without this, Node answers 417.
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));

  // Reads ignore bodies of any type.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, body, done) => {
    body.resume();
    done(null);
  });

  app.addHook("onRequest", async (request, reply) => {
    observe(request, reply);
    describeService(request, reply);
    if (request.raw.httpVersion === "1.1" && request.headers.host === undefined) {
      return sendFrameworkError(request, reply, 400);
    }
    if (request.method === "OPTIONS") {
      return reply
        .headers({ vary: "Origin", allow: "GET, HEAD, POST, PUT, DELETE, TRACE, OPTIONS, PATCH" })
        .send();
    }
  });

  // After the login of a private path was checked.
  app.addHook("preHandler", ({ params, query }, _reply, done) => {
    const given = [...Object.entries(params as object), ...Object.entries(query as object)];
    const faults = given.filter(([, value]) => ![value].flat().every((text) => isText(String(text))));
    const message = faults.map(([name]) => `${name} ${NO_TEXT}`).join(". ");
    done(faults.length > 0 ? new BadRequest(message) : undefined);
  });

  // Otherwise a request that began before the stop would keep its connection open, and the stop would wait for it.
  app.addHook("onSend", async (_request, reply) => {
    if (state() === "stopping") reply.header("connection", "close");
  });

  app.setNotFoundHandler((request, reply) => {
    reply.header("vary", "Origin");
    sendFrameworkError(request, reply, 404);
  });

  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (error instanceof RequestError) return send(reply.headers(error.headers), error.status, error.body());
    if (error instanceof DatabaseUnavailable) {
      request.log.error({ reason: error.message }, error.summary);
      return sendFrameworkError(request, reply, 503);
    }
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error(error);
    return sendFrameworkError(request, reply, status);
  });

  const readiness = async (request: FastifyRequest): Promise<boolean> => {
    if (state() !== "ready") return false;
    try {
      await (await options.database()).check();
      return true;
    } catch (error) {
      request.log.warn({ reason: error instanceof Error ? error.message : String(error) }, "not ready");
      return false;
    }
  };
  addPath(app, "/actuator/health/ping", { GET: (_request, reply) => sendHealth(reply, true) });
  addPath(app, "/actuator/health/liveness", { GET: (_request, reply) => sendHealth(reply, true) });
  addPath(app, "/actuator/health/readiness", {
    GET: async (request, reply) => sendHealth(reply, await readiness(request)),
  });
  addPath(app, "/actuator/health", {
    GET: async (request, reply) =>
      sendHealth(reply, await readiness(request), { groups: ["liveness", "readiness"] }),
  });

  const routes: RouteOptions = {
    contract,
    database: async (request) => tracing.of(request.raw).database(await options.database()),
  };
  addCategoryRoutes(app, routes);
  void app.register((scope, _options, registered) => {
    scope.removeAllContentTypeParsers();
    addPrivateRoutes(scope, { ...routes, administrators: options.administrators });
    registered();
  });

  return app;
}

/** Only these fields: others of PostgreSQL's errors contain values of rows. */
function errorForLog(error: Error): { type: string; message: string; stack: string; code?: string } {
  const code = sqlState(error);
  return {
    type: error.name,
    message: error.message,
    stack: error.stack ?? "",
    ...(code !== undefined && { code }),
  };
}
