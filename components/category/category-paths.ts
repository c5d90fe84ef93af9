import type { RoutedPath } from "../traffic/paths";

/**
 * What belongs to the category API under Shopizer's gateway. Of the actuator only the health check that Shopizer's
 * shop asks for: the rest shows the environment and heap dumps to anyone.
 */
export const CATEGORY_PATHS: readonly RoutedPath[] = [
  { prefix: "/api/v1/category" },
  { prefix: "/api/v1/private/category" },
  { exact: "/api/v1/private/login" },
  // Which categories a product is in; all else of products is another service's.
  { template: "/api/v1/private/product/*/category/*" },
  { prefix: "/api/v2/category" },
  { exact: "/actuator/health/ping" },
];

/** Where our own service shows its metrics: a port of its own, so that no route leads there. */
export const CATEGORY_METRICS = { port: 9464, path: "/metrics" };
