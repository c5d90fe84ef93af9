import type { StringMatch } from "../istio/virtual-service";
import type { PathMatch } from "./matches";

/** A path that is routed: itself alone, or with everything below it. */
export type RoutedPath = { readonly exact: string } | { readonly prefix: string };

/** "/a/" and "/a" are one prefix; that of everything is empty. */
const base = (prefix: string): string => prefix.replace(/\/+$/, "");

/** Whether every path that `inner` matches is matched by `outer` too. A regex is judged by the text that it begins with. */
export function within(inner: PathMatch, outer: RoutedPath): boolean {
  if ("exact" in outer) return "exact" in inner && inner.exact === outer.exact;
  const root = base(outer.prefix);
  if ("exact" in inner) return inner.exact === root || inner.exact.startsWith(`${root}/`);
  if ("prefix" in inner) return `${base(inner.prefix)}/`.startsWith(`${root}/`);
  return regexStart(inner.regex).startsWith(`${root}/`);
}

/**
 * The part of `path` that lies within `routed`: `path` itself, or those of `routed` that lie within it; none when they
 * have nothing in common. Without `path` it is all of `routed`.
 */
export function confine(path: PathMatch | undefined, routed: readonly RoutedPath[]): PathMatch[] {
  if (path === undefined) return [...routed];
  if (routed.some((r) => within(path, r))) return [path];
  // A regex has no part that could be said in one match.
  return "regex" in path || "exact" in path ? [] : routed.filter((r) => within(r, path));
}

/** Text that whatever `regex` matches begins with; empty when that cannot be told. */
export function regexStart(regex: string): string {
  if (hasAlternative(regex)) return "";
  const start = /^\^?((?:[\w/~%!@&=:;,'"<> -]|\\[^\w])*)/.exec(regex);
  const literal = start?.[1] ?? "";
  const next = regex[start?.[0].length ?? 0];
  const text = literal.replaceAll(/\\(.)/g, "$1");
  // A quantifier makes the last character optional.
  return next !== undefined && "*?{".includes(next) ? text.slice(0, -1) : text;
}

/** Whether `regex` has a "|" outside of groups and classes. */
function hasAlternative(regex: string): boolean {
  const outside = regex.replaceAll(/\\./g, "").replaceAll(/\[\^?\]?[^\]]*\]/g, "");
  let depth = 0;
  for (const c of outside) {
    if (c === "(") depth++;
    else if (c === ")") depth--;
    else if (c === "|" && depth === 0) return true;
  }
  return false;
}

/** Istio's prefix is textual (`/a` matches `/ab` too): the path itself and what is below it are two matches. */
export function uriMatches(path: PathMatch): StringMatch[] {
  if (!("prefix" in path)) return [path];
  const root = base(path.prefix);
  const below = { prefix: `${root}/` };
  return root === "" ? [below] : [{ exact: root }, below];
}
