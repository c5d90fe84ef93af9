import type { Description } from "./category-store";
import { type Database, sqlState, type Transaction } from "./database";
import { BadRequest, Conflict, NotFound } from "./errors";

/** A description as a client writes it. */
export type DescriptionDraft = Omit<Description, "id">;

/** A category as a client writes it. */
export interface CategoryDraft {
  readonly code: string;
  readonly sortOrder: number;
  readonly visible: boolean;
  readonly featured: boolean;
  /** Code of the parent; undefined, or a code that the store does not have, makes it a root, as in Shopizer. */
  readonly parentCode: string | undefined;
  /** One for each language; descriptions in other languages stay. */
  readonly descriptions: readonly DescriptionDraft[];
}

/** The store that a client changes: its id, and the code for messages. */
export interface EditedStore {
  readonly id: string;
  readonly code: string;
}

// Changes of a store's categories happen one after another, across versions and replicas. Otherwise two moves that are each
// valid could create a cycle. Reads, and references to the store, do not wait.
const LOCK_STORE = "/* lock store */ select from store where id = $1::bigint for no key update";

const FIND =
  "/* find category */ select id::text as id from category where store_id = $1::bigint and id = $2::bigint";

const FIND_CODE =
  "/* find code */ select id::text as id from category where store_id = $1::bigint and code = $2";

const UNKNOWN_LANGUAGES = `/* unknown languages */
select code from json_array_elements_text($1::json) as asked(code) where code not in (select code from language)`;

const INSERT = `/* insert category */
insert into category (id, store_id, parent_id, code, lineage, depth, sort_order, visible, featured)
select new.id, $1::bigint, parent.id, $3, coalesce(parent.lineage, '/') || new.id || '/', coalesce(parent.depth + 1, 0),
  $4::integer, $5::boolean, $6::boolean
from (select nextval(pg_get_serial_sequence('category', 'id')) as id) new
left join category parent on parent.id = $2::bigint
returning id::text as id`;

const UPDATE = `/* update category */
update category set code = $2, sort_order = $3::integer, visible = $4::boolean, featured = $5::boolean
where id = $1::bigint`;

const DESCRIBE = `/* describe category */
insert into category_description
  (category_id, language, name, description, friendly_url, key_words, highlights, meta_description, title)
select $1::bigint, language, name, description, "friendlyUrl", nullif("keyWords", ''), highlights, "metaDescription", title
from json_to_recordset($2::json) as given(language text, name text, description text, "friendlyUrl" text, "keyWords" text,
  highlights text, "metaDescription" text, title text)
on conflict (category_id, language) do update set
  name = excluded.name, description = excluded.description, friendly_url = excluded.friendly_url,
  key_words = excluded.key_words, highlights = excluded.highlights, meta_description = excluded.meta_description,
  title = excluded.title`;

const SET_VISIBLE = `/* set visible */
update category set visible = $3::boolean where store_id = $1::bigint and id = $2::bigint returning id::text as id`;

/** $1 itself and all above it. */
const IS_ABOVE = `/* is above */
with recursive line(id) as (
  select $1::bigint
  union
  select c.parent_id from line join category c on c.id = line.id where c.parent_id is not null
)
select from line where id = $2::bigint`;

const MOVE = `/* move category */
with recursive tree(id, lineage, depth) as (
  select c.id, coalesce(parent.lineage, '/') || c.id || '/', coalesce(parent.depth + 1, 0)
  from category c left join category parent on parent.id = $2::bigint
  where c.id = $1::bigint
  union all
  select c.id, tree.lineage || c.id || '/', tree.depth + 1 from tree join category c on c.parent_id = tree.id
)
update category c
set lineage = tree.lineage, depth = tree.depth,
  parent_id = case when c.id = $1::bigint then $2::bigint else c.parent_id end
from tree where c.id = tree.id`;

const remove = (name: string, table: string, column: string) => `/* remove ${name} */
with recursive tree(id) as (
  select $1::bigint
  union
  select c.id from tree join category c on c.parent_id = tree.id
)
delete from ${table} where ${column} in (select id from tree)`;
// In this order: rows that refer to a category are deleted first.
const REMOVE = [
  remove("product links", "product_category", "category_id"),
  remove("descriptions", "category_description", "category_id"),
  remove("categories", "category", "id"),
];

const FIND_PRODUCT = "/* find product */ select from product where store_id = $1::bigint and id = $2::bigint";

const LINK = `/* link product */
insert into product_category (product_id, category_id) values ($1::bigint, $2::bigint) on conflict do nothing`;

const UNLINK =
  "/* unlink product */ delete from product_category where product_id = $1::bigint and category_id = $2::bigint";

/**
 * Writes to the category database. Each is one transaction; writes to one store happen one after another.
 * Ids are decimal text, because they have 64 bits.
 */
export class CategoryEditor {
  constructor(
    private readonly database: Database,
    private readonly store: EditedStore,
  ) {}

  /** Adds a category and returns its id. Throws {@link Conflict} if the store has the code, {@link BadRequest} for an unknown language. */
  create(draft: CategoryDraft): Promise<string> {
    return this.change(draft.code, async (transaction) => {
      const parent = await this.parent(transaction, draft);
      const { code, sortOrder, visible, featured } = draft;
      const parameters = [this.store.id, parent, code, sortOrder, visible, featured];
      const [added] = await transaction.query<{ id: string }>(INSERT, parameters);
      if (!added) throw new Error("an insert without an answer");
      await describe(transaction, added.id, draft.descriptions);
      return added.id;
    });
  }

  /** Replaces a category; if the parent differs, moves it and everything below it. Throws as {@link create} and {@link move}. */
  update(id: string, draft: CategoryDraft): Promise<void> {
    return this.change(draft.code, async (transaction) => {
      if (!(await this.find(transaction, id))) throw new NotFound(`Category id [${id}] not found`);
      const parent = await this.parent(transaction, draft);
      const { code, sortOrder, visible, featured } = draft;
      await transaction.query(UPDATE, [id, code, sortOrder, visible, featured]);
      await moveBelow(transaction, id, parent);
      await describe(transaction, id, draft.descriptions);
    });
  }

  /** Shows or hides a category; false if there is none with this id. */
  async setVisible(id: string, visible: boolean): Promise<boolean> {
    const changed = await this.database.query(SET_VISIBLE, [this.store.id, id, visible]);
    return changed.length > 0;
  }

  /**
   * Moves a category and everything below it to another parent, or to the roots (null). Throws {@link NotFound} for an
   * unknown category, and {@link BadRequest} if the new parent is the category itself or below it.
   */
  move(id: string, parentId: string | null): Promise<void> {
    return this.change(undefined, async (transaction) => {
      for (const needed of parentId === null ? [id] : [id, parentId]) {
        if (!(await this.find(transaction, needed))) {
          throw new NotFound(`Category with id [${needed}] for store [${this.store.code}]`);
        }
      }
      await moveBelow(transaction, id, parentId);
    });
  }

  /** Removes a category and everything below it, but no products. Throws {@link NotFound}. */
  remove(id: string): Promise<void> {
    return this.change(undefined, async (transaction) => {
      if (!(await this.find(transaction, id))) throw new NotFound(`No Category found for ID : ${id}`);
      for (const statement of REMOVE) await transaction.query(statement, [id]);
    });
  }

  /** Adds a product to a category or removes it. Throws {@link NotFound} if the store lacks either of them. */
  link(productId: string, categoryId: string, linked: boolean): Promise<void> {
    return this.change(undefined, async (transaction) => {
      if ((await transaction.query(FIND_PRODUCT, [this.store.id, productId])).length === 0) {
        throw new NotFound(`Product id [${productId}] not found`);
      }
      if (!(await this.find(transaction, categoryId)))
        throw new NotFound(`Category id [${categoryId}] not found`);
      await transaction.query(linked ? LINK : UNLINK, [productId, categoryId]);
    });
  }

  private async change<T>(
    code: string | undefined,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    try {
      const locked = async (transaction: Transaction) => {
        await transaction.query(LOCK_STORE, [this.store.id]);
        return work(transaction);
      };
      return await this.database.transaction(locked, this.store.id);
    } catch (error) {
      if (sqlState(error) !== "23505" || code === undefined) throw error;
      throw new Conflict(`Category code [${code}] exists in store [${this.store.code}]`);
    }
  }

  private async find(transaction: Transaction, id: string): Promise<boolean> {
    return (await transaction.query(FIND, [this.store.id, id])).length > 0;
  }

  private async parent(transaction: Transaction, { parentCode }: CategoryDraft): Promise<string | null> {
    if (parentCode === undefined) return null;
    const [parent] = await transaction.query<{ id: string }>(FIND_CODE, [this.store.id, parentCode]);
    return parent?.id ?? null;
  }
}

async function describe(
  transaction: Transaction,
  id: string,
  descriptions: readonly DescriptionDraft[],
): Promise<void> {
  const languages = JSON.stringify(descriptions.map(({ language }) => language));
  const [unknown] = await transaction.query<{ code: string }>(UNKNOWN_LANGUAGES, [languages]);
  if (unknown)
    throw new BadRequest(
      `Language is null for code ${unknown.code} use language ISO code [en, fr ...]`,
      "500",
    );
  await transaction.query(DESCRIBE, [id, JSON.stringify(descriptions)]);
}

async function moveBelow(transaction: Transaction, id: string, parentId: string | null): Promise<void> {
  if (parentId !== null && (await transaction.query(IS_ABOVE, [parentId, id])).length > 0) {
    throw new BadRequest(`Category [${id}] cannot be moved below [${parentId}], which is itself or below it`);
  }
  await transaction.query(MOVE, [id, parentId]);
}
