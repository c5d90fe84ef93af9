/** Sides of a comparison from runs of the true program. */
import type { KubernetesObject, Side } from "../../cli/side";
import { runProgram, stackConfig, type Registered, type Run } from "./program";

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
  return sideOfRun(stack, await runProgram(config, { stack }));
}

/** The objects that a run registered. */
export const sideOfRun = (title: string, { resources }: Run): Side => ({
  title,
  objects: resources.flatMap(objectsOf),
  notShown: [],
});

/** The object of a resource; none of a component. */
export function objectsOf({ type, inputs }: Registered): KubernetesObject[] {
  if (type === "kubernetes:helm.sh/v3:Release") {
    const { name, namespace, ...spec } = inputs as { name: string; namespace: string };
    return [{ apiVersion: "helm.sh/v3", kind: "Release", metadata: { name, namespace }, spec }];
  }
  const metadata = inputs.metadata as KubernetesObject["metadata"] | undefined;
  return type.startsWith("kubernetes:") && metadata ? [inputs as unknown as KubernetesObject] : [];
}
