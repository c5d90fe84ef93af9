import type { StringMatch } from "../istio/virtual-service";
import type { PathMatch } from "./matches";
import { literal, regexStart, wholeMatch } from "./regex";

/** A path that is routed: itself alone, with everything below it, or all that fit a template, whose `*` are one segment each. */
export type RoutedPath =
  { readonly exact: string } | { readonly prefix: string } | { readonly template: string };

/** "/a/" and "/a" are one prefix; that of everything is empty. */
const base = (prefix: string): string => prefix.replace(/\/+$/, "");

/** A path with and without a slash at its end: services answer both alike (Fastify's ignoreTrailingSlash, Spring 5). */
export function spellings(path: string): string[] {
  const plain = base(path);
  return plain === "" ? [path] : [path, path === plain ? `${plain}/` : plain];
}

/** A routed path as rules match it. */
function pathMatch(routed: RoutedPath): PathMatch {
  if (!("template" in routed)) return routed;
  const segments = routed.template
    .split("/")
    .map((segment) => (segment === "*" ? "[^/]+" : literal(segment)));
  return { regex: segments.join("/") };
}

/** Whether every path that `inner` matches is matched by `outer` too. A regex is judged by the text that it begins with. */
export function within(inner: PathMatch, outer: RoutedPath): boolean {
  if ("exact" in outer) return "exact" in inner && inner.exact === outer.exact;
  if ("template" in outer) {
    const all = pathMatch(outer);
    if ("regex" in inner) return "regex" in all && inner.regex === all.regex;
    return "exact" in inner && "regex" in all && wholeMatch(all.regex)(inner.exact);
  }
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
  if (path === undefined) return routed.map(pathMatch);
  if (routed.some((r) => within(path, r))) return [path];
  // A regex has no part that could be said in one match.
  return "regex" in path || "exact" in path ? [] : routed.map(pathMatch).filter((r) => within(r, path));
}

/** Istio's prefix is textual (`/a` matches `/ab` too): the path itself and what is below it are two matches. */
export function uriMatches(path: PathMatch): StringMatch[] {
  if (!("prefix" in path)) return [path];
  const root = base(path.prefix);
  const below = { prefix: `${root}/` };
  return root === "" ? [below] : [{ exact: root }, below];
}
