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
 * Plain text of the last but `trustedProxies - 1` entry, which some proxies write with a port, in brackets or as IPv4 within
 * IPv6; the first reading that matches holds, and none does where there are fewer entries. Shapes alone are compared:
 * Envoy takes no expression of more than 100 instructions, and a proxy writes no `999.1.1.1`.
 */
function readings(trustedProxies: number): readonly Reading[] {
  const entry = "[ -+\\--~]*";
  const others = `((?:,${entry}){${trustedProxies - 1}})$`;
  const address = (shape: string): Reading => ({
    pattern: `^(.*,)? *\\[?${shape}\\]?(?::\\d+)? *${others}`,
    becomes: "\\1\\2\\3",
  });
  return [
    address("(?:::[fF]{4}:)?(\\d{1,3}(?:\\.\\d{1,3}){3})"),
    address("((?:[0-9a-fA-F]*:){2,8}[0-9a-fA-F]*)"),
    { pattern: `^(.*,)?${entry}${others}`, becomes: `\\1${UNREADABLE}\\2` },
  ];
}

/** Part of Envoy's HttpConnectionManager that has `X-Forwarded-For` read before the address of the client is. */
export function readForwardedFor(trustedProxies: number): Readonly<Record<string, unknown>> {
  const header = "request.headers['x-forwarded-for']";
  const read = readings(trustedProxies).reduceRight(
    (otherwise, { pattern, becomes }) =>
      `${header}.matches(r'${pattern}') ? re.extract(${header}, r'${pattern}', r'${becomes}') : ${otherwise}`,
    header,
  );
  const append = { header: { key: "x-forwarded-for", value: `%CEL(${read})%` } };
  return {
    early_header_mutation_extensions: [
      {
        name: "envoy.http.early_header_mutation.header_mutation",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
          mutations: [{ append: { ...append, append_action: "OVERWRITE_IF_EXISTS" } }],
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
  const written = typeof forwarded === "string" ? forwarded : forwarded.join(",");
  const reading = compiled(trustedProxies).find(({ pattern }) => pattern.test(written));
  const read = reading ? written.replace(reading.pattern, reading.becomes) : written;
  const client = read.split(",").at(-trustedProxies)?.trim() ?? "";
  return isIP(client) > 0 ? client : peer;
}

const known = new Map<number, readonly { readonly pattern: RegExp; readonly becomes: string }[]>();

function compiled(trustedProxies: number): NonNullable<ReturnType<(typeof known)["get"]>> {
  const all =
    known.get(trustedProxies) ??
    readings(trustedProxies).map(({ pattern, becomes }) => ({
      pattern: new RegExp(pattern),
      becomes: becomes.replaceAll("\\", "$"),
    }));
  known.set(trustedProxies, all);
  return all;
}
