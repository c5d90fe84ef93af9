/** Sides of a comparison from runs of the true program. */
import type { KubernetesObject, Side } from "../../cli/side";
import { runProgram, stackConfig, type Registered } from "./program";

/** A stack file's settings after an edit of `config:`. */
export function sideOf(
  stack: string,
  edit: (config: Record<string, unknown>) => void = () => undefined,
): Promise<Side> {
  const config = structuredClone(stackConfig(stack));
  edit(config);
  return sideOfConfig(stack, config);
}

/** Any settings, as the program's stack has them. */
export async function sideOfConfig(stack: string, config: Record<string, unknown>): Promise<Side> {
  const { resources } = await runProgram(config, { stack });
  return { title: stack, objects: resources.flatMap(objectOf), notShown: [] };
}

function objectOf({ type, inputs }: Registered): KubernetesObject[] {
  if (type === "kubernetes:helm.sh/v3:Release") {
    const { name, namespace, ...spec } = inputs as { name: string; namespace: string };
    return [{ apiVersion: "helm.sh/v3", kind: "Release", metadata: { name, namespace }, spec }];
  }
  const metadata = inputs.metadata as KubernetesObject["metadata"] | undefined;
  return type.startsWith("kubernetes:") && metadata ? [inputs as unknown as KubernetesObject] : [];
}
