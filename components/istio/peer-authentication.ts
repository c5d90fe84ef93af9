import { istioObject } from "./custom-resource";

/** security.istio.io/v1 PeerAuthenticationSpec, the part that we write. */
export interface PeerAuthenticationSpec {
  /** The namespace's workloads with these labels; default: all of them. */
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly mtls: { readonly mode: "STRICT" | "PERMISSIVE" };
}

/**
 * Which connections a sidecar takes (Istio: PeerAuthentication). In the root namespace it holds for the mesh, in another
 * one for that namespace.
 */
export class PeerAuthentication extends istioObject<PeerAuthenticationSpec>(
  "security.istio.io/v1",
  "PeerAuthentication",
) {}
