/** Which matches take the requests of others. */
import { isDeepStrictEqual } from "node:util";
import type { StringMatch } from "../../components/istio/virtual-service";
import { except } from "./fields";
import type { WrittenMatch, WrittenRoute } from "../../components/simulator/written-objects";

/** A rule without matches takes every request. */
export const matchesOf = ({ match }: WrittenRoute): readonly WrittenMatch[] => (match?.length ? match : [{}]);

/** Whether each match of `wanted` is taken by one of `given`. False where that cannot be decided: several that take it only together are not considered. */
export const takesAll = (given: readonly WrittenMatch[], wanted: readonly WrittenMatch[]): boolean =>
  wanted.every((one) => given.some((other) => covers(other, one)));

/** Whether two lists of matches take the same requests, as far as single matches show it. */
export const sameRequests = (a: readonly WrittenMatch[], b: readonly WrittenMatch[]): boolean =>
  takesAll(a, b) && takesAll(b, a);

/** Conditions that are no plain equality. */
const READ = ["name", "statPrefix", "ignoreUriCase", "uri", "headers", "queryParams", "withoutHeaders"];

/** Whether `a` takes each request that `b` takes: every condition of `a` follows from one of `b`. */
function covers(a: WrittenMatch, b: WrittenMatch): boolean {
  const sameCase = a.ignoreUriCase === b.ignoreUriCase;
  return (
    (a.uri === undefined || a.uri.prefix === "/" || (sameCase && texts(a.uri, b.uri))) &&
    records(a.headers, b.headers) &&
    records(a.queryParams, b.queryParams) &&
    Object.entries(a.withoutHeaders ?? {}).every(([key, one]) =>
      isDeepStrictEqual(one, b.withoutHeaders?.[key]),
    ) &&
    Object.entries(except(a, ...READ)).every(
      ([key, value]) => value === undefined || isDeepStrictEqual(value, b[key as keyof WrittenMatch]),
    )
  );
}

function records(
  a: Readonly<Record<string, StringMatch>> = {},
  b: Readonly<Record<string, StringMatch>> = {},
): boolean {
  return Object.entries(a).every(([key, one]) => {
    const other = b[key];
    return other !== undefined && (Object.keys(one).length === 0 || texts(one, other));
  });
}

function texts(a: StringMatch, b: StringMatch | undefined): boolean {
  if (b === undefined) return false;
  if (isDeepStrictEqual(a, b)) return true;
  const text = b.exact ?? b.prefix;
  return a.prefix !== undefined && text !== undefined && text.startsWith(a.prefix);
}
