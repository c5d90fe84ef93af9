/** Labels of a namespace that admits only pods of the level "restricted" (Kubernetes: Pod Security Standards). */
export const RESTRICTED = { "pod-security.kubernetes.io/enforce": "restricted" } as const;
