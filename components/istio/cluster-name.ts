/** Istio's name for the cluster of a subset (pilot/pkg/model, BuildSubsetKey). */
export function clusterName(host: string, port: number | undefined, subset: string | undefined): string {
  return `outbound|${port ?? ""}|${subset ?? ""}|${host}`;
}

/** `outbound|8080|v2|host` → `v2`; the whole name if there is no subset. */
export function subsetOf(cluster: string): string {
  return cluster.split("|")[2] || cluster;
}

/** `outbound|8080|v2|host` → `host`. */
export function hostOf(cluster: string): string {
  return cluster.split("|")[3] ?? "";
}
