import type { StringMatch } from "../istio/virtual-service";
import type { PathMatch } from "./matches";
import { literal, regexStart, wholeMatch } from "./regex";

/** A routed path: one path, a path and all paths below it, or the paths of a template, where each `*` is one segment. */
export type RoutedPath =
  { readonly exact: string } | { readonly prefix: string } | { readonly template: string };

/** A prefix in one spelling: "/a/" and "/a" are the same, and "/" is empty. */
const base = (prefix: string): string => prefix.replace(/\/+$/, "");

/** A path with and without a slash at its end, since services may answer both (Fastify's ignoreTrailingSlash, Spring 5). */
export function spellings(path: string): string[] {
  const plain = base(path);
  return plain === "" ? [path] : [path, path === plain ? `${plain}/` : plain];
}

/** A routed path as the path match of a rule. */
function pathMatch(routed: RoutedPath): PathMatch {
  if (!("template" in routed)) return routed;
  const segments = routed.template
    .split("/")
    .map((segment) => (segment === "*" ? "[^/]+" : literal(segment)));
  return { regex: segments.join("/") };
}

/** Whether `outer` matches every path that `inner` matches. A regex counts by the literal text at its start. */
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
 * The intersection of `path` and `routed`: `path` itself, or those of `routed` that are within it; none where they are
 * disjoint. Default of `path`: all of `routed`.
 */
export function confine(path: PathMatch | undefined, routed: readonly RoutedPath[]): PathMatch[] {
  if (path === undefined) return routed.map(pathMatch);
  if (routed.some((r) => within(path, r))) return [path];
  // The intersection of a regex and a path is no single match.
  return "regex" in path || "exact" in path ? [] : routed.map(pathMatch).filter((r) => within(r, path));
}

/** A path as Istio's matches. Istio's prefix is textual (`/a` matches `/ab`), so a path and the paths below it are two matches. */
export function uriMatches(path: PathMatch): StringMatch[] {
  if (!("prefix" in path)) return [path];
  const root = base(path.prefix);
  const below = { prefix: `${root}/` };
  return root === "" ? [below] : [{ exact: root }, below];
}
