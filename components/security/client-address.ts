/**
 * Who a client is to a gateway behind proxies, each of which has appended the address of its own peer to
 * `X-Forwarded-For` (Envoy: `xff_num_trusted_hops`).
 */
import { isIP } from "node:net";

/**
 * Stands for an entry that is no address. To Envoy the client would be the gateway's own peer then, which a list of
 * addresses does not know.
 */
const UNREADABLE = "::ffff:0:0";

/** IPv4 within IPv6 (RFC 4291, 2.5.5.2): no plain address, whichever client stands there. */
export const UNREADABLE_CLIENTS = `${UNREADABLE}/96`;

/** How an entry is read: the whole header by a pattern of RE2 and JavaScript alike, and what it becomes, in RE2's words. */
interface Reading {
  readonly pattern: string;
  readonly becomes: string;
}

/**
 * How the last but `trustedProxies - 1` entry is read, in two passes of which the first reading that matches holds; none does
 * where there are fewer entries. Envoy takes no expression of more than 100 instructions.
 */
function passes(trustedProxies: number): readonly (readonly Reading[])[] {
  const others = `((?:,${ENTRY}){${trustedProxies - 1}})$`;
  /** Plain text of an address that a proxy writes with a port, in brackets or as IPv4 within IPv6. */
  const plain = (shape: string): Reading => ({
    pattern: `^(.*,)? *\\[?${shape}\\]?(?::\\d+)? *${others}`,
    becomes: "\\1\\2\\3",
  });
  const unreadable = (entry: string): Reading => ({
    pattern: `^(.*,)?(?:${entry})${others}`,
    becomes: `\\1${UNREADABLE}\\2`,
  });
  return [
    [
      plain("(?:::[fF]{4}:)?(\\d{1,3}(?:\\.\\d{1,3}){3})"),
      plain(`((?:${HEX}*:){2,7}${HEX}*)`),
      unreadable(ENTRY),
    ],
    // What has the shape of an address and is none; the ways of IPv6 to be none in turn.
    [
      unreadable("(?:[\\d.]*\\.)?(?:25[6-9]|2[6-9]\\d|[3-9]\\d\\d|0\\d+)(?:\\.[\\d.]*)?"),
      unreadable(`${PART}*(?:${HEX}{5}|:::|::${PART}+::)${PART}*`),
      unreadable(`(?:${HEX}+:){2,6}${HEX}+`),
      unreadable(`:${HEX}${PART}*|${PART}*${HEX}:`),
    ],
  ];
}
const ENTRY = "[ -+\\--~]*";
const HEX = "[0-9a-fA-F]";
const PART = "[:0-9a-fA-F]";

/** Part of Envoy's HttpConnectionManager that has `X-Forwarded-For` read before the address of the client is. */
export function readForwardedFor(trustedProxies: number): Readonly<Record<string, unknown>> {
  const header = "request.headers['x-forwarded-for']";
  const value = (readings: readonly Reading[]): string =>
    readings.reduceRight(
      (otherwise, { pattern, becomes }) =>
        `${header}.matches(r'${pattern}') ? re.extract(${header}, r'${pattern}', r'${becomes}') : ${otherwise}`,
      header,
    );
  return {
    early_header_mutation_extensions: [
      {
        name: "envoy.http.early_header_mutation.header_mutation",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
          mutations: passes(trustedProxies).map((readings) => ({
            append: {
              header: { key: "x-forwarded-for", value: `%CEL(${value(readings)})%` },
              append_action: "OVERWRITE_IF_EXISTS",
            },
          })),
        },
      },
    ],
  };
}

/** Address of the client behind `trustedProxies` proxies. With fewer entries it is that of the gateway's own peer. */
export function clientAddress(
  peer: string | undefined,
  forwarded: string | readonly string[] | undefined,
  trustedProxies: number,
): string | undefined {
  if (trustedProxies === 0 || forwarded === undefined) return peer;
  let read = typeof forwarded === "string" ? forwarded : forwarded.join(",");
  for (const readings of compiled(trustedProxies)) {
    const reading = readings.find(({ pattern }) => pattern.test(read));
    if (reading) read = read.replace(reading.pattern, reading.becomes);
  }
  const client = read.split(",").at(-trustedProxies)?.trim() ?? "";
  return isIP(client) > 0 ? client : peer;
}

type Compiled = readonly (readonly { readonly pattern: RegExp; readonly becomes: string }[])[];
const known = new Map<number, Compiled>();

function compiled(trustedProxies: number): Compiled {
  const all =
    known.get(trustedProxies) ??
    passes(trustedProxies).map((readings) =>
      readings.map(({ pattern, becomes }) => ({
        pattern: new RegExp(pattern),
        becomes: becomes.replaceAll("\\", "$"),
      })),
    );
  known.set(trustedProxies, all);
  return all;
}
