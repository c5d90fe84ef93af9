import { isIP } from "node:net";

/**
 * Address of the client, as a gateway knows it that stands behind `trustedProxies` proxies: each of them has appended that
 * of its own peer to `X-Forwarded-For`. With fewer, or with what is no address, it is that of the gateway's own peer
 * (Envoy: `xff_num_trusted_hops`).
 */
export function clientAddress(
  peer: string | undefined,
  forwarded: string | readonly string[] | undefined,
  trustedProxies: number,
): string | undefined {
  if (trustedProxies === 0 || forwarded === undefined) return peer;
  const addresses = (typeof forwarded === "string" ? forwarded : forwarded.join(",")).split(",");
  const client = addresses.at(-trustedProxies)?.trim() ?? "";
  return isIP(client) > 0 ? client : peer;
}
