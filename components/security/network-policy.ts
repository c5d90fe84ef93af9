import type * as k8s from "@pulumi/kubernetes";
import type { ServiceIdentity } from "./identity";
import type { ServiceAccessRequest } from "./caller-lists";

type NetworkPolicySpec = k8s.types.input.networking.v1.NetworkPolicySpec;

/** Metrics of the agent, the proxy and the service together, and of the proxy alone (Istio: "Ports used by Istio"). */
const METRICS_PORTS = [15020, 15090];

const namespaceSelector = (namespace: string) => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
});
const tcp = (port: number) => ({ protocol: "TCP" as const, port });

/**
 * What may connect to the pods of a service: the namespaces of its clients to its port, and those of the scrapers to the
 * metrics. A network knows neither identities nor paths; the policies of the sidecars do. Kubernetes lets the node's own
 * connections, and so health checks, pass every policy.
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

/** Lets nothing connect to any pod of a namespace, beside what other policies allow. */
export const DENY_ALL: NetworkPolicySpec = { podSelector: {}, policyTypes: ["Ingress"] };

const namespaces = (identities: readonly ServiceIdentity[]): string[] => [
  ...new Set(identities.map(({ namespace }) => namespace)),
];
