import type { StringMatch } from "../istio/virtual-service";
import type { PathMatch } from "./matches";
import { regexStart } from "./regex";

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

/** Istio's prefix is textual (`/a` matches `/ab` too): the path itself and what is below it are two matches. */
export function uriMatches(path: PathMatch): StringMatch[] {
  if (!("prefix" in path)) return [path];
  const root = base(path.prefix);
  const below = { prefix: `${root}/` };
  return root === "" ? [below] : [{ exact: root }, below];
}
