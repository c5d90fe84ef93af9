import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import { listAll, listCategories, nest } from "./category-list";
import { parseListQuery, type QueryString, single } from "./category-query";
import type { CategoryStore, Store } from "./category-store";
import { type Contract, familyOf, readable, readableBySlug } from "./contract";
import { BadRequest, frameworkBody, NotFound, RequestError } from "./errors";
import type { Settings } from "./settings";

/** What the API is made of. */
export interface ApiOptions extends Pick<Settings, "version" | "logLevel"> {
  readonly contract: Contract;
  /** Requests that come before it is open wait for it. */
  readonly store: () => Promise<CategoryStore>;
  /** Decides the answers of the readiness probe and whether connections are kept. */
  readonly state: () => "starting" | "ready" | "stopping";
}

type CategoryRequest = FastifyRequest<{ Querystring: QueryString; Params: Record<string, string> }>;

const JSON_TYPE = "application/json";
const ACTUATOR_TYPE = "application/vnd.spring-boot.actuator.v3+json";

// Envoy keeps idle connections for an hour; it must be the one who closes them, or a request meets a closed socket.
const KEEP_ALIVE_MS = 65 * 60 * 1000;

/** Builds the HTTP API. It does not listen yet. */
export function buildApi({ contract, version, logLevel, store, state }: ApiOptions): FastifyInstance {
  const app = fastify({
    logger: { level: logLevel },
    logController: new LogController({ disableRequestLogging: logLevel !== "debug" && logLevel !== "trace" }),
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1000 },
    frameworkErrors: (error, request, reply) => {
      describeService(request, reply);
      sendFrameworkError(request, reply, error.statusCode ?? 400);
    },
  });

  const describeService = (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers({
      "x-category-version": version,
      "access-control-allow-origin": request.headers.origin ?? "*",
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "POST, GET, PUT, OPTIONS, DELETE, PATCH",
      "access-control-allow-headers":
        "X-Auth-Token, Content-Type, Authorization, Cache-Control, X-Requested-With",
    });
  };

  // Bodies mean nothing to a service that only reads: they are thrown away, whatever they hold.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, body, done) => {
    body.resume();
    done(null);
  });

  app.addHook("onRequest", async (request, reply) => {
    describeService(request, reply);
    if (request.method === "OPTIONS") {
      return reply
        .headers({ vary: "Origin", allow: "GET, HEAD, POST, PUT, DELETE, TRACE, OPTIONS, PATCH" })
        .send();
    }
  });

  // A request that began before the stop leaves its connection open otherwise, and the stop waits for it.
  app.addHook("onSend", async (_request, reply) => {
    if (state() === "stopping") reply.header("connection", "close");
  });

  app.setNotFoundHandler((request, reply) => {
    reply.header("vary", "Origin");
    sendFrameworkError(request, reply, 404);
  });

  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (error instanceof RequestError) {
      send(reply, error.status, error.body());
      return;
    }
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error(error);
    sendFrameworkError(request, reply, status);
  });

  const get = (url: string, handler: (request: CategoryRequest, reply: FastifyReply) => unknown) => {
    app.get(url, handler);
    app.route({
      method: ["POST", "PUT", "PATCH", "DELETE"],
      url,
      handler: (request, reply) => {
        reply.header("allow", "GET");
        sendFrameworkError(request, reply, 405);
      },
    });
  };

  for (const url of ["/api/v1/private/*", "/api/v2/private/*"]) {
    app.all(url, (request, reply) => {
      reply.header("www-authenticate", 'Basic realm="api-admin-realm"');
      sendFrameworkError(request, reply, 401);
    });
  }

  get("/actuator/health/ping", (_request, reply) => sendHealth(reply, "UP"));
  get("/actuator/health/liveness", (_request, reply) => sendHealth(reply, "UP"));
  get("/actuator/health/readiness", (_request, reply) => sendHealth(reply, readiness()));
  get("/actuator/health", (_request, reply) =>
    sendHealth(reply, readiness(), { groups: ["liveness", "readiness"] }),
  );
  const readiness = () => (state() === "ready" ? "UP" : "OUT_OF_SERVICE");

  get("/api/v1/category", async (request, reply) => {
    const query = parseListQuery(request.query);
    const { categories, catalogId, language } = await open(request);
    if (language === null) throw new BadRequest(`lang is "_all"; the list is answered in one language`);
    const featured = query.filters.has("featured");
    const { total, categories: page } = await categories.page(catalogId, {
      language,
      featured,
      // Featured rows are neither paged nor searched.
      page: featured ? null : query.page,
      count: query.count,
      ...(query.name === undefined || featured ? {} : { name: query.name }),
    });
    send(reply, 200, listCategories(contract, page, total, { ...query, language }));
  });

  get("/api/v1/category/:key", async (request, reply) => {
    const key = parameter(request, "key");
    send(reply, 200, await (isId(key) ? byId(request, key) : bySlug(request, key)));
  });

  get("/api/v1/category/name/:slug", async (request, reply) => {
    send(reply, 200, await bySlug(request, parameter(request, "slug")));
  });

  get("/api/v1/category/product/:id", async (request, reply) => {
    const id = idParameter(request);
    const { categories, storeId, language } = await open(request);
    send(reply, 200, listAll(contract, await categories.byProduct(storeId, id, language), language));
  });

  get("/api/v1/category/:id/manufacturer", async (request, reply) => {
    const id = idParameter(request);
    const { categories, storeId, language } = await open(request);
    const manufacturers = await categories.manufacturers(storeId, id, language);
    if (!manufacturers) throw new NotFound(`Category id [${id}] not found`);
    send(reply, 200, manufacturers);
  });

  for (const name of ["variants", "variations"]) {
    get(`/api/v2/category/:id/${name}`, async (request, reply) => {
      const id = idParameter(request);
      const { categories, storeId } = await open(request);
      if (!(await categories.exists(storeId, id))) throw new NotFound(`Category [${id}] not found`);
      send(reply, 200, []);
    });
  }

  /** The store and language that the request names. */
  async function open(request: CategoryRequest) {
    const categories = await store();
    const asked = single(request.query, "lang");
    const code = single(request.query, "store") ?? "DEFAULT";
    const found = await categories.findStore(code, asked ?? null);
    if (!found) throw new NotFound(`Store [${code}] not found`);
    return { categories, storeId: found.id, catalogId: found.catalogId, language: languageOf(found, asked) };
  }

  async function byId(request: CategoryRequest, key: string) {
    const id = canonicalId(key);
    const { categories, storeId, language } = await open(request);
    const rows = await categories.byId(storeId, id, language);
    const family = familyOf(rows);
    const tree = nest(
      rows.filter((row) => row.wanted).map((row) => readable(contract, row, family, language)),
    );
    const found = tree.find((category) => String(category.id) === id);
    if (!found) {
      throw new NotFound(
        language === null ? `Category with id [${id}] not found` : `Category id [${id}] not found`,
      );
    }
    return found;
  }

  async function bySlug(request: CategoryRequest, slug: string) {
    const { categories, storeId, language } = await open(request);
    if (language === null) throw new BadRequest(`lang is "_all"; a slug is answered in one language`);
    const rows = await categories.bySlug(storeId, slug, language, contract.slugInAnyLanguage);
    const found = rows.find((row) => row.wanted);
    if (!found) throw new NotFound(`Category with friendlyUrl [${slug}] was not found`);
    return readableBySlug(contract, found, familyOf(rows), language);
  }

  return app;
}

function languageOf(store: Store, asked: string | undefined): string | null {
  if (asked === undefined) return store.defaultLanguage;
  if (asked === "_all") return null;
  return store.languageKnown ? asked : "en";
}

// 18 digits always fit into 64 bits.
const isId = (text: string) => /^\d{1,18}$/.test(text);
const canonicalId = (text: string) => BigInt(text).toString();

function parameter(request: CategoryRequest, name: string): string {
  return request.params[name] ?? "";
}

function idParameter(request: CategoryRequest): string {
  const text = parameter(request, "id");
  if (!isId(text)) throw new BadRequest(`id is "${text}"; allowed: up to 18 digits`);
  return canonicalId(text);
}

function send(reply: FastifyReply, status: number, body: unknown, type = JSON_TYPE): FastifyReply {
  // As a buffer, because Fastify adds a charset to the type of JSON text, which Shopizer does not.
  return reply
    .code(status)
    .header("content-type", type)
    .send(Buffer.from(JSON.stringify(body)));
}

function sendFrameworkError(request: FastifyRequest, reply: FastifyReply, status: number): FastifyReply {
  return send(reply, status, frameworkBody(status, request.raw.url ?? request.url));
}

function sendHealth(reply: FastifyReply, status: "UP" | "OUT_OF_SERVICE", more = {}): FastifyReply {
  return send(reply, status === "UP" ? 200 : 503, { status, ...more }, ACTUATOR_TYPE);
}
