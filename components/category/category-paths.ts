import type { RoutedPath } from "../traffic/paths";

/**
 * Paths of the category API at Shopizer's gateway. Of the actuator only the health check is included, which Shopizer's shop
 * requests. The other paths would show the environment and heap dumps to every client.
 */
export const CATEGORY_PATHS: readonly RoutedPath[] = [
  { prefix: "/api/v1/category" },
  { prefix: "/api/v1/private/category" },
  { exact: "/api/v1/private/login" },
  // The categories of a product. All other paths of products belong to another service.
  { template: "/api/v1/private/product/*/category/*" },
  { prefix: "/api/v2/category" },
  { exact: "/actuator/health/ping" },
];

/** Metrics endpoint of this project's service. It has its own port, to which no route leads. */
export const CATEGORY_METRICS = { port: 9464, path: "/metrics" };
