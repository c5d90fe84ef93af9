import fs from "node:fs";
import path from "node:path";
import Table from "cli-table3";
import { Fault } from "./fault";
import { folders, shown } from "./folders";
import { findNode, isHealthy, kubectl } from "./node";

interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status: { readonly phase: string; readonly containerStatuses?: readonly ContainerStatus[] };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: { readonly waiting?: { readonly reason?: string } };
}

/** Tells what runs, what is broken and which log to read; exit code 1 where something is broken. */
export async function printStatus(): Promise<void> {
  const node = findNode();
  if (!node) throw new Fault(`The lab is down: make up (logs, if there are any: ${shown(folders.logs)})`);
  if (node.checkout !== folders.checkout)
    throw new Fault(`The lab of ${node.checkout} is up (PID ${node.pid}); this checkout has none.`);
  if (!(await isHealthy()))
    throw new Fault(
      `The node runs (PID ${node.pid}), but Kubernetes is not complete or does not answer: make up starts it afresh.\n` +
        `Read kubeadm.log, kubelet.log and containerd.log in ${shown(folders.logs)}.`,
    );
  const { items } = JSON.parse(await kubectl(["get", "pods", "--all-namespaces", "--output=json"])) as {
    items: Pod[];
  };
  const table = new Table({
    head: ["pod", "ready", "restarts", "what is wrong"],
    style: { head: [], border: [] },
  });
  let broken = 0;
  for (const { metadata, status } of items) {
    const containers = status.containerStatuses ?? [];
    const bad = containers.filter(({ ready }) => !ready);
    const reasons = bad.map(({ name, state }) => `${name}: ${state.waiting?.reason ?? "not ready"}`);
    if (containers.length === 0) reasons.push(status.phase);
    if (reasons.length > 0) broken += 1;
    const ready = `${containers.length - bad.length}/${containers.length}`;
    const restarts = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
    table.push([`${metadata.namespace}/${metadata.name}`, ready, restarts, reasons.join(", ")]);
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
