import * as pulumi from "@pulumi/pulumi";
import { existsSync, readFileSync } from "node:fs";
import type { ClusterAccess } from "./components/index";
import { parseSettings, SettingsError, type Settings } from "./stacks/config/settings";
import { shopzier } from "./stacks/shopzier";

const settings = readSettings();
const cluster = clusterAccess();
if (settings.production && Object.keys(cluster).length === 0) {
  throw new pulumi.RunError(
    "kubernetes:context: found nothing, where shopzier:production is true\n" +
      "  allowed: the name of a context of the kubeconfig (or kubernetes:kubeconfig), so that production is written to no other cluster\n" +
      `  repair:  pulumi config set --stack ${pulumi.getStack()} kubernetes:context "$(kubectl config current-context)"`,
  );
}
const outputs = shopzier(settings, cluster);
export const { gatewayUrl, host, traffic, loadBalancer, versions, gateOverride } = outputs;

function readSettings(): Settings {
  const prefix = `${pulumi.getProject()}:`;
  const config = Object.fromEntries(
    Object.entries(pulumi.runtime.allConfig())
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
  refuseSecrets(Object.keys(config).map((key) => prefix + key));
  try {
    const file = `Pulumi.${pulumi.getStack()}.yaml`;
    const settings = parseSettings(
      config,
      pulumi.getStack(),
      existsSync(file) ? readFileSync(file, "utf8") : "",
    );
    for (const warning of settings.warnings) void pulumi.log.warn(warning);
    return settings;
  } catch (error) {
    // A RunError is printed without a stack trace, because the error is in the stack file.
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}

/** Refuses secret values: settings are plain text in the cluster and in the state. */
function refuseSecrets(keys: readonly string[]): void {
  // The engine sets this variable to the keys that it has decrypted.
  const secret = JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS ?? "[]") as string[];
  const refused = keys.filter((key) => secret.includes(key));
  if (refused.length > 0) {
    throw new pulumi.RunError(
      `${refused.join(", ")}: found a secret value\n` +
        "  allowed: values that may be read by anyone who may read the cluster or the state\n" +
        "  repair:  keep it in a Kubernetes Secret and set the key again without --secret",
    );
  }
}

/** The cluster of the default provider; all waits ask the same one. */
function clusterAccess(): ClusterAccess {
  const kubernetes = new pulumi.Config("kubernetes");
  return Object.fromEntries(
    (["kubeconfig", "context", "cluster"] as const).flatMap((key) => {
      const value = kubernetes.get(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}
