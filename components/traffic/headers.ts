import { defined } from "../istio/without-undefined";
import type { HeaderOperations, HttpRoute } from "../istio/virtual-service";

/** Header names → values for `set` (replaces) and `add` (appends); names for `remove`. `host` is changed by a rewrite instead. */
export type HeaderChanges = HeaderOperations;

/** Changes of the headers of requests to a version and of its responses. */
export interface HeaderPolicy {
  readonly request?: HeaderChanges;
  readonly response?: HeaderChanges;
}

/**
 * The changes as Istio's Headers. An answer of the gateway itself has only a response.
 *
 * @param own changes of the response that other policies need.
 */
export function headersSpec(
  { request, response }: HeaderPolicy,
  answered: "by a version" | "by the gateway",
  own: HeaderChanges = {},
): Partial<HttpRoute> {
  const remove = [...new Set([...(response?.remove ?? []), ...(own.remove ?? [])])];
  const add = { ...response?.add };
  for (const [name, value] of Object.entries(own.add ?? {})) {
    const asked = Object.keys(add).find((key) => key.toLowerCase() === name);
    add[asked ?? name] = asked === undefined ? value : `${add[asked] ?? ""}, ${value}`;
  }
  const back = {
    ...response,
    ...(Object.keys(add).length > 0 && { add }),
    ...(remove.length > 0 && { remove }),
  };
  const headers = {
    ...(request && answered === "by a version" && { request: literalValues(request) }),
    ...(Object.keys(back).length > 0 && { response: literalValues(back) }),
  };
  return Object.keys(headers).length > 0 ? { headers } : {};
}

/** Escapes percent signs, since Envoy reads %...% in a value as a command (custom request and response headers). */
function literalValues({ set, add, remove }: HeaderChanges): HeaderOperations {
  const escaped = (values: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.replaceAll("%", "%%")]));
  return defined({ set: set && escaped(set), add: add && escaped(add), remove });
}
