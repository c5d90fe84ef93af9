/** How a command line names the cluster and the Prometheus of a route. */
import { Option, type Command } from "commander";
import type { RouteOptions } from "../watch/connection";

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
