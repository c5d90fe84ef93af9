/** A request as a command that a reader can run. */
import type { SimulatedRequest } from "../../components/simulator";

/**
 * One line for a POSIX shell. Headers that carry secrets have placeholders: `Authorization: <token>`. What curl cannot say, such
 * as the address of the client, is a comment at the end.
 */
export function curlLine({
  method,
  scheme,
  host,
  port,
  path,
  headers = {},
  ...from
}: SimulatedRequest): string {
  const standard = scheme === "https" ? 443 : 80;
  const written = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((line) =>
      // curl leaves out a header without a value, unless it ends in a semicolon.
      line === "" ? `${name};` : `${name}: ${SECRET_HEADERS.has(name) ? `<${placeholder(name)}>` : line}`,
    ),
  );
  if (from.token !== undefined && !("authorization" in headers))
    written.push("authorization: Bearer <token>");
  const url = `${scheme}://${host}${path}`;
  const words = [
    "curl",
    ...(method === "GET" ? [] : method === "HEAD" ? ["--head"] : ["-X", quoted(method)]),
    ...(/\/\.|\.\.|\/\//.test(path) ? ["--path-as-is"] : []),
    ...(/[[\]{}]/.test(url) ? ["--globoff"] : []),
    quoted(url),
    ...written.flatMap((header) => ["-H", quoted(header)]),
  ];
  const notes = [
    ...(port === undefined || port === standard ? [] : [`port ${port}`]),
    ...(from.address === undefined ? [] : [`from ${from.address}`]),
    ...(from.principal === undefined ? [] : [`as ${from.principal}`]),
    ...(from.token === undefined
      ? []
      : [`token ${from.token === "invalid" ? "invalid" : JSON.stringify(from.token)}`]),
  ];
  return (
    words.join(" ") + (notes.length > 0 ? ` # ${notes.join(", ").replaceAll(/[^\x20-\x7e]/g, "?")}` : "")
  );
}

/** Whatever they hold is a secret. */
export const SECRET_HEADERS: ReadonlySet<string> = new Set([
  ...["authorization", "proxy-authorization", "set-cookie", "x-api-key", "x-auth-token", "x-csrf-token"],
]);

const placeholder = (name: string): string => (name.endsWith("authorization") ? "token" : "secret");

/** As one word for a POSIX shell; what a terminal would act on is left out. */
function quoted(text: string): string {
  const plain = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}
