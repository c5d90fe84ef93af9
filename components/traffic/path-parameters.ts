import type { HttpRoute } from "../istio/virtual-service";

/**
 * Refuses paths with parameters (RFC 3986, 3.3) where only some paths of a service are routed: 400.
 *
 * Java servers remove `;...` from a segment before they resolve dots, so `/a/..;/b` is `/b` to Tomcat. Envoy resolves `..;`
 * from 1.39.1 on (CVE-2026-73551), but not `%2e%2e;`. To an Envoy that does not resolve it, `/a/..;/b` is within `/a`.
 */
export const PATH_PARAMETERS: HttpRoute = {
  name: "path-parameters",
  match: [{ uri: { regex: ".*;.*" } }],
  directResponse: { status: 400 },
};
