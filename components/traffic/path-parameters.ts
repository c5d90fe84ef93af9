import type { HttpRoute } from "../istio/virtual-service";

/**
 * Refuses paths with parameters (RFC 3986, 3.3) where only some paths of a service are routed: 400.
 *
 * Servers in Java take `;...` off a segment before they resolve dots, so that `/a/..;/b` is `/b` to Tomcat. Envoy reads `..;` so
 * from 1.39.1 on (CVE-2026-73551), and `%2e%2e;` still not; to what it does not resolve, `/a/..;/b` is within `/a`.
 */
export const PATH_PARAMETERS: HttpRoute = {
  name: "path-parameters",
  match: [{ uri: { regex: ".*;.*" } }],
  directResponse: { status: 400 },
};
