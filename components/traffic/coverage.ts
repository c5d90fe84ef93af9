/** Whether one match leaves nothing for another. */
import type { FieldMatch, FieldMatches, PathMatch, RequestMatch } from "./matches";
import { within } from "./paths";
import { wholeMatch } from "./regex";

/**
 * Whether every request that `b` matches is certain to match `a` too. False where it cannot be told: one regex is only
 * known to cover an equal one, and several matches together may cover what none of them does alone.
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
    // A cookie may be there twice: that it has one value does not say that it has no other.
    withoutCovers(a.without?.cookies, b.without?.cookies, undefined)
  );
}

/** Whether all hosts that `b` stands for are hosts that `a` stands for; undefined and `*` are every host. */
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

/** `a` and `b` are negations: what `b` excludes has to contain what `a` excludes, or the value to be another one. */
function withoutCovers(a: FieldMatches = {}, b: FieldMatches = {}, values: FieldMatches = {}): boolean {
  return Object.entries(a).every(([name, match]) => {
    const other = b[name];
    if (other !== undefined && valueCovers(other, match)) return true;
    const value = values[name];
    return value !== undefined && "exact" in value && !fieldMatches(match, value.exact);
  });
}

/** Whether every value that `b` takes is one that `a` takes. */
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
