/** What a gateway or a sidecar does with a request, worked out from Istio objects. Imports no Pulumi. */
export type { Claims } from "../traffic/claims";
export type { Refusal } from "./authorization";
export * from "./decision";
export type { PathNormalization } from "./path-normalization";
export * from "./simulator";
export type { Token } from "./token";
export type { AnyVirtualService } from "./virtual-services";
export type * from "./written-objects";
export type * from "./written-policies";
