/** Whether a rule is never reached, since one match of an earlier rule takes all that a match of it takes. */
import { isDeepStrictEqual } from "node:util";
import type { StringMatch } from "../../components/istio/virtual-service";
import { except } from "./fields";
import type { WrittenMatch, WrittenRoute } from "../../components/simulator/written-objects";

/** False where that cannot be decided: several matches that take all only together are not considered. */
export function takesAll(earlier: readonly WrittenRoute[], { match }: WrittenRoute): boolean {
  const own = match?.length ? match : [{}];
  return own.every((wanted) =>
    earlier.some((rule) => (rule.match?.length ? rule.match : [{}]).some((given) => covers(given, wanted))),
  );
}

/** Whether two lists of matches take the same requests, as far as single matches show it. */
export const sameRequests = (a: readonly WrittenMatch[], b: readonly WrittenMatch[]): boolean =>
  everyCovered(a, b) && everyCovered(b, a);

const everyCovered = (by: readonly WrittenMatch[], all: readonly WrittenMatch[]): boolean =>
  all.every((wanted) => by.some((given) => covers(given, wanted)));

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
