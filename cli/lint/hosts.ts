/** Host names as Istio reads them. */
import { isIP } from "node:net";

/** A short name is a service in the namespace of the object (Istio: ResolveShortnameToFQDN). */
export function fullHost(host: string, namespace: string): string {
  const whole = host.includes(".") || host.startsWith("*") || host === "" || isIP(host) !== 0;
  return whole ? host : `${host}.${namespace}.svc.cluster.local`;
}

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

/** `namespace/name` of a Gateway that a VirtualService names, with its older form `name.namespace.svc.cluster.local`. */
export function gatewayKey(written: string, namespace: string): string {
  if (written.startsWith("./")) return namespace + written.slice(1);
  if (written.includes("/")) return written;
  const [name = "", own = namespace] = written.split(".");
  return `${own}/${name}`;
}

/** Whether an object is seen in a namespace (Istio: `exportTo`). */
export function isSeen(exportTo: readonly string[] = [], from: string, to: string): boolean {
  if (exportTo.length === 0 || exportTo.includes("*")) return true;
  return exportTo.some((name) => (name === "." ? from : name) === to);
}
