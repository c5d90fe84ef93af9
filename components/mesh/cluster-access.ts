/** Which cluster, when it is not the one of the ambient kubeconfig (`KUBECONFIG`, `~/.kube/config`, in-cluster). */
export interface ClusterAccess {
  /** Contents of a kubeconfig, or a path to one. */
  readonly kubeconfig?: string;
  /** Context within the kubeconfig; default: its current context. */
  readonly context?: string;
}
