/** Messages of warnings about settings that are allowed. */
export const WARNINGS = {
  plainText: (where: readonly string[]) =>
    `shopzier:security.mtls takes plain text in ${where.join(", ")}: whoever reaches a pod there is taken for nobody in particular. Set STRICT once every client has a sidecar.`,
  tokenInQuery: (issuer: string) =>
    `shopzier:security.authentication takes tokens of ${issuer} from the query: they stand in traces and in the histories of browsers. Prefer a header.`,
  redirectForever: (rule: string) =>
    `shopzier:traffic.rules: ${rule} sends HTTP to HTTPS, and the gateway has no TLS: it writes X-Forwarded-Proto itself, so the client comes back as HTTP for ever. Where TLS ends in a load balancer, set shopzier:gateway.tlsTermination.`,
  chartsPlain: (path: string) =>
    `${path} is over plain HTTP: whoever is in between may change what is installed. Production refuses it.`,
  istioUnsupported: (version: string, ended: string, supported: string) =>
    `Istio ${version} has had no support and no security fixes since ${ended}; ${supported} has.`,
  istioTag: (tag: string, version: string) =>
    `shopzier:istio.tag is ${tag}, the charts are of ${version}: images and charts belong to one release.`,
  istioRing: () =>
    "Istio 1.30.0 does not rebuild the ring of a consistent hash when pods come and go; 1.30.1 and later do.",
  mirrorIdle: (path: string, version: string) =>
    `${path} copies nothing: ${version} gets all of these requests anyway. Remove it.`,
  passthrough: (path: string) =>
    `${path} is PASSTHROUGH: a gateway has no address to pass on and answers 503. Only callers with a sidecar have.`,
};
