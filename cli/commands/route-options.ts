/** How a command line names the cluster and the Prometheus of a route. */
import { Option, type Command } from "commander";

/** The options of every command that reads the counters of a route in a cluster. */
export const withRoute = (command: Command): Command =>
  command
    .addOption(new Option("--kubeconfig <file>", "of the cluster (default: as kubectl)"))
    .addOption(new Option("--context <name>", "of the kubeconfig"))
    .addOption(
      new Option(
        "--prometheus <address>",
        "URL, or namespace/service:port (default: as the VirtualService says)",
      ),
    )
    .addOption(new Option("--token-file <file>", "bearer token for the URL of --prometheus"))
    .addOption(new Option("--ca <file>", "certificates that sign that of the URL"))
    .addOption(
      new Option("--metrics <source>", "whose counters (default: as the VirtualService says)").choices([
        "istio",
        "envoy",
      ]),
    );
