import { istioObject } from "./custom-resource";

/** Who asks; all that is given must hold (Istio: Source). Never empty. */
export interface Source {
  /** Service identities without `spiffe://`: `cluster.local/ns/<namespace>/sa/<account>`; `*` at one end. */
  readonly principals?: readonly string[];
  /** `<issuer>/<subject>` of a token that was verified; `*` for any. */
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  /** Address of the peer. */
  readonly ipBlocks?: readonly string[];
  /** Address of the client, by `X-Forwarded-For` as far as proxies are trusted. */
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
}

/** What is asked for; all that is given must hold (Istio: Operation). Never empty. */
export interface Operation {
  /** With the port, where the client sends one; in any case, with `*` at one end. */
  readonly hosts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  /** Without the query; `*` at one end. */
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

/** A request matches when one of `from`, one of `to` and all of `when` do; what is left out matches everything. */
export interface AuthorizationRule {
  readonly from?: readonly { readonly source: Source }[];
  readonly to?: readonly { readonly operation: Operation }[];
  readonly when?: readonly Condition[];
}

/** security.istio.io/v1 AuthorizationPolicySpec, the part that we write. */
export interface AuthorizationPolicySpec {
  /** The namespace's workloads with these labels; default: all of them. */
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
  /** Default ALLOW. DENY is judged first. */
  readonly action?: "ALLOW" | "DENY";
  /** ALLOW without rules allows nothing. */
  readonly rules?: readonly AuthorizationRule[];
}

/** Which requests a proxy lets pass (Istio: AuthorizationPolicy). */
export class AuthorizationPolicy extends istioObject<AuthorizationPolicySpec>(
  "security.istio.io/v1",
  "AuthorizationPolicy",
) {}
