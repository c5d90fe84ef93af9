/** A host in the form of a URL: an IPv6 address is in brackets (RFC 3986, 3.2.2). */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
