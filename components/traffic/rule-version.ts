/**
 * Which version of a rule does a proxy hold? Each rule takes a header out of the answers that nobody sends, with a digest of the
 * rule in its name: Envoy's routes show it, whatever the rule says. Weights are no part of it: they are compared themselves.
 */
import { createHash } from "node:crypto";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { HttpRoute } from "../istio/virtual-service";

const MARK = "x-shopzier-mesh-rule-";

/** `rules` with the mark of their version, for these hosts. */
export function markedRules(hosts: readonly string[], rules: readonly HttpRoute[]): HttpRoute[] {
  return rules.map((rule) => {
    const unweighted = { ...rule, route: rule.route?.map(({ destination }) => destination) };
    const { response } = rule.headers ?? {};
    const remove = [...(response?.remove ?? []), MARK + digest([hosts, unweighted])];
    return { ...rule, headers: { ...rule.headers, response: { ...response, remove } } };
  });
}

/** The mark among the headers that a rule, or a route of Envoy, takes out of the answers. */
export const ruleVersion = (removed: readonly string[] = []): string | undefined =>
  removed.find((name) => name.startsWith(MARK));

/** Of the gateway patches of a service: what each of its routes has to show in Envoy's metadata under a key. */
export interface PatchesMark {
  readonly key: string;
  readonly version: string;
}

export const patchesMark = (
  { namespace, name }: { readonly namespace: string; readonly name: string },
  patches: readonly EnvoyConfigPatch[],
): PatchesMark => ({ key: `shopzier-mesh.${namespace}.${name}.patches`, version: digest(patches) });

/** A patch of every route of `host` that shows `mark`. */
export const markPatch = (host: string, { key, version }: PatchesMark): EnvoyConfigPatch => ({
  applyTo: "HTTP_ROUTE",
  match: { context: "GATEWAY", routeConfiguration: { vhost: { domainName: host } } },
  patch: { operation: "MERGE", value: { metadata: { filter_metadata: { [key]: { version } } } } },
});

const digest = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 8);
