/**
 * What a gateway makes of a path before it looks for a route (Envoy: HttpConnectionManager `normalize_path`,
 * `merge_slashes`, `path_with_escaped_slashes_action`; Istio: MeshConfig.ProxyPathNormalization).
 */

/** How Istio has paths normalized: each kind does what those before it do, and more. Istio's own default is BASE. */
export type PathNormalization = "NONE" | "BASE" | "MERGE_SLASHES" | "DECODE_AND_MERGE_SLASHES";

/** A path with its query as routes see it; undefined where the request is refused (400). */
export function normalizedPath(path: string, kind: PathNormalization): string | undefined {
  if (PLAIN.test(path)) return path;
  // Istio has Envoy cut a fragment off, which on its own would refuse it (`http_reject_path_with_fragment`).
  const fragment = path.indexOf("#");
  if (fragment >= 0) return normalizedPath(path.slice(0, fragment), kind);
  if (!/^\/[\x21-\x7e]*$/.test(path)) return undefined;
  const at = path.indexOf("?");
  const query = at < 0 ? "" : path.slice(at);
  let bare = at < 0 ? path : path.slice(0, at);
  if (kind === "DECODE_AND_MERGE_SLASHES") {
    bare = bare.replaceAll(/%2f/gi, "/").replaceAll(/%5c/gi, "\\");
  }
  if (kind !== "NONE") {
    const canonical = canonicalPath(bare);
    if (canonical === undefined) return undefined;
    bare = canonical;
  }
  if (kind.endsWith("MERGE_SLASHES") && bare.includes("//")) {
    const end = bare.endsWith("/") ? "/" : "";
    bare = `/${bare.split("/").filter(Boolean).join("/")}${end}`;
  }
  return bare + query;
}

/** Nothing to do, whatever the kind: the most common case. */
const PLAIN = /^(?:\/[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)+\/?(?:\?[\x21\x22\x24-\x7e]*)?$/;

/** Characters that are percent-encoded when they are not (Chromium: url_canon_path, which Envoy has). */
const ENCODED = /["<>^`{|}]/g;
/** What need not be encoded is decoded. */
const UNRESERVED = /[A-Za-z0-9_~-]/;
/** Stands for a percent sign that encodes nothing; no path has it. */
const LONE = "\0";

/** Dot segments resolved, backslashes as slashes, needless encoding undone. */
function canonicalPath(path: string): string | undefined {
  const decoded = path
    // Parameters of a dot segment, only where nothing of it is encoded: "/..;v=1/".
    .replaceAll(/(?<=\/\.{1,2});[^/]*/g, "")
    .replaceAll("\\", "/")
    .replaceAll(/%([\da-f]{2})?/gi, (escape, hex?: string) => {
      if (hex === undefined) return LONE;
      const character = String.fromCharCode(parseInt(hex, 16));
      return UNRESERVED.test(character) ? character : escape;
    })
    // What was decoded must not make an escape of the percent sign before it.
    .replaceAll(/\0(?=[\da-f]{2})/gi, "%25")
    .replaceAll(LONE, "%");
  if (decoded.includes("%00")) return undefined;
  const segments: string[] = [];
  const all = decoded.slice(1).split("/");
  all.forEach((written, i) => {
    const segment = written.replaceAll(/%2e/gi, ".");
    const up = segment === "..";
    if (up) segments.pop();
    if (!up && segment !== ".") segments.push(segment);
    else if (i === all.length - 1) segments.push("");
  });
  return `/${segments.join("/")}`.replaceAll(
    ENCODED,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
