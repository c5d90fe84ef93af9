import { envoyAdmin, gatewayPods, get, kubectl } from "../../lab/harness";

/** What proxies have refused so far, by name of the statistic: nothing of it may ever count up. */
export async function rejections(): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { metadata } of await gatewayPods()) {
    const stats = await envoyAdmin("istio-ingress", metadata.name, "stats?filter=update_rejected");
    for (const [, name = "", count] of stats.matchAll(/^(\S+): (\d+)$/gm)) {
      counts.set(`${metadata.name} ${name}`, Number(count));
    }
  }
  // What istiod was told, of every kind (routes and endpoints too) and by every proxy.
  const { items } = await get<{ items: { metadata: { name: string } }[] }>(
    ...["pods", "-n", "istio-system", "-l", "app=istiod", "--field-selector=status.phase=Running"],
  );
  for (const { metadata } of items) {
    const path = `/api/v1/namespaces/istio-system/pods/${metadata.name}:15014/proxy/metrics`;
    const metrics = await kubectl("get", "--raw", path);
    counts.set(`${metadata.name} pilot_total_xds_rejects`, 0);
    for (const [, name = "", count] of metrics.matchAll(/^(pilot_total_xds_rejects\S*) (\S+)$/gm)) {
      counts.set(`${metadata.name} ${name}`, Number(count));
    }
  }
  return counts;
}

/** What has counted up since `before`, and why; a pod that was not there yet has refused nothing before. */
export async function rejectedSince(before: ReadonlyMap<string, number>): Promise<string[]> {
  const more = [...(await rejections())].filter(([name, count]) => count > (before.get(name) ?? 0));
  if (more.length === 0) return [];
  const log = await kubectl("logs", "-n", "istio-system", "-l", "app=istiod", "--tail=-1");
  const reasons = log.split("\n").filter((line) => line.includes("ACK ERROR"));
  return [...more.map(([name, count]) => `${name} is ${count}`), ...reasons];
}
