import fs from "node:fs";
import path from "node:path";
import Table from "cli-table3";
import { isBuildingInBackground } from "./background";
import { Fault } from "./fault";
import { folders, shown } from "./folders";
import { findNode, isHealthy, kubectl } from "./node";

interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status: PodStatus;
}

/** The fields of a pod's status (Kubernetes API) that are shown. */
export interface PodStatus {
  readonly phase: string;
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: {
    readonly waiting?: { readonly reason?: string };
    readonly terminated?: { readonly exitCode: number };
  };
}

/** Prints what runs, what is broken and which log to read; sets exit code 1 if something is broken. */
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
    const { ready, restarts, problems } = health(status);
    if (problems.length > 0) broken += 1;
    table.push([`${metadata.namespace}/${metadata.name}`, ready, restarts, problems.join(", ")]);
  }
  console.log(`The lab is up (node PID ${node.pid}, ${shown(folders.run)}).`);
  console.log(table.toString());
  if (await isBuildingInBackground())
    console.log(
      "What `make observability` needs is being built in the background: npm run lab -- logs background",
    );
  if (broken > 0) {
    console.log(`${broken} of ${items.length} pods are not ready: npm run lab -- logs <pod>`);
    process.exitCode = 1;
  }
}

/** State of a pod, as `kubectl get pods` shows it, and why it is not ready. */
export function health(status: PodStatus): {
  readonly ready: string;
  readonly restarts: number;
  readonly problems: readonly string[];
} {
  // Istio's proxy may be an init container that keeps running. Init containers that have finished are left out.
  const initial = (status.initContainerStatuses ?? []).filter(
    ({ state }) => state.terminated?.exitCode !== 0,
  );
  const containers = [...initial, ...(status.containerStatuses ?? [])];
  const bad = containers.filter(({ ready }) => !ready);
  const problems = bad
    .map(({ name, state }) => ({ name, reason: state.waiting?.reason ?? "not ready" }))
    // The container that it waits for has the reason.
    .filter(({ reason }) => reason !== "PodInitializing" || initial.every(({ ready }) => ready))
    .map(({ name, reason }) => `${name}: ${reason}`);
  return {
    ready: `${containers.length - bad.length}/${containers.length}`,
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    problems: containers.length === 0 ? [status.phase] : problems,
  };
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
