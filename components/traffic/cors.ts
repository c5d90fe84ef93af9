import { defined } from "../istio/without-undefined";
import type { CorsPolicySpec, StringMatch } from "../istio/virtual-service";
import type { HeaderChanges } from "./headers";
import { literal } from "./regex";

/** The origins whose pages may read the answers in a browser (WHATWG Fetch, "CORS protocol"). */
export interface CorsPolicy {
  /** Origins (`https://shop.example.com`), `https://*.example.com` for every host below it, or `*` for any. */
  readonly origins: readonly string[];
  readonly methods?: readonly string[];
  /** Request headers that a page may send. */
  readonly headers?: readonly string[];
  /** Response headers that a page may read. */
  readonly expose?: readonly string[];
  /** Time for which a browser may cache the answer to a preflight, in seconds. */
  readonly maxAgeSeconds?: number;
  /** Whether a page may send cookies. Not together with origin `*`. */
  readonly credentials?: boolean;
}

/** The CORS headers of a service, which are removed where the gateway sets its own. */
const CORS_HEADERS: readonly string[] = [
  "access-control-allow-credentials",
  "access-control-allow-origin",
  "access-control-expose-headers",
];

/** Changes of every answer of a route with CORS. `Vary` makes caches keep the answers for different origins separate. */
export const CORS_ANSWER: HeaderChanges = { remove: CORS_HEADERS, add: { vary: "Origin" } };

/** The policy as Istio's CorsPolicy. The gateway answers every preflight itself, including those of other origins. */
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

/** An origin as Istio's StringMatch. Envoy reads an exact "*" as any origin. */
function originMatch(origin: string): StringMatch {
  const [scheme = "", host] = origin.split("://*");
  return host === undefined ? { exact: origin } : { regex: `${literal(scheme)}://[^/:]+${literal(host)}` };
}
