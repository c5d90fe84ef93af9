import type { Parameter, Queries } from "./database";

/** A description of a category or manufacturer in one language, with the field names and order of the API. */
export interface Description {
  readonly id: number;
  readonly language: string;
  readonly name: string;
  readonly description: string | null;
  readonly friendlyUrl: string | null;
  readonly keyWords: string | null;
  readonly highlights: string | null;
  readonly metaDescription: string | null;
  readonly title: string | null;
}

/** A category as it is stored. */
export interface Category {
  readonly id: number;
  readonly code: string;
  readonly sortOrder: number;
  readonly visible: boolean;
  readonly featured: boolean;
  readonly lineage: string;
  readonly depth: number;
  readonly parentId: number | null;
  /** Code of the store that owns it. */
  readonly store: string;
  /** With a requested language: one or none. Without: all. */
  readonly descriptions: readonly Description[];
  /** Whether the query requested it. Otherwise it is an ancestor of a requested one. */
  readonly wanted: boolean;
}

/** A merchant store as a request names it. */
export interface Store {
  readonly id: string;
  /** The store whose categories it lists: its parent if it has one, otherwise itself. */
  readonly catalogId: string;
  readonly defaultLanguage: string;
  /** Whether Shopizer has the requested language. */
  readonly languageKnown: boolean;
}

export interface Manufacturer {
  readonly id: number;
  readonly code: string;
  readonly order: number;
  readonly description: Description | null;
}

/** Which categories of a store {@link CategoryStore.page} answers. */
export interface PageRequest {
  readonly language: string;
  /** Part of the name, exact case. */
  readonly name?: string;
  /** Only featured rows. */
  readonly featured: boolean;
  /** Zero-based. */
  readonly page: number;
  /** Rows in a page. */
  readonly count: number;
}

const description = (alias: string, optional: string) => `json_build_object(
  'id', ${alias}.id, 'language', ${alias}.language, 'name', ${alias}.name,
  'description', ${alias}.description, ${optional})`;

const CATEGORY_DESCRIPTION = description(
  "d",
  `'friendlyUrl', d.friendly_url, 'keyWords', d.key_words, 'highlights', d.highlights,
   'metaDescription', d.meta_description, 'title', d.title`,
);

const MANUFACTURER_DESCRIPTION = description(
  "d",
  "'friendlyUrl', null, 'keyWords', null, 'highlights', null, 'metaDescription', null, 'title', null",
);

/** Shopizer's order of rows: lineages as text, so every category comes before those below it, and id 100 before id 99. */
const ORDER = 'c.lineage collate "C", c.sort_order, c.id';

/**
 * One statement that answers the categories in the expression `wanted(id)` and all their ancestors,
 * in the order of {@link ORDER}. Parameter $1 is the language of the descriptions, null for all.
 */
const withAncestors = (name: string, expressions: string, columns = "") => `/* ${name} */
with recursive ${expressions},
shown(id) as (
  select id from wanted
  union
  select c.parent_id from shown join category c on c.id = shown.id where c.parent_id is not null
)
select ${columns} coalesce(json_agg(json_build_object(
  'id', c.id, 'code', c.code, 'sortOrder', c.sort_order, 'visible', c.visible, 'featured', c.featured,
  'lineage', c.lineage, 'depth', c.depth, 'parentId', c.parent_id, 'store', s.code,
  'wanted', c.id in (select id from wanted),
  'descriptions', (
    select coalesce(json_agg(${CATEGORY_DESCRIPTION} order by d.id), '[]')
    from category_description d
    where d.category_id = c.id and ($1::text is null or d.language = $1)
  )
) order by ${ORDER}), '[]') as categories
from shown join category c on c.id = shown.id join store s on s.id = c.store_id`;

const PAGE = withAncestors(
  "page of categories",
  `matching as (
    select c.id, c.lineage, c.sort_order
    from category c join category_description d on d.category_id = c.id and d.language = $1
    where c.store_id = $2::bigint
      and ($3::text is null or strpos(d.name, $3) > 0)
      and (not $4::boolean or c.featured)
  ),
  wanted as (
    select c.id from matching c order by ${ORDER}
    limit $6::bigint offset $5::bigint * $6::bigint
  )`,
  "(select count(*)::int from matching) as total,",
);

const BY_ID = withAncestors(
  "category by id",
  `wanted(id) as (
    select c.id from category c
    where c.store_id = $2::bigint and c.id = $3::bigint
      and ($1::text is null or exists (
        select from category_description d where d.category_id = c.id and d.language = $1))
    union
    select c.id from category c join wanted on c.parent_id = wanted.id
  )`,
);

const BY_SLUG = withAncestors(
  "category by slug",
  `wanted as (
    select c.id
    from category c join category_description d on d.category_id = c.id
    where c.store_id = $2::bigint and d.friendly_url = $3 and ($5::boolean or d.language = $4)
    order by d.language = $4 desc, c.id limit 1
  )`,
);

const BY_PRODUCT = withAncestors(
  "categories of product",
  `wanted as (
    select c.id
    from category c join product_category pc on pc.category_id = c.id
    where c.store_id = $2::bigint and pc.product_id = $3::bigint
  )`,
);

const STORE = `/* store */
select s.id::text as id, coalesce(s.parent_id, s.id)::text as "catalogId", s.default_language as "defaultLanguage",
  exists (select from language where code = $2) as "languageKnown"
from store s where s.code = $1`;

const MANUFACTURERS = `/* manufacturers */
with recursive tree(id) as (
  select id from category where store_id = $2::bigint and id = $3::bigint
  union
  select c.id from category c join tree on c.parent_id = tree.id
),
made as (
  select distinct p.manufacturer_id as id
  from product p join product_category pc on pc.product_id = p.id
  where pc.category_id in (select id from tree)
)
select exists (select from tree) as found, coalesce(json_agg(json_build_object(
  'id', m.id, 'code', m.code, 'order', m.sort_order,
  'description', (
    select ${MANUFACTURER_DESCRIPTION} from manufacturer_description d
    where d.manufacturer_id = m.id and d.language = $1
  )
) order by m.sort_order, m.id), '[]') as manufacturers
from made join manufacturer m on m.id = made.id`;

const EXISTS = "/* category exists */ select from category where store_id = $1::bigint and id = $2::bigint";

const HAS_CODE = "/* code exists */ select from category where store_id = $1::bigint and code = $2";

const COUNT_BY_STORE = `/* categories by store */
select s.code as store, count(c.id)::int as categories
from store s left join category c on c.store_id = s.id
group by s.code order by 2 desc, 1 limit 100`;

/**
 * Reads of the category database. Every method is one statement.
 * Ids are decimal text, because they have 64 bits.
 */
export class CategoryStore {
  constructor(private readonly database: Queries) {}

  /** The store with this code; also looks up `language`. */
  async findStore(code: string, language: string | null): Promise<Store | undefined> {
    const [store] = await this.database.query<Store>(STORE, [code, language]);
    return store;
  }

  /** A page of the flat list of all depths, with the ancestors of its rows, and the length of that list. */
  async page(storeId: string, request: PageRequest): Promise<{ total: number; categories: Category[] }> {
    const [page] = await this.database.query<{ total: number; categories: Category[] }>(PAGE, [
      request.language,
      storeId,
      request.name ?? null,
      request.featured,
      request.page,
      request.count,
    ]);
    return page ?? { total: 0, categories: [] };
  }

  /** The category with all descendants and ancestors; empty if it is missing or has no description in the language. */
  byId(storeId: string, id: string, language: string | null): Promise<Category[]> {
    return this.categories(BY_ID, [language, storeId, id]);
  }

  /** The category with this slug, with descriptions in all languages; `anyLanguage` also searches slugs of other languages. */
  bySlug(storeId: string, slug: string, language: string, anyLanguage: boolean): Promise<Category[]> {
    return this.categories(BY_SLUG, [null, storeId, slug, language, anyLanguage]);
  }

  /** The categories that hold a product. */
  byProduct(storeId: string, productId: string, language: string | null): Promise<Category[]> {
    return this.categories(BY_PRODUCT, [language, storeId, productId]);
  }

  /** Makers of the products in a category and its descendants; undefined if there is no such category. */
  async manufacturers(
    storeId: string,
    categoryId: string,
    language: string | null,
  ): Promise<Manufacturer[] | undefined> {
    const [answer] = await this.database.query<{ found: boolean; manufacturers: Manufacturer[] }>(
      MANUFACTURERS,
      [language, storeId, categoryId],
    );
    return answer?.found ? answer.manufacturers : undefined;
  }

  /** Whether the store has a category with this id. */
  async exists(storeId: string, categoryId: string): Promise<boolean> {
    const rows = await this.database.query(EXISTS, [storeId, categoryId]);
    return rows.length > 0;
  }

  /** Whether the store has a category with this code. */
  async hasCode(storeId: string, code: string): Promise<boolean> {
    const rows = await this.database.query(HAS_CODE, [storeId, code]);
    return rows.length > 0;
  }

  /** Number of categories of the 100 stores with the most. */
  countByStore(): Promise<{ store: string; categories: number }[]> {
    return this.database.query(COUNT_BY_STORE, []);
  }

  private async categories(sql: string, parameters: Parameter[]): Promise<Category[]> {
    const [answer] = await this.database.query<{ categories: Category[] }>(sql, parameters);
    return answer?.categories ?? [];
  }
}
