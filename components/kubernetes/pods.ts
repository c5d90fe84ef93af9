/** The gateway pods of one deployment: where they run and by which labels they are found. */
export interface GatewayPods {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The pods' labels as the Kubernetes API and kubectl take them. */
export function labelSelector({ labels }: Pick<GatewayPods, "labels">): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
