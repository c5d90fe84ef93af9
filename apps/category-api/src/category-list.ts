import type { Category } from "./category-store";
import { type Contract, familyOf, readable, type ReadableCategory } from "./contract";

/** Answer of the list endpoints; the order of fields is Shopizer's. */
export interface CategoryList {
  totalPages: number;
  /** Roots in the answer; with the filter `admin`, rows of the page before the filter `visible`. */
  number: number;
  /** Rows of all pages and depths. */
  recordsTotal: number;
  /** Shopizer never fills it. */
  recordsFiltered: 0;
  categories: ReadableCategory[];
}

/** How the list treats a page of rows. */
export interface ListOptions {
  readonly language: string;
  /** Values of `filter`: `visible`, `featured`, `admin`. Others have no effect. */
  readonly filters: ReadonlySet<string>;
  /** Rows in a page. */
  readonly count: number;
}

/**
 * Turns one page of the flat list into Shopizer's answer. A row is nested only under a parent of the same page;
 * without the filter `admin` only roots remain, by sort order, so a child whose parent is on another page is lost, as in Shopizer.
 * @param categories the page in order, and ancestors of its rows (not `wanted`)
 * @param total rows of all pages
 */
export function listCategories(
  contract: Contract,
  categories: readonly Category[],
  total: number,
  { language, filters, count }: ListOptions,
): CategoryList {
  const family = familyOf(categories);
  const page = categories.filter((category) => category.wanted);
  const shown = nest(
    page
      .filter((category) => category.visible || !filters.has("visible"))
      .map((category) => readable(contract, category, family, language)),
  );
  const byId = [...shown].sort((a, b) => a.id - b.id);
  const answered = filters.has("admin")
    ? byId
    : byId.filter((category) => category.depth === 0).sort((a, b) => a.sortOrder - b.sortOrder);
  return {
    totalPages: filters.has("featured") ? 1 : Math.ceil(total / count),
    number: filters.has("admin") ? page.length : answered.length,
    recordsTotal: total,
    recordsFiltered: 0,
    categories: answered,
  };
}

/** All `categories` as one flat page, the answer of the products' endpoint. */
export function listAll(
  contract: Contract,
  categories: readonly Category[],
  language: string | null,
): CategoryList {
  const family = familyOf(categories);
  const shown = categories.filter((category) => category.wanted);
  return {
    totalPages: 1,
    number: shown.length,
    recordsTotal: shown.length,
    recordsFiltered: 0,
    categories: shown.map((category) => readable(contract, category, family, language)),
  };
}

/** Adds every category to `children` of its parent if the list has the parent; returns the same list. */
export function nest(categories: ReadableCategory[]): ReadableCategory[] {
  const byId = new Map(categories.map((category) => [category.id, category]));
  for (const category of categories) {
    if (category.parent) byId.get(category.parent.id)?.children.push(category);
  }
  return categories;
}
