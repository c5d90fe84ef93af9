import { istioObject } from "./custom-resource";

/** The caller; all given fields must hold (Istio: Source). Never empty. */
export interface Source {
  /** Service identities without `spiffe://`: `cluster.local/ns/<namespace>/sa/<account>`; `*` at one end. */
  readonly principals?: readonly string[];
  /** `<issuer>/<subject>` of a verified token; `*` for any. */
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  /** Address of the peer. */
  readonly ipBlocks?: readonly string[];
  /** Address of the client, from `X-Forwarded-For` if there are trusted proxies. */
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
}

/** The requested operation; all given fields must hold (Istio: Operation). Never empty. */
export interface Operation {
  /** Includes the port if the client sends one; case-insensitive, with `*` at one end. */
  readonly hosts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  /** Without the query, with `*` at one end. */
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
  readonly ports?: readonly string[];
}

/** Istio: Condition. */
export interface Condition {
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

/** A request matches if one of `from`, one of `to` and all of `when` match. A field that is left out matches every request. */
export interface AuthorizationRule {
  readonly from?: readonly { readonly source: Source }[];
  readonly to?: readonly { readonly operation: Operation }[];
  readonly when?: readonly Condition[];
}

/** security.istio.io/v1 AuthorizationPolicySpec, the part that we write. */
export interface AuthorizationPolicySpec {
  /** The namespace's workloads with these labels. Default: all. */
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
  /** Default ALLOW. DENY has priority. */
  readonly action?: "ALLOW" | "DENY";
  /** ALLOW without rules allows nothing. */
  readonly rules?: readonly AuthorizationRule[];
}

/** The requests that a proxy allows or denies (Istio: AuthorizationPolicy). */
export class AuthorizationPolicy extends istioObject<AuthorizationPolicySpec>(
  "security.istio.io/v1",
  "AuthorizationPolicy",
) {}
