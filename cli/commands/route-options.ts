/** How a command line names the cluster and the Prometheus of a route. */
import { Option, type Command } from "commander";
import type { ClusterNames } from "../../components/kubernetes/api-server";
import type { LiveRoutes } from "../sources/live-route";
import type { RouteConnection, RouteOptions } from "../watch/connection";

export type PrometheusOptions = Pick<RouteOptions, "prometheus" | "tokenFile" | "ca" | "metrics">;

/** The options of every command that asks a Prometheus. */
export const withPrometheus = (command: Command, prometheus: string): Command =>
  command
    .addOption(new Option("--prometheus <address>", prometheus))
    .addOption(new Option("--token-file <file>", "bearer token for the URL of --prometheus"))
    .addOption(new Option("--ca <file>", "certificates that sign that of the URL"))
    .addOption(
      new Option("--metrics <source>", "whose counters (default: as the VirtualService says)").choices([
        "istio",
        "envoy",
      ]),
    );

/** The options of every command that reads the counters of a route in a cluster. */
export const withRoute = (command: Command): Command =>
  withPrometheus(
    command
      .addOption(new Option("--kubeconfig <file>", "of the cluster (default: as kubectl)"))
      .addOption(new Option("--context <name>", "of the kubeconfig")),
    "URL, or namespace/service:port (default: as the VirtualService says)",
  );

/** Loads Pulumi's SDK, which commands without a cluster do without. */
export function openRoute(options: RouteOptions): Promise<RouteConnection> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would be made before all else
  const { RouteConnection } = require("../watch/connection") as typeof import("../watch/connection");
  return RouteConnection.open(options);
}

/** As {@link openRoute}. */
export function openRoutes(cluster: ClusterNames): LiveRoutes {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would be made before all else
  const { LiveRoutes } = require("../sources/live-route") as typeof import("../sources/live-route");
  return LiveRoutes.connect(cluster);
}
