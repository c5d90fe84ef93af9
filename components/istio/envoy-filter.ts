import { istioObject } from "./custom-resource";

/** A patch, with its place in Envoy's configuration. */
export interface EnvoyPatchMatch {
  readonly context: "GATEWAY" | "SIDECAR_INBOUND";
  readonly listener?: {
    readonly portNumber?: number;
    readonly filterChain?: {
      readonly filter: { readonly name: string; readonly subFilter?: { readonly name: string } };
    };
  };
  readonly routeConfiguration?: {
    readonly vhost: { readonly domainName: string; readonly route?: { readonly name: string } };
  };
  readonly cluster?: { readonly name: string };
}

export interface EnvoyConfigPatch {
  readonly applyTo: "HTTP_FILTER" | "NETWORK_FILTER" | "HTTP_ROUTE" | "CLUSTER";
  readonly match: EnvoyPatchMatch;
  readonly patch: {
    readonly operation: "INSERT_FIRST" | "INSERT_BEFORE" | "MERGE";
    /** A part of Envoy's configuration of the type `applyTo`. */
    readonly value: Readonly<Record<string, unknown>>;
  };
}

/** networking.istio.io/v1alpha3 EnvoyFilterSpec, the part that we write. */
export interface EnvoyFilterSpec {
  readonly workloadSelector: { readonly labels: Readonly<Record<string, string>> };
  readonly configPatches: readonly EnvoyConfigPatch[];
}

/** Patches of the configuration that istiod generates for pods of the object's namespace (Istio: EnvoyFilter). */
export class EnvoyFilter extends istioObject<EnvoyFilterSpec>(
  "networking.istio.io/v1alpha3",
  "EnvoyFilter",
) {}
