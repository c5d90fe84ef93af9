import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Administrator, Administrators } from "./administrators";
import { send, sendFrameworkError } from "./answers";
import { parseCategory, parseCredentials, parseVisible } from "./category-draft";
import { CategoryEditor } from "./category-editor";
import { addPath, byId, type RouteOptions } from "./category-routes";
import { Forbidden, RequestError } from "./errors";
import { type CategoryRequest, idParameter, parameter, scopeOf } from "./request-scope";

/** Dependencies of the administrators' routes. */
export interface PrivateRouteOptions extends RouteOptions {
  /** If absent, every route is refused. */
  readonly administrators: Administrators | undefined;
}

const LOGIN = "/api/v1/private/login";

/** Login, and the routes that need one: reads for the administration, and all writes. */
export function addPrivateRoutes(app: FastifyInstance, options: PrivateRouteOptions): void {
  const { contract, database, administrators } = options;
  const known = new WeakMap<FastifyRequest, Administrator>();

  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });

  // Before the body is read.
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.url === LOGIN && administrators) return;
    const administrator = await administrators?.authenticate(
      await database(request as CategoryRequest),
      request.headers.authorization,
    );
    if (administrator) {
      known.set(request, administrator);
      return;
    }
    reply.header("www-authenticate", 'Basic realm="api-admin-realm"');
    return sendFrameworkError(request, reply, 401);
  });

  app.setErrorHandler((error, _request, reply) => {
    // Fastify's own errors of bodies: too large, or incomplete.
    const status = (error as { statusCode?: number }).statusCode;
    if (status === undefined || error instanceof RequestError) throw error;
    return send(reply, status, { errorCode: String(status), message: (error as Error).message });
  });

  addPath(app, LOGIN, {
    POST: async (request, reply) => {
      const { username, password } = parseCredentials(request.body);
      const client = clientOf(request);
      const login = await administrators?.login(await database(request), username, password, client);
      if (login) return send(reply, 200, login);
      return send(reply, 401, { message: "Bad credentials" }, "text/plain;charset=UTF-8");
    },
  });

  addPath(app, "/api/v1/private/category/unique", {
    GET: async (request, reply) => {
      const code = [request.query.code].flat()[0];
      if (code === undefined) return sendFrameworkError(request, reply, 400);
      const { categories, storeId } = await scopeOf(request, await database(request));
      return send(reply, 200, { exists: await categories.hasCode(storeId, code) });
    },
  });

  addPath(app, "/api/v1/private/category", {
    POST: async (request, reply) => {
      const { editor } = await edit(request);
      const { draft, echo } = parseCategory(request.body);
      const id = await editor.create(draft);
      return send(reply, 201, { id: Number(id), ...echo });
    },
  });

  addPath(app, "/api/v1/private/category/:id", {
    GET: async (request, reply) => {
      const id = idParameter(request);
      return send(reply, 200, await byId(contract, await scopeOf(request, await database(request)), id));
    },
    PUT: async (request, reply) => {
      const id = idParameter(request);
      const { editor } = await edit(request);
      const { draft, echo } = parseCategory(request.body);
      await editor.update(id, draft);
      return send(reply, 200, { id: Number(id), ...echo });
    },
    DELETE: async (request, reply) => {
      const id = idParameter(request);
      const { editor } = await edit(request);
      await editor.remove(id);
      return done(reply, 200);
    },
  });

  addPath(app, "/api/v1/private/category/:id/visible", {
    PATCH: async (request, reply) => {
      const id = idParameter(request);
      const { editor } = await edit(request);
      if (await editor.setVisible(id, parseVisible(request.body))) return done(reply, 200);
      throw new RequestError(400, `Error while getting category [${id}]`, "500");
    },
  });

  addPath(app, "/api/v1/private/category/:id/move/:parent", {
    PUT: async (request, reply) => {
      const id = idParameter(request);
      const parent = parameter(request, "parent") === "-1" ? null : idParameter(request, "parent");
      const { editor } = await edit(request);
      await editor.move(id, parent);
      return done(reply, 200);
    },
  });

  const link = (linked: boolean) => async (request: CategoryRequest, reply: FastifyReply) => {
    const product = idParameter(request, "product");
    const id = idParameter(request);
    const { editor } = await edit(request);
    await editor.link(product, id, linked);
    return done(reply, linked ? 201 : 200);
  };
  addPath(app, "/api/v1/private/product/:product/category/:id", { POST: link(true), DELETE: link(false) });

  for (const url of ["/api/v1/private/*", "/api/v2/private/*"]) {
    app.all(url, (request, reply) => {
      reply.header("vary", "Origin");
      sendFrameworkError(request, reply, 404);
    });
  }

  /** Writes to the store of the request. Throws {@link Forbidden}. */
  async function edit(request: CategoryRequest): Promise<{ editor: CategoryEditor }> {
    const administrator = known.get(request);
    if (!administrator || !Administrators.mayEdit(administrator)) {
      throw new Forbidden("the administrator is in no group that may change categories");
    }
    const from = await database(request);
    const { storeId, storeCode } = await scopeOf(request, from);
    if (!Administrators.mayEditStore(administrator, storeId)) {
      throw new Forbidden(`the administrator may not change store [${storeCode}]`);
    }
    return { editor: new CategoryEditor(from, { id: storeId, code: storeCode }) };
  }
}

/**
 * The client's address. The gateway removes the client's own `x-envoy-external-address` and sets it, except for an address within
 * the cluster: then the address is the last of `x-forwarded-for`, which the gateway has appended.
 */
function clientOf({ headers, ip }: FastifyRequest): string {
  const told = headers["x-envoy-external-address"] ?? headers["x-forwarded-for"];
  return [told].flat().at(-1)?.split(",").at(-1)?.trim() ?? ip;
}

/** An answer without a body. */
function done(reply: FastifyReply, status: number): FastifyReply {
  return reply.code(status).send();
}
