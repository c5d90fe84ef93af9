import { BadRequest } from "./errors";

/** Query string as the HTTP server parses it: a repeated parameter is an array. */
export type QueryString = Readonly<Record<string, string | string[] | undefined>>;

/** Parameters of the list endpoint. */
export interface ListQuery {
  /** Zero-based. */
  readonly page: number;
  readonly count: number;
  readonly name: string | undefined;
  readonly filters: ReadonlySet<string>;
}

const LARGEST_INTEGER = 2 ** 31 - 1;
/** Maximum rows of one answer, which is built in memory. Shopizer's clients request at most 1000. */
export const LARGEST_PAGE = 1000;

/** The first value of a parameter; a blank value is absent. */
export function single(query: QueryString, name: string): string | undefined {
  const value = [query[name]].flat()[0];
  return value?.trim() ? value : undefined;
}

/** Reads the list's parameters; `filter` may be repeated or a comma list. Throws {@link BadRequest} with every fault. */
export function parseListQuery(query: QueryString): ListQuery {
  const faults: string[] = [];
  const integer = (name: string, least: number, most: number, fallback: number): number => {
    const text = single(query, name)?.trim();
    if (text === undefined) return fallback;
    const value = Number(text);
    if (/^[+-]?\d+$/.test(text) && value >= least && value <= most) return value;
    faults.push(`${name} is "${text}"; allowed: a whole number from ${least} to ${most}`);
    return fallback;
  };
  const page = integer("page", 0, LARGEST_INTEGER, 0);
  const count = integer("count", 1, LARGEST_PAGE, 10);
  if (faults.length > 0) throw new BadRequest(faults.join(". "));
  const filters = [query.filter].flat().flatMap((value) => value?.split(",") ?? []);
  return { page, count, name: single(query, "name"), filters: new Set(filters.map((value) => value.trim())) };
}
