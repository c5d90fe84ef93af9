import { defined } from "../istio/defined";
import type { AuthorizationRule, Operation } from "../istio/authorization-policy";
import { spellings, type RoutedPath } from "../traffic/paths";

/** What is asked for: one of `paths` by one of `methods`; what is left out is any. */
export interface RequestCondition {
  /** Judged as they are after normalisation, without the query. */
  readonly paths?: readonly RoutedPath[];
  readonly methods?: readonly string[];
}

/**
 * Paths as an AuthorizationPolicy takes them: its `*` is textual, so a prefix is the path itself and what is below it; one
 * segment is `{*}`. A slash at the end makes no other path of one.
 */
export function policyPaths(paths: readonly RoutedPath[]): string[] {
  return paths.flatMap((path) => {
    if ("exact" in path) return spellings(path.exact);
    if ("template" in path) return spellings(path.template.replaceAll("*", "{*}"));
    const base = path.prefix.replace(/\/+$/, "");
    return base === "" ? ["/*"] : [base, `${base}/*`];
  });
}

/** The `to` of a rule; a rule without conditions on the operation has none. */
export function toOperation(operation: Operation): Pick<AuthorizationRule, "to"> {
  const given = Object.entries(operation).filter(([, values]) => values !== undefined);
  return given.length === 0 ? {} : { to: [{ operation: Object.fromEntries(given) }] };
}

/** A condition as the operation of a policy. */
export function operationOf({ paths, methods }: RequestCondition): Operation {
  return defined({ paths: paths && policyPaths(paths), methods });
}
