/** Namespace and service account of a workload, from its certificate (Istio: SPIFFE identity). */
export interface ServiceIdentity {
  /** In full: Istio compares a `*` in it literally. */
  readonly namespace: string;
  /** `*` for every account of the namespace. */
  readonly serviceAccount: string;
}

/** The identity in the form of an AuthorizationPolicy, where `cluster.local` means the mesh's trust domain, whatever its name. */
export const principal = ({ namespace, serviceAccount }: ServiceIdentity): string =>
  `cluster.local/ns/${namespace}/sa/${serviceAccount}`;
