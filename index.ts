import * as pulumi from "@pulumi/pulumi";
import type { ClusterAccess } from "./components/index";
import { parseSettings, SettingsError, type Settings } from "./stacks/settings";
import { shopzier } from "./stacks/shopzier";

const outputs = shopzier(readSettings(), clusterAccess());
export const { gatewayUrl, host, traffic, loadBalancer, versions } = outputs;

function readSettings(): Settings {
  const prefix = `${pulumi.getProject()}:`;
  const config = Object.fromEntries(
    Object.entries(pulumi.runtime.allConfig())
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
  try {
    const settings = parseSettings(config, pulumi.getStack());
    for (const warning of settings.warnings) void pulumi.log.warn(warning);
    return settings;
  } catch (error) {
    // A RunError is shown without a stack: what is wrong is in the stack file, not here.
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}

/** The cluster that the default provider writes to: the barrier must ask the same one. */
function clusterAccess(): ClusterAccess {
  const kubernetes = new pulumi.Config("kubernetes");
  const kubeconfig = kubernetes.get("kubeconfig");
  const context = kubernetes.get("context");
  return { ...(kubeconfig !== undefined && { kubeconfig }), ...(context !== undefined && { context }) };
}
