import fs from "node:fs";
import path from "node:path";
import Table from "cli-table3";
import { Fault } from "./fault";
import { folders, shown } from "./folders";
import { findNode, isHealthy, kubectl } from "./node";

interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** Tells what runs, what is broken and which log to read; exit code 1 where something is broken. */
export async function printStatus(): Promise<void> {
  const node = findNode();
  if (!node) {
    console.log(
      `The lab is down: make up${fs.existsSync(folders.logs) ? ` (logs of the last one: ${shown(folders.logs)})` : ""}`,
    );
    process.exitCode = 1;
    return;
  }
  if (node.checkout !== folders.checkout) {
    console.log(`The lab of ${node.checkout} is up (PID ${node.pid}); this checkout has none.`);
    process.exitCode = 1;
    return;
  }
  if (!(await isHealthy())) {
    console.log(
      `The node runs (PID ${node.pid}), but Kubernetes is not complete or does not answer: make up starts it afresh.\n` +
        `Read ${["kubeadm", "kubelet", "containerd"].map((name) => shown(path.join(folders.logs, `${name}.log`))).join(", ")}`,
    );
    process.exitCode = 1;
    return;
  }
  const { items } = JSON.parse(await kubectl(["get", "pods", "--all-namespaces", "--output=json"])) as {
    items: Pod[];
  };
  const table = new Table({
    head: ["pod", "ready", "restarts", "what is wrong"],
    style: { head: [], border: [] },
  });
  let broken = 0;
  for (const pod of items) {
    const containers = pod.status.containerStatuses ?? [];
    const bad = containers.filter(({ ready }) => !ready);
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const wrong = bad.map(({ name, state }) => `${name}: ${state.waiting?.reason ?? "not ready"}`).join(", ");
    if (containers.length === 0 || bad.length > 0) broken += 1;
    table.push([
      name,
      `${containers.length - bad.length}/${containers.length}`,
      containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
      wrong || (containers.length === 0 ? pod.status.phase : ""),
    ]);
  }
  console.log(`The lab is up (node PID ${node.pid}, ${shown(folders.run)}).`);
  console.log(table.toString());
  if (broken > 0) {
    console.log(`${broken} of ${items.length} pods are not ready: npm run lab -- logs <pod>`);
    process.exitCode = 1;
  }
}

/** Prints a log of the lab, or of a pod ("namespace/name"). */
export async function printLogs(component: string | undefined): Promise<void> {
  const logs = fs.existsSync(folders.logs)
    ? fs.readdirSync(folders.logs).map((file) => path.basename(file, ".log"))
    : [];
  if (component?.includes("/")) {
    const [namespace = "", pod = ""] = component.split("/");
    console.log(await kubectl([`--namespace=${namespace}`, "logs", pod, "--all-containers", "--prefix"]));
  } else if (component !== undefined && logs.includes(component)) {
    process.stdout.write(fs.readFileSync(path.join(folders.logs, `${component}.log`)));
  } else {
    const choice = `${logs.join(", ") || "none yet"}, or namespace/pod (npm run lab -- status)`;
    if (component !== undefined) throw new Fault(`There is no log "${component}". There are: ${choice}`);
    console.log(`Logs: ${choice}`);
  }
}
