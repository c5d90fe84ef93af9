/** The Host of a request, in which a port may stand, and the port of the listener. */
import type { SimulatedRequest } from "./decision";

const PORT = /:\d+$/;

/** Of the listener that takes the request. */
export const portOf = ({ port, scheme }: SimulatedRequest): number => port ?? (scheme === "https" ? 443 : 80);

export function withoutPort(host: string): string {
  return host.includes(":") ? host.replace(PORT, "") : host;
}

/** A fully qualified name, `shop.example.com.`, is the name (Envoy: `strip_trailing_host_dot`). */
export function withoutDot(host: string): string {
  return host.includes(".:") || host.endsWith(".") ? host.replace(/\.(?=(:\d+)?$)/, "") : host;
}

/** The host of a request in a redirect: a port goes where another is given, or was the default of a scheme that changes. */
export function hostAfter(host: string, scheme: string, next: string, port: string): string {
  const own = PORT.exec(host)?.[0];
  if (own === undefined) return host;
  const standard = next !== scheme && own === (scheme === "https" ? ":443" : ":80");
  return port !== "" || standard ? host.slice(0, -own.length) : host;
}
