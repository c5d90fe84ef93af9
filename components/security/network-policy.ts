import type * as k8s from "@pulumi/kubernetes";
import type { ServiceIdentity } from "./identity";
import type { ServiceAccessRequest } from "./caller-lists";

type NetworkPolicySpec = k8s.types.input.networking.v1.NetworkPolicySpec;

/** Ports with the metrics of agent, proxy and service together, and of the proxy alone (Istio: "Ports used by Istio"). */
const METRICS_PORTS = [15020, 15090];

const namespaceSelector = (namespace: string) => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
});
const tcp = (port: number) => ({ protocol: "TCP" as const, port });

/**
 * The connections to the pods of a service: from the namespaces of its clients to its port, and from those of the scrapers to
 * the metrics. A NetworkPolicy cannot distinguish identities and paths; the policies of the sidecars do. Kubernetes
 * allows connections from the pod's node, and so health checks, under every policy.
 */
export function serviceNetworkPolicy(
  request: Pick<ServiceAccessRequest, "service" | "port" | "from" | "services"> & {
    readonly scrapers?: readonly string[];
  },
): NetworkPolicySpec {
  const { service, port, from, services, scrapers = [] } = request;
  const clients = namespaces([...from, ...(services?.allow ?? []).flatMap(({ identities }) => identities)]);
  return {
    podSelector: { matchLabels: { app: service } },
    policyTypes: ["Ingress"],
    ingress: [
      ...(clients.length > 0 ? [{ from: clients.map(namespaceSelector), ports: [tcp(port)] }] : []),
      ...(scrapers.length > 0
        ? [{ from: scrapers.map(namespaceSelector), ports: METRICS_PORTS.map(tcp) }]
        : []),
    ],
  };
}

/** Refuses all connections to the pods of a namespace that no other policy allows. */
export const DENY_ALL: NetworkPolicySpec = { podSelector: {}, policyTypes: ["Ingress"] };

const namespaces = (identities: readonly ServiceIdentity[]): string[] => [
  ...new Set(identities.map(({ namespace }) => namespace)),
];
