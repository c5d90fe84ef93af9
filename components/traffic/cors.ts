import { defined } from "../istio/defined";
import type { CorsPolicySpec, StringMatch } from "../istio/virtual-service";
import type { HeaderChanges } from "./headers";
import { literal } from "./regex";

/** Which pages of other origins a browser lets use the answers (WHATWG Fetch, "CORS protocol"). */
export interface CorsPolicy {
  /** Origins (`https://shop.example.com`), `https://*.example.com` for every host below it, or `*` for any. */
  readonly origins: readonly string[];
  readonly methods?: readonly string[];
  /** Request headers that a page may send. */
  readonly headers?: readonly string[];
  /** Response headers that a page may read. */
  readonly expose?: readonly string[];
  /** How long a browser may remember the answer to a preflight, in seconds. */
  readonly maxAgeSeconds?: number;
  /** Whether a page may send cookies; not with origin `*`. */
  readonly credentials?: boolean;
}

/** What a service says itself about other origins: where the gateway decides, it must not be heard. */
const CORS_HEADERS: readonly string[] = [
  "access-control-allow-credentials",
  "access-control-allow-origin",
  "access-control-expose-headers",
];

/** What becomes of every answer of a route with CORS, those of the gateway too: caches keep apart what differs by origin. */
export const CORS_ANSWER: HeaderChanges = { remove: CORS_HEADERS, add: { vary: "Origin" } };

/** In Istio's words. The gateway answers every preflight, that of a foreign origin too, without asking a version. */
export function corsSpec(cors: CorsPolicy): CorsPolicySpec {
  return defined({
    allowOrigins: cors.origins.map(originMatch),
    allowMethods: cors.methods,
    allowHeaders: cors.headers,
    exposeHeaders: cors.expose,
    ...(cors.maxAgeSeconds !== undefined && { maxAge: `${cors.maxAgeSeconds}s` }),
    allowCredentials: cors.credentials,
    unmatchedPreflights: "IGNORE",
  });
}

/** Envoy takes exact "*" as any origin. */
function originMatch(origin: string): StringMatch {
  const [scheme = "", host] = origin.split("://*");
  return host === undefined ? { exact: origin } : { regex: `${literal(scheme)}://[^/:]+${literal(host)}` };
}
