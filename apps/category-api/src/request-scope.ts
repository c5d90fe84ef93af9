import type { FastifyRequest } from "fastify";
import { type QueryString, single } from "./category-query";
import { CategoryStore } from "./category-store";
import type { Database } from "./database";
import { BadRequest, NotFound } from "./errors";

/** A request with a path and parameters. */
export type CategoryRequest = FastifyRequest<{ Querystring: QueryString; Params: Record<string, string> }>;

/** Store and language of a request. */
export interface RequestScope {
  readonly categories: CategoryStore;
  readonly storeId: string;
  readonly storeCode: string;
  /** The store whose categories are listed. */
  readonly catalogId: string;
  /** Null: all languages. */
  readonly language: string | null;
}

/** The store and language that the request names. Throws {@link NotFound} for an unknown store. */
export async function scopeOf(request: CategoryRequest, database: Database): Promise<RequestScope> {
  const categories = new CategoryStore(database);
  const asked = single(request.query, "lang");
  const storeCode = single(request.query, "store") ?? "DEFAULT";
  const store = await categories.findStore(storeCode, asked ?? null);
  if (!store) throw new NotFound(`Store [${storeCode}] not found`);
  const known = store.languageKnown ? asked : "en";
  const language = asked === undefined ? store.defaultLanguage : asked === "_all" ? null : (known ?? null);
  return { categories, storeId: store.id, storeCode, catalogId: store.catalogId, language };
}

/**
 * An id as in answers; 18 digits always fit into 64 bits. An id with leading zeros would be a second path to the same category,
 * to which a policy on the first path does not apply.
 */
export const isId = (text: string): boolean => /^(0|[1-9]\d{0,17})$/.test(text);

export function parameter(request: CategoryRequest, name: string): string {
  return request.params[name] ?? "";
}

/** The id in the path. Throws {@link BadRequest}. */
export function idParameter(request: CategoryRequest, name = "id"): string {
  const text = parameter(request, name);
  if (!isId(text))
    throw new BadRequest(`${name} is "${text}"; allowed: up to 18 digits, without zeros before them`);
  return text;
}
