/** What the Envoys of the gateway's pods say about the versions of the category API. */
import assert from "node:assert/strict";
import { envoyAdmin, gatewayPods, must } from "../../lab/harness";

const FQDN = "category.category.svc.cluster.local";

/** An endpoint of a version, over all pods of the gateway. */
export interface Endpoint {
  readonly address: string;
  /** Requests that were sent to it so far, copies and retries too. */
  readonly requests: number;
  readonly active: number;
  /** Whether outlier detection has taken it out, in any pod of the gateway. */
  readonly ejected: boolean;
  /** Whether it is ready, as every pod of the gateway knows. */
  readonly healthy: boolean;
  /** 0 gets everything while any of its endpoints is healthy, then 1. */
  readonly priority: number;
}

interface ClusterStatuses {
  readonly cluster_statuses: readonly {
    readonly name: string;
    readonly host_statuses?: readonly {
      readonly address: { readonly socket_address?: { readonly address: string } };
      readonly priority?: number;
      readonly stats: readonly { readonly name?: string; readonly value?: string }[];
      readonly health_status?: {
        readonly failed_outlier_check?: boolean;
        readonly eds_health_status?: string;
      };
    }[];
  }[];
}

/** Endpoints of `version`, by address. */
export async function endpoints(version: string): Promise<Endpoint[]> {
  const found = new Map<string, Endpoint>();
  for (const { metadata } of await gatewayPods()) {
    const body = await envoyAdmin("istio-ingress", metadata.name, "clusters?format=json");
    const status = (JSON.parse(body) as ClusterStatuses).cluster_statuses.find(
      ({ name }) => name === `outbound|8080|${version}|${FQDN}`,
    );
    for (const { address, stats, priority = 0, health_status } of status?.host_statuses ?? []) {
      const stat = (name: string): number => Number(stats.find((s) => s.name === name)?.value ?? 0);
      const key = address.socket_address?.address ?? "";
      const before = found.get(key);
      found.set(key, {
        address: key,
        requests: (before?.requests ?? 0) + stat("rq_total"),
        active: (before?.active ?? 0) + stat("rq_active"),
        ejected: (before?.ejected ?? false) || health_status?.failed_outlier_check === true,
        healthy: (before?.healthy ?? true) && health_status?.eds_health_status === "HEALTHY",
        priority,
      });
    }
  }
  return [...found.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Requests to `version` so far. */
export async function requestsTo(version: string): Promise<number> {
  return (await endpoints(version)).reduce((sum, { requests }) => sum + requests, 0);
}

/** Requests that the limits of `version` refused so far. */
export async function refusedBy(version: string): Promise<number> {
  let sum = 0;
  for (const { metadata } of await gatewayPods()) {
    const stats = await envoyAdmin("istio-ingress", metadata.name, "stats?filter=_overflow");
    const counts = stats
      .split("\n")
      .filter((line) => line.includes(`|8080|${version}|${FQDN}`))
      .map((line) => Number(/upstream_rq_(?:active|pending)_overflow: (\d+)$/.exec(line)?.[1]));
    assert.equal(counts.length, 2, stats);
    for (const count of counts) sum += count;
  }
  return sum;
}

/** The cluster of `version` as the gateway's Envoy has it, in protobuf's JSON. */
export async function liveCluster(version: string): Promise<Readonly<Record<string, unknown>>> {
  const [pod] = await gatewayPods();
  assert.ok(pod, "a gateway pod is ready");
  const clusters = await must(
    ...["istioctl", "proxy-config", "cluster", `${pod.metadata.name}.istio-ingress`],
    ...["--fqdn", FQDN, "--subset", version, "-o", "json"],
  );
  const [cluster] = JSON.parse(clusters) as Record<string, unknown>[];
  assert.ok(cluster, `the gateway has the cluster of ${version}`);
  return cluster;
}

/** Lines of the gateway's access log of requests with this `user-agent`. */
export async function loggedRequests(userAgent: string): Promise<Readonly<Record<string, unknown>>[]> {
  const lines: Record<string, unknown>[] = [];
  for (const { metadata } of await gatewayPods()) {
    const log = await must("kubectl", "-n", "istio-ingress", "logs", metadata.name, "--since=5m");
    for (const line of log.split("\n")) {
      if (line.startsWith("{") && line.includes(userAgent))
        lines.push(JSON.parse(line) as Record<string, unknown>);
    }
  }
  return lines;
}
