/** The namespace of the gateway pods, and the labels that select them. */
export interface GatewayPods {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The pods' labels as a selector of the Kubernetes API and of kubectl. */
export function labelSelector({ labels }: Pick<GatewayPods, "labels">): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
