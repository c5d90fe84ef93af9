/** What a gateway does with a request, worked out from Istio objects. Imports no Pulumi. */
export type { Claims } from "../traffic/claims";
export type { Refusal, WrittenPolicy } from "./authorization";
export type { PathNormalization } from "./path-normalization";
export * from "./simulator";
export type { Token } from "./token";
