/** Installs the objects of the lab's stack by Helm and kubectl, to be compared with `pulumi up`. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { must, tool, until } from "../lab/harness";

interface Exported {
  readonly deployment: {
    readonly resources: readonly { readonly type: string; readonly inputs?: Record<string, unknown> }[];
  };
}

/** The same objects as the stack's, for Helm and kubectl. */
export async function helmInstall(
  helm: string,
  folder: string,
): Promise<{ install: () => Promise<void>; remove: () => Promise<void> }> {
  const exported = await must("pulumi", "stack", "export", "--stack", "lab");
  const resources = (JSON.parse(exported) as Exported).deployment.resources.filter((r) =>
    r.type.startsWith("kubernetes:"),
  );
  const objects = resources
    .filter((r) => r.type !== "kubernetes:helm.sh/v3:Release")
    .map((r) => Object.fromEntries(Object.entries(r.inputs ?? {}).filter(([key]) => !key.startsWith("__"))));
  const manifest = (name: string, items: unknown[]): string => {
    const file = path.join(folder, name);
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    return file;
  };
  const namespaces = manifest(
    "namespaces.json",
    objects.filter((o) => o.kind === "Namespace"),
  );
  const others = manifest(
    "objects.json",
    objects.filter((o) => o.kind !== "Namespace"),
  );
  const releases = resources
    .filter((r) => r.type === "kubernetes:helm.sh/v3:Release")
    .map(({ inputs = {} }) => {
      const file = path.join(folder, `${String(inputs.name)}.json`);
      writeFileSync(file, JSON.stringify(inputs.values));
      return {
        name: String(inputs.name),
        namespace: String(inputs.namespace),
        chart: String(inputs.chart),
        file,
      };
    })
    .sort((a, b) => order(a.name) - order(b.name));
  const deployments = objects
    .filter((o) => o.kind === "Deployment")
    .map((o) => o.metadata as { name: string; namespace: string });
  return {
    install: async () => {
      await must("kubectl", "apply", "-f", namespaces);
      for (const { name, namespace, chart, file } of releases) {
        await must(helm, "install", name, chart, "-n", namespace, "-f", file, "--wait");
      }
      await must("kubectl", "apply", "-f", others);
      for (const { name, namespace } of deployments) {
        await must("kubectl", "rollout", "status", `deployment/${name}`, "-n", namespace);
      }
    },
    remove: async () => {
      await must("kubectl", "delete", "-f", others, "--ignore-not-found");
      for (const { name, namespace } of [...releases].reverse())
        await must(helm, "uninstall", name, "-n", namespace, "--wait");
      await must("kubectl", "delete", "-f", namespaces);
      await until(
        "the namespaces are gone",
        async () => (await tool("kubectl", "get", "-f", namespaces)).exitCode !== 0,
      );
    },
  };
}

const order = (release: string): number => ["istio-base", "istiod", "istio-ingressgateway"].indexOf(release);
