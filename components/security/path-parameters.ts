import type { HttpRoute } from "../istio/virtual-service";

/**
 * Refuses paths with parameters (RFC 3986, 3.3) where only some paths of a service are routed: 400.
 *
 * A path is judged by its segments as they stand. Servers in Java take `;...` off a segment first, so that `/a/..;/b` is
 * within `/a` for Envoy and `/b` for Tomcat; no path normalisation of Envoy's knows of that, and no policy can look for it.
 */
export const PATH_PARAMETERS: HttpRoute = {
  name: "path-parameters",
  match: [{ uri: { regex: ".*;.*" } }],
  directResponse: { status: 400 },
};
