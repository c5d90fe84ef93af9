/** Match subsumption: whether one match contains all requests of another. */
import type { FieldMatch, FieldMatches, PathMatch, RequestMatch } from "./matches";
import { within } from "./paths";
import { wholeMatch } from "./regex";

/**
 * Whether every request that matches `b` also matches `a`. False where that cannot be decided: a regex covers only an equal
 * regex, and several matches that cover `b` only together are not considered.
 */
export function covers(a: RequestMatch, b: RequestMatch): boolean {
  return (
    a.sourceNamespace === b.sourceNamespace &&
    hostCovers(a.host, b.host) &&
    pathCovers(a.path, b.path) &&
    methodCovers(a.method, b.method) &&
    fieldsCover(a.headers, b.headers) &&
    fieldsCover(a.cookies, b.cookies) &&
    fieldsCover(a.query, b.query) &&
    Object.entries(a.claims ?? {}).every(
      ([claim, values]) => b.claims?.[claim]?.every((value) => values.includes(value)) === true,
    ) &&
    withoutCovers(a.without?.headers, b.without?.headers, b.headers) &&
    // A request may have a cookie twice, so that a match of one value does not exclude another value.
    withoutCovers(a.without?.cookies, b.without?.cookies, undefined)
  );
}

/** Whether `a` matches all hosts that `b` matches; undefined and `*` match every host. */
export function hostCovers(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || a === "*" || a === b) return true;
  return b !== undefined && a.startsWith("*.") && b.endsWith(a.slice(1));
}

function pathCovers(a: PathMatch | undefined, b: PathMatch | undefined): boolean {
  if (a === undefined) return true;
  if ("prefix" in a) return within(b ?? { prefix: "/" }, a);
  if (b === undefined) return "regex" in a && a.regex === ".*";
  return valueCovers(a, b);
}

function methodCovers(a: RequestMatch["method"], b: RequestMatch["method"]): boolean {
  if (a === undefined) return true;
  if (b === undefined) return false;
  return [b].flat().every((method) => [a].flat().includes(method));
}

function fieldsCover(a: FieldMatches = {}, b: FieldMatches = {}): boolean {
  return Object.entries(a).every(([name, match]) => {
    const other = b[name];
    return other !== undefined && valueCovers(match, other);
  });
}

/** Whether the negation of `a` covers: `b` excludes all that `a` excludes, or requires a value that `a` does not exclude. */
function withoutCovers(a: FieldMatches = {}, b: FieldMatches = {}, values: FieldMatches = {}): boolean {
  return Object.entries(a).every(([name, match]) => {
    const other = b[name];
    if (other !== undefined && valueCovers(other, match)) return true;
    const value = values[name];
    return value !== undefined && "exact" in value && !fieldMatches(match, value.exact);
  });
}

/** Whether `a` matches every value that `b` matches. */
function valueCovers(a: FieldMatch, b: FieldMatch): boolean {
  if ("present" in a) return true;
  if ("present" in b) return "regex" in a && a.regex === ".*";
  if ("exact" in b) return fieldMatches(a, b.exact);
  if ("prefix" in b) return "prefix" in a ? b.prefix.startsWith(a.prefix) : "regex" in a && a.regex === ".*";
  return "regex" in a && (a.regex === b.regex || a.regex === ".*");
}

/** Whether a value matches. */
export function fieldMatches(match: FieldMatch, value: string): boolean {
  if ("present" in match) return true;
  if ("exact" in match) return match.exact === value;
  return "prefix" in match ? value.startsWith(match.prefix) : wholeMatch(match.regex)(value);
}
