/**
 * What `pulumi stack export` gave after an `up` at c9defc2 on the lab, with the settings in Pulumi.c9defc2.yaml: the program before
 * objects had an owner's mark and gateways a label of their own. A stack of that time must go on under any later program.
 *
 * Left out: dependencies, traces and dates, which a preview does not read, and the texts of rules and dashboards. What the state
 * keeps as a secret (the provider's: values of Helm releases) is in clear.
 */
import { readFileSync } from "node:fs";
import path from "node:path";

export const STATE = path.join(__dirname, "c9defc2.json");
export const STATE_CONFIG = path.join(__dirname, "Pulumi.c9defc2.yaml");

/** Logical names of what the program has written only since. */
export const NEW_SINCE = ["category-routes-mesh-route", "shop-clients"];

export const nameOf = (urn: string): string => urn.split("::").at(-1) ?? "";

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  /** Of a Kubernetes object its namespace, if it has one, and its name. */
  readonly id?: string;
}

export function stateResources(): readonly StateResource[] {
  const { deployment } = JSON.parse(readFileSync(STATE, "utf8")) as {
    readonly deployment: { readonly resources: readonly StateResource[] };
  };
  return deployment.resources;
}
