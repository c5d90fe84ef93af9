/** Labels of a namespace that takes only pods of the Pod Security level "restricted" (Kubernetes: Pod Security Standards). */
export const RESTRICTED = { "pod-security.kubernetes.io/enforce": "restricted" } as const;
