import type { Category, Description } from "./category-store";

/** Generations of the Shopizer API: the release tag, and the main branch after it. */
export const CONTRACT_NAMES = ["3.2.5", "main"] as const;

/** A category as the API answers it; the order of fields is Shopizer's. */
export interface ReadableCategory {
  id: number;
  code: string;
  sortOrder: number;
  visible: boolean;
  featured: boolean;
  lineage: string;
  depth: number;
  parent: Parent | null;
  description: (Omit<Description, "language"> & { language: string | null }) | null;
  /** Shopizer never fills it. */
  productCount: 0;
  store: string | null;
  children: ReadableCategory[];
  /** Only in answers for all languages. */
  descriptions?: readonly Description[];
}

type Parent = Pick<ReadableCategory, "id" | "code"> & Partial<ReadableCategory>;

/** Differences between the two generations. */
export interface Contract {
  /** Whether a slug is found in every language, not only in the requested one. */
  readonly slugInAnyLanguage: boolean;
  /** `parent` in lists and by id. */
  parent(parent: Category, family: Family, language: string | null): Parent;
  /** `parent` by slug. */
  slugParent(parent: Category): Parent;
}

/** Categories by id: the requested ones and their ancestors. */
export type Family = ReadonlyMap<number, Category>;

const reference = ({ id, code }: Category) => ({ id, code });

/** Both generations by name. */
export const CONTRACTS: Readonly<Record<(typeof CONTRACT_NAMES)[number], Contract>> = {
  "3.2.5": { slugInAnyLanguage: true, parent: reference, slugParent: reference },
  main: {
    slugInAnyLanguage: false,
    parent: (parent, family, language) => readable(CONTRACTS.main, parent, family, language),
    slugParent: (parent) => ({ ...reference(parent), description: null }),
  },
};

/** Indexes categories by id. */
export function familyOf(categories: readonly Category[]): Family {
  return new Map(categories.map((category) => [category.id, category]));
}

/** The shape in lists and by id, without children; `language` null answers all descriptions. */
export function readable(
  contract: Contract,
  category: Category,
  family: Family,
  language: string | null,
): ReadableCategory {
  const parent = parentOf(category, family);
  return {
    ...ownFields(category),
    parent: parent ? contract.parent(parent, family, language) : null,
    description: language === null ? null : (category.descriptions[0] ?? null),
    productCount: 0,
    store: category.store,
    children: [],
    ...(language === null ? { descriptions: category.descriptions } : {}),
  };
}

/**
 * The shape by slug: no store, no children, a description without language that carries the category's id.
 * The description is that in the requested language, otherwise the first.
 */
export function readableBySlug(
  contract: Contract,
  category: Category,
  family: Family,
  language: string,
): ReadableCategory {
  const parent = parentOf(category, family);
  const description =
    category.descriptions.find((one) => one.language === language) ?? category.descriptions[0];
  return {
    ...ownFields(category),
    parent: parent ? contract.slugParent(parent) : null,
    description: description ? { ...description, id: category.id, language: null } : null,
    productCount: 0,
    store: null,
    children: [],
  };
}

function ownFields({ id, code, sortOrder, visible, featured, lineage, depth }: Category) {
  return { id, code, sortOrder, visible, featured, lineage, depth };
}

function parentOf(category: Category, family: Family): Category | undefined {
  return category.parentId === null ? undefined : family.get(category.parentId);
}
