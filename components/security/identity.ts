/** What a certificate of the mesh says about a workload: its namespace and its service account (Istio: SPIFFE identity). */
export interface ServiceIdentity {
  readonly namespace: string;
  /** `*` for every account of the namespace. */
  readonly serviceAccount: string;
}

/** The identity as an AuthorizationPolicy takes it. `cluster.local` stands for the mesh's own trust domain, whatever its name. */
export const principal = ({ namespace, serviceAccount }: ServiceIdentity): string =>
  `cluster.local/ns/${namespace}/sa/${serviceAccount}`;
