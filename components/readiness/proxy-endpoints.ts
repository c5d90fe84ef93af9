/**
 * Compares the endpoints that a proxy has, and its requests in flight, with a VirtualService.
 *
 * Pure: the input is the spec and the parsed body of Envoy's admin endpoint {@link clustersQuestion}.
 */
import { hostOf, subsetOf } from "../istio/cluster-name";
import type { VirtualServiceSpec } from "../istio/virtual-service";
import { literal } from "../traffic/regex";
import { clustersInRoutes, namedClusters, namedHosts, type RouteConfigDump } from "./propagation";

/** The part that is read of `GET` {@link clustersQuestion}. */
export interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    /** Set if istiod sends the cluster's endpoints, so not for PASSTHROUGH. */
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
 * Path on the admin port of Envoy: the clusters of the services that `spec` names. Without the filter, the answer of a
 * large mesh has many megabytes. Envoy before 1.38 ignores the filter.
 */
export function clustersQuestion(spec: VirtualServiceSpec): string {
  const hosts = [...namedHosts(spec)].map(literal).join("|");
  return `clusters?format=json&filter=${encodeURIComponent(`\\|(${hosts})$`)}`;
}

/** Those of `clusters` that have no healthy endpoint in the proxy. */
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

/** Versions among the clusters `wanted` that have no healthy endpoint, in words; undefined where each has one. */
export function endpointLag(statuses: ClusterStatuses, wanted: readonly string[]): string | undefined {
  const missing = clustersWithoutEndpoint(statuses, wanted).map(subsetOf).join(", ");
  return missing === ""
    ? undefined
    : `knows no healthy endpoint of ${missing}: are the pods of ${missing} ready, and known to istiod?`;
}

/** Requests in flight to versions that get no new ones, in words; undefined where there are none. */
export function flightLag(busy: ReadonlyMap<string, number>): string | undefined {
  if (busy.size === 0) return undefined;
  const requests = [...busy]
    .map(([version, count]) => `${count} requests in flight to ${version}`)
    .join(", ");
  return `still has ${requests}: nothing is wrong with the pods, those requests take that long`;
}

/**
 * Versions that neither `spec` nor a route of the proxy names, and the number of requests that the proxy has in flight to
 * each. Such a version may be deleted once its number is 0, so versions without requests are left out.
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
