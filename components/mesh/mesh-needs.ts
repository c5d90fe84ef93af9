/** Settings that only the owner of a mesh may change (Istio: MeshConfig). */
export interface MeshNeeds {
  /** Whether paths must be normalised as services read them (`DECODE_AND_MERGE_SLASHES`), which policies on paths need. */
  readonly pathNormalization?: boolean;
  /** Minor version of Istio → the feature that needs it or a newer one. */
  readonly since?: Readonly<Record<string, string>>;
}
