/**
 * Rules that a VirtualService takes from its delegates (Istio: pilot/pkg/model/virtualservice.go, mergeHTTPRoutes). A rule of
 * a delegate counts where it asks for no other requests than the root's rule does; otherwise Istio drops it.
 */
import type { StringMatch } from "../istio/virtual-service";
import type { WrittenMatch, WrittenRoute } from "./written-objects";

/** The rules of a delegate in the place of the root's rule that names it. */
export function delegatedRules(root: WrittenRoute, delegate: readonly WrittenRoute[]): WrittenRoute[] {
  return delegate.flatMap((rule): WrittenRoute[] => {
    const match = delegatedMatches(root.match ?? [], rule.match ?? []);
    if (!match) return [];
    // Where a request goes is for the delegate to say.
    const inherited = { ...root, delegate: undefined, route: undefined, redirect: undefined };
    const name = joined(root.name, rule.name, "-");
    return [present<WrittenRoute>({ ...inherited, ...present(rule), name, match })];
  });
}

/** Undefined where a match of the delegate fits none of the root. */
function delegatedMatches(
  root: readonly WrittenMatch[],
  delegate: readonly WrittenMatch[],
): readonly WrittenMatch[] | undefined {
  if (root.length === 0) return delegate;
  if (delegate.length === 0) return root;
  const all = delegate.map((own) =>
    root.filter((outer) => !conflict(outer, own)).map((outer) => bothMatches(outer, own)),
  );
  return all.every((merged) => merged.length > 0) ? all.flat() : undefined;
}

function bothMatches(root: WrittenMatch, own: WrittenMatch): WrittenMatch {
  return {
    ...root,
    ...present(own),
    name: joined(root.name, own.name, "-"),
    headers: { ...root.headers, ...own.headers },
    withoutHeaders: { ...root.withoutHeaders, ...own.withoutHeaders },
    queryParams: { ...root.queryParams, ...own.queryParams },
    sourceLabels: { ...root.sourceLabels, ...own.sourceLabels },
    gateways: own.gateways?.length ? own.gateways : (root.gateways ?? []),
  };
}

/** Istio: hasConflict. */
function conflict(root: WrittenMatch, own: WrittenMatch): boolean {
  const apart = (
    outer: Readonly<Record<string, StringMatch>> | undefined,
    inner: Readonly<Record<string, StringMatch>> | undefined,
  ): boolean => Object.entries(inner ?? {}).some(([key, match]) => textConflict(outer?.[key], match));
  const named = new Set(root.gateways);
  return (
    (["uri", "scheme", "method", "authority"] as const).some((key) => textConflict(root[key], own[key])) ||
    apart(root.headers, own.headers) ||
    apart(root.withoutHeaders, own.withoutHeaders) ||
    apart(root.queryParams, own.queryParams) ||
    (root.ignoreUriCase ?? false) !== (own.ignoreUriCase ?? false) ||
    (Boolean(root.port) && Boolean(own.port) && root.port !== own.port) ||
    (Boolean(root.sourceNamespace) && own.sourceNamespace !== root.sourceNamespace) ||
    Object.entries(own.sourceLabels ?? {}).some(
      ([key, value]) => (root.sourceLabels?.[key] ?? value) !== value,
    ) ||
    (named.size > 0 && (own.gateways ?? []).some((gateway) => !named.has(gateway)))
  );
}

/** Whether a value may match `own` and not `root`, by the few cases that Istio compares (Istio: stringMatchConflict). */
function textConflict(root: StringMatch | undefined, own: StringMatch | undefined): boolean {
  if (!root || !own) return false;
  if (root.exact) return own.exact !== root.exact || Boolean(own.prefix) || Boolean(own.regex);
  const text = own.prefix ?? own.exact ?? "";
  return !(root.prefix && text !== "" && text.startsWith(root.prefix));
}

const joined = (a: string | undefined, b: string | undefined, by: string): string =>
  [a, b].filter(Boolean).join(by);

/** Without what is undefined or null: that is inherited. */
function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as T;
}
