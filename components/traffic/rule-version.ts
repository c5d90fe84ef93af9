/**
 * A mark in Envoy's routes that shows which version of a rule a proxy has. Each rule removes a response header whose name
 * contains a digest of the rule; no service sends such a header. Weights are not part of the digest, since they are
 * compared directly.
 */
import { createHash } from "node:crypto";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { HttpRoute } from "../istio/virtual-service";
import { defined } from "../istio/without-undefined";

const MARK = "x-shopzier-mesh-rule-";

/** `rules`, each with the mark of its version; the digest includes the hosts. */
export function markedRules(hosts: readonly string[], rules: readonly HttpRoute[]): HttpRoute[] {
  return rules.map((rule) => {
    const unweighted = { ...rule, route: rule.route?.map(({ destination }) => destination) };
    const { response } = rule.headers ?? {};
    const remove = [...(response?.remove ?? []), MARK + digest([hosts, unweighted])];
    return { ...rule, headers: { ...rule.headers, response: { ...response, remove } } };
  });
}

/** `rule` without its mark, and without the empty fields that remain. */
export function unmarked<Rule extends HttpRoute>(rule: Rule): Rule {
  const { response } = rule.headers ?? {};
  const remove = response?.remove;
  if (!Array.isArray(remove) || ruleVersion(remove as readonly string[]) === undefined) return rule;
  const others = (remove as readonly string[]).filter((name) => !name.startsWith(MARK));
  const rest = defined({ ...response, remove: others.length > 0 ? others : undefined });
  const headers = defined({ ...rule.headers, response: Object.keys(rest).length > 0 ? rest : undefined });
  return defined({ ...rule, headers: Object.keys(headers).length > 0 ? headers : undefined });
}

/** The mark among the response headers that a rule, or a route of Envoy, removes. */
export const ruleVersion = (removed: readonly string[] = []): string | undefined =>
  removed.find((name) => name.startsWith(MARK));

/** The mark of the gateway patches of a service: a value that each of its routes must have in Envoy's metadata under a key. */
export interface PatchesMark {
  readonly key: string;
  readonly version: string;
}

export const patchesMark = (
  { namespace, name }: { readonly namespace: string; readonly name: string },
  patches: readonly EnvoyConfigPatch[],
): PatchesMark => ({ key: `shopzier-mesh.${namespace}.${name}.patches`, version: digest(patches) });

/** A patch that adds `mark` to every route of `host`. */
export const markPatch = (host: string, { key, version }: PatchesMark): EnvoyConfigPatch => ({
  applyTo: "HTTP_ROUTE",
  match: { context: "GATEWAY", routeConfiguration: { vhost: { domainName: host } } },
  patch: { operation: "MERGE", value: { metadata: { filter_metadata: { [key]: { version } } } } },
});

const digest = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 8);
