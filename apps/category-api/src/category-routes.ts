import type { FastifyInstance, FastifyReply } from "fastify";
import { send, sendFrameworkError } from "./answers";
import { listAll, listCategories, nest } from "./category-list";
import { LARGEST_PAGE, parseListQuery } from "./category-query";
import { type Contract, familyOf, readable, type ReadableCategory, readableBySlug } from "./contract";
import type { Database } from "./database";
import { BadRequest, NotFound } from "./errors";
import {
  type CategoryRequest,
  idParameter,
  isId,
  parameter,
  type RequestScope,
  scopeOf,
} from "./request-scope";

/** Dependencies of routes. */
export interface RouteOptions {
  readonly contract: Contract;
  /** The database for one request. */
  readonly database: (request: CategoryRequest) => Promise<Database>;
}

type Handler = (request: CategoryRequest, reply: FastifyReply) => unknown;
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
const METHODS: readonly Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Adds a path with its handlers; other methods are answered with 405. */
export function addPath(
  app: FastifyInstance,
  url: string,
  handlers: Readonly<Partial<Record<Method, Handler>>>,
): void {
  for (const [method, handler] of Object.entries(handlers)) {
    app.route<{ Querystring: CategoryRequest["query"]; Params: CategoryRequest["params"] }>({
      method,
      url,
      handler,
    });
  }
  const allowed = METHODS.filter((method) => handlers[method]);
  app.route({
    method: METHODS.filter((method) => !handlers[method]),
    url,
    handler: (request, reply) => {
      reply.header("allow", [...allowed].sort().join(", "));
      sendFrameworkError(request, reply, 405);
    },
  });
}

/** The public reads. */
export function addCategoryRoutes(app: FastifyInstance, { contract, database }: RouteOptions): void {
  const open = async (request: CategoryRequest) => scopeOf(request, await database(request));

  addPath(app, "/api/v1/category", {
    GET: async (request, reply) => {
      const query = parseListQuery(request.query);
      const { categories, catalogId, language } = await open(request);
      if (language === null) throw new BadRequest(`lang is "_all"; the list is answered in one language`);
      const featured = query.filters.has("featured");
      const { total, categories: page } = await categories.page(catalogId, {
        language,
        featured,
        // Featured rows are neither paged nor searched.
        page: featured ? 0 : query.page,
        count: featured ? LARGEST_PAGE : query.count,
        ...(query.name === undefined || featured ? {} : { name: query.name }),
      });
      return send(reply, 200, listCategories(contract, page, total, { ...query, language }));
    },
  });

  addPath(app, "/api/v1/category/:key", {
    GET: async (request, reply) => {
      const key = parameter(request, "key");
      const scope = await open(request);
      const answer = isId(key) ? byId(contract, scope, key) : bySlug(scope, key);
      return send(reply, 200, await answer);
    },
  });

  addPath(app, "/api/v1/category/name/:slug", {
    GET: async (request, reply) =>
      send(reply, 200, await bySlug(await open(request), parameter(request, "slug"))),
  });

  addPath(app, "/api/v1/category/product/:id", {
    GET: async (request, reply) => {
      const id = idParameter(request);
      const { categories, storeId, language } = await open(request);
      return send(reply, 200, listAll(contract, await categories.byProduct(storeId, id, language), language));
    },
  });

  addPath(app, "/api/v1/category/:id/manufacturer", {
    GET: async (request, reply) => {
      const id = idParameter(request);
      const { categories, storeId, language } = await open(request);
      const manufacturers = await categories.manufacturers(storeId, id, language);
      if (!manufacturers) throw new NotFound(`Category id [${id}] not found`);
      return send(reply, 200, manufacturers);
    },
  });

  for (const name of ["variants", "variations"]) {
    addPath(app, `/api/v2/category/:id/${name}`, {
      GET: async (request, reply) => {
        const id = idParameter(request);
        const { categories, storeId } = await open(request);
        if (!(await categories.exists(storeId, id))) throw new NotFound(`Category [${id}] not found`);
        return send(reply, 200, []);
      },
    });
  }

  async function bySlug({ categories, storeId, language }: RequestScope, slug: string) {
    if (language === null) throw new BadRequest(`lang is "_all"; a slug is answered in one language`);
    const rows = await categories.bySlug(storeId, slug, language, contract.slugInAnyLanguage);
    const found = rows.find((row) => row.wanted);
    if (!found) throw new NotFound(`Category with friendlyUrl [${slug}] was not found`);
    return readableBySlug(contract, found, familyOf(rows), language);
  }
}

/** One category with its children. Throws {@link NotFound}. */
export async function byId(
  contract: Contract,
  { categories, storeId, language }: RequestScope,
  id: string,
): Promise<ReadableCategory> {
  const rows = await categories.byId(storeId, id, language);
  const family = familyOf(rows);
  const tree = nest(rows.filter((row) => row.wanted).map((row) => readable(contract, row, family, language)));
  const found = tree.find((category) => String(category.id) === id);
  if (!found) {
    throw new NotFound(
      language === null ? `Category with id [${id}] not found` : `Category id [${id}] not found`,
    );
  }
  return found;
}
