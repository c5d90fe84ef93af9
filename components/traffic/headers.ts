import { defined } from "../istio/defined";
import type { HeaderOperations, HttpRoute } from "../istio/virtual-service";

/** Header names → values for `set` (replaces) and `add` (appends), names for `remove`. Not `host`, which is rewritten. */
export type HeaderChanges = HeaderOperations;

/** Changes of headers on the way to a version (`request`) and on the way back (`response`). */
export interface HeaderPolicy {
  readonly request?: HeaderChanges;
  readonly response?: HeaderChanges;
}

/** In Istio's words. What the gateway answers itself has a response alone; `own` are changes of it beside those that are asked for. */
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

/** Envoy reads %...% in a value as a command (custom request and response headers); here a percent sign is one. */
function literalValues({ set, add, remove }: HeaderChanges): HeaderOperations {
  const escaped = (values: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.replaceAll("%", "%%")]));
  return defined({ set: set && escaped(set), add: add && escaped(add), remove });
}
