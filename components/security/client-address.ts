/**
 * The address of a client at a gateway behind proxies, each of which appends the address of its peer to
 * `X-Forwarded-For` (Envoy: `xff_num_trusted_hops`).
 */
import { isIP } from "node:net";

/**
 * Replaces an entry that is not an address. Otherwise Envoy would use the gateway's peer as the client, which is the nearest
 * proxy and not on a list of addresses.
 */
const UNREADABLE = "::ffff:0:0";

/**
 * IPv4 within IPv6 (RFC 4291, 2.5.5.2), the block of {@link UNREADABLE}. No readable client has an address in it, since the
 * rewrites turn this form into plain IPv4.
 */
export const UNREADABLE_CLIENTS = `${UNREADABLE}/96`;

/** A rewrite of the header: a pattern for the whole header, valid in RE2 and in JavaScript, and an RE2 substitution. */
interface Reading {
  readonly pattern: string;
  readonly becomes: string;
}

/**
 * The rewrites of the entry at position `trustedProxies` from the end, in two passes. In each pass the first rewrite that
 * matches applies; none matches if there are fewer entries. There are several, since Envoy refuses an expression of more than
 * 100 instructions.
 */
function passes(trustedProxies: number): readonly (readonly Reading[])[] {
  const others = `((?:,${ENTRY}){${trustedProxies - 1}})$`;
  /** Removes a port, brackets and the prefix of IPv4 within IPv6 from an address. */
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
    // Texts in the form of an address that are not valid addresses; several patterns for IPv6.
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

/** Part of Envoy's HttpConnectionManager that rewrites `X-Forwarded-For` before Envoy determines the client's address. */
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

/** Address of the client behind `trustedProxies` proxies. If the header has fewer entries, it is the gateway's peer. */
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
