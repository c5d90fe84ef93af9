import { defined } from "../istio/without-undefined";
import type { AuthorizationRule, Operation } from "../istio/authorization-policy";
import { spellings, type RoutedPath } from "../traffic/paths";

/** A request for one of `paths` with one of `methods`. Default of both: any. */
export interface RequestCondition {
  /** Compared with the normalised path without the query. */
  readonly paths?: readonly RoutedPath[];
  readonly methods?: readonly string[];
}

/**
 * Paths in the form of an AuthorizationPolicy. Its `*` is textual, so a prefix is two paths: the path and the paths below it.
 * One segment is `{*}`. A path with a slash at its end counts as the same path.
 */
export function policyPaths(paths: readonly RoutedPath[]): string[] {
  return paths.flatMap((path) => {
    if ("exact" in path) return spellings(path.exact);
    if ("template" in path) return spellings(path.template.replaceAll("*", "{*}"));
    const base = path.prefix.replace(/\/+$/, "");
    return base === "" ? ["/*"] : [base, `${base}/*`];
  });
}

/** The field `to` of a rule; nothing if there is no condition on the operation. */
export function toOperation(operation: Operation): Pick<AuthorizationRule, "to"> {
  const given = Object.entries(operation).filter(([, values]) => values !== undefined);
  return given.length === 0 ? {} : { to: [{ operation: Object.fromEntries(given) }] };
}

/** A condition as Istio's Operation. */
export function operationOf({ paths, methods }: RequestCondition): Operation {
  return defined({ paths: paths && policyPaths(paths), methods });
}
