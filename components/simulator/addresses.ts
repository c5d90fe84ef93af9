/** Addresses and CIDR blocks (Envoy: CidrRange). */
import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** Whether Istio reads it as an address or a block (Istio: AddrStrToCidrRange). */
export function isBlock(value: string): boolean {
  const [network = "", length, more] = value.split("/");
  const family = isIP(network);
  return (
    family !== 0 &&
    more === undefined &&
    (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128)))
  );
}

/**
 * Whether an address is in one of the blocks. An IPv4 address that an IPv6 one embeds is none to Envoy, so the families stay
 * apart; the common one is compared here, as BlockList takes microseconds for an address.
 */
export function addressTest(values: readonly string[]): (address: string | undefined) => boolean {
  const v4: { readonly network: number; readonly size: number }[] = [];
  const v6 = new BlockList();
  for (const value of values) {
    const [network = "", length] = value.split("/");
    if (isIPv4(network)) {
      const size = 2 ** (32 - Number(length ?? 32));
      v4.push({ network: Math.floor(ipv4(network) / size), size });
    } else v6.addSubnet(network, Number(length ?? 128), "ipv6");
  }
  return (address) => {
    if (address === undefined) return false;
    if (!isIPv4(address)) return isIPv6(address) && v6.check(address, "ipv6");
    const number = ipv4(address);
    return v4.some(({ network, size }) => Math.floor(number / size) === network);
  };
}

function ipv4(address: string): number {
  let [number, part] = [0, 0];
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) [number, part] = [number * 256 + part, 0];
    else part = part * 10 + code - ZERO;
  }
  return number * 256 + part;
}
const [DOT, ZERO] = [".".charCodeAt(0), "0".charCodeAt(0)];
