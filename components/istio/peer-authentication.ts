import { istioObject } from "./custom-resource";

/** security.istio.io/v1 PeerAuthenticationSpec, the part that we write. */
export interface PeerAuthenticationSpec {
  /** The namespace's workloads with these labels. Default: all. */
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly mtls: { readonly mode: "STRICT" | "PERMISSIVE" };
}

/**
 * The connections that a sidecar accepts (Istio: PeerAuthentication). In the root namespace the object applies to the mesh, in
 * another namespace to that namespace.
 */
export class PeerAuthentication extends istioObject<PeerAuthenticationSpec>(
  "security.istio.io/v1",
  "PeerAuthentication",
) {}
