/** Host names as Istio reads them. */

export { fullGatewayName, fullHost, isExported } from "../../components/simulator/virtual-services";

/** The Service that a full host names; undefined for a host outside the cluster. */
export function serviceOf(host: string): { name: string; namespace: string } | undefined {
  const [, name, namespace] = /^([^.*]+)\.([^.]+)\.svc\..+$/.exec(host) ?? [];
  return name && namespace ? { name, namespace } : undefined;
}

/** Whether a host, which may start with `*`, has all hosts of another (Istio: host.Name.SubsetOf). */
export function hasHosts(host: string, other: string): boolean {
  return host.startsWith("*") ? other.endsWith(host.slice(1)) : host === other;
}

/** Whether two hosts, which may start with `*`, have a host in common (Istio: host.Name.Matches). */
export const shareHosts = (a: string, b: string): boolean => hasHosts(a, b) || hasHosts(b, a);
