/** Messages of warnings about settings that are allowed. */
export const WARNINGS = {
  plainText: (where: readonly string[]) =>
    `shopzier:security.mtls takes plain text in ${where.join(", ")}: there a client without a certificate has no identity. Set STRICT once every client has a sidecar.`,
  tokenInQuery: (issuer: string) =>
    `shopzier:security.authentication takes tokens of ${issuer} from the query, which is shown in traces and in the histories of browsers. Prefer a header.`,
  redirectForever: (rule: string) =>
    `shopzier:traffic.rules: ${rule} sends HTTP to HTTPS without end, since the gateway has no TLS and sets X-Forwarded-Proto to http for each request. If TLS ends in a load balancer, set shopzier:gateway.tlsTermination.`,
  redirectFromNodePort: (path: string, scheme: "http" | "https", port: number) =>
    `${path}: without it, clients of a node port are sent to a port that does not speak ${scheme}. If clients use node ports, set it to ${port}.`,
  chartsPlain: (path: string) =>
    `${path} is over plain HTTP, so that an attacker on the network can change the charts. Production refuses it.`,
  istioUnsupported: (version: string, ended: string, supported: string) =>
    `Istio ${version} has had no support and no security fixes since ${ended}; ${supported} has.`,
  istioTag: (tag: string, version: string) =>
    `shopzier:istio.tag is ${tag}, the charts are of ${version}: images and charts belong to one release.`,
  istioRing: () =>
    "Istio 1.30.0 does not rebuild the ring of a consistent hash when pods come and go; 1.30.1 and later do.",
  mirrorIdle: (path: string, version: string) =>
    `${path} copies nothing: ${version} already gets all of these requests. Remove it.`,
  passthrough: (path: string) =>
    `${path} is PASSTHROUGH, with which a gateway answers 503. It works only for callers with a sidecar.`,
};
