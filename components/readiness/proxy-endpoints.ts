/**
 * Compares the endpoints that a proxy has, and its requests in flight, with a VirtualService.
 *
 * Pure: the input is the spec and the parsed body of Envoy's admin endpoint {@link clustersQuestion}.
 */
import { hostOf, subsetOf } from "../istio/cluster-name";
import type { VirtualServiceSpec } from "../istio/virtual-service";
import { literal } from "../traffic/regex";
import { clustersInRoutes, namedClusters, namedHosts, type RouteConfigDump } from "./propagation";

/** `GET` {@link clustersQuestion}, the part that is read. */
export interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    /** There when istiod tells the proxy the cluster's endpoints; PASSTHROUGH has none. */
    readonly eds_service_name?: string;
    readonly host_statuses?: readonly {
      readonly stats?: readonly { readonly name?: string; readonly value?: string | number }[];
      readonly health_status?: {
        readonly eds_health_status?: string;
        readonly failed_active_health_check?: boolean;
      };
    }[];
  }[];
}

/**
 * Asks Envoy for the clusters of the services that `spec` names: those of a large mesh are many megabytes. Envoy before 1.38
 * does not know the filter and answers all.
 */
export function clustersQuestion(spec: VirtualServiceSpec): string {
  const hosts = [...namedHosts(spec)].map(literal).join("|");
  return `clusters?format=json&filter=${encodeURIComponent(`\\|(${hosts})$`)}`;
}

/** Which of `clusters` have no healthy endpoint in the proxy yet. */
export function clustersWithoutEndpoint(statuses: ClusterStatuses, clusters: Iterable<string>): string[] {
  const ready = new Set(
    (statuses.cluster_statuses ?? [])
      .filter(
        (c) =>
          c.eds_service_name === undefined ||
          c.host_statuses?.some((h) => (h.health_status?.eds_health_status ?? "HEALTHY") === "HEALTHY"),
      )
      .map((c) => c.name),
  );
  return [...clusters].filter((c) => !ready.has(c));
}

/** Versions among `wanted` without a healthy endpoint, in words. */
export function endpointLag(statuses: ClusterStatuses, wanted: readonly string[]): string | undefined {
  const missing = clustersWithoutEndpoint(statuses, wanted).map(subsetOf).join(", ");
  return missing === ""
    ? undefined
    : `knows no healthy endpoint of ${missing}: are the pods of ${missing} ready, and known to istiod?`;
}

/** Requests in flight to versions that get no others, in words. */
export function flightLag(busy: ReadonlyMap<string, number>): string | undefined {
  if (busy.size === 0) return undefined;
  const requests = [...busy]
    .map(([version, count]) => `${count} requests in flight to ${version}`)
    .join(", ");
  return `still has ${requests}: nothing is wrong with the pods, those requests take that long`;
}

/**
 * Versions that neither `spec` nor any route of the proxy names any more, with how many requests the proxy still has in
 * flight to each: what was routed away and may be deleted once they have ended.
 */
export function inFlightToUnrouted(
  dump: RouteConfigDump,
  statuses: ClusterStatuses,
  spec: VirtualServiceSpec,
): ReadonlyMap<string, number> {
  const hosts = namedHosts(spec);
  const kept = new Set([...namedClusters(spec), ...clustersInRoutes(dump)]);
  return new Map(
    (statuses.cluster_statuses ?? [])
      .map(({ name = "" }) => name)
      .filter((name) => hosts.has(hostOf(name)) && subsetOf(name) !== name && !kept.has(name))
      .map((name) => [subsetOf(name), requestsInFlight(statuses, name)] as const)
      .filter(([, count]) => count > 0),
  );
}

/** Requests in flight from this proxy to `cluster`. */
function requestsInFlight(statuses: ClusterStatuses, cluster: string): number {
  return (statuses.cluster_statuses ?? [])
    .filter((c) => c.name === cluster)
    .flatMap((c) => c.host_statuses ?? [])
    .flatMap((h) => h.stats ?? [])
    .filter((s) => s.name === "rq_active")
    .reduce((sum, s) => sum + Number(s.value ?? 0), 0);
}
