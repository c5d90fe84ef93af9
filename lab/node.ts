import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type CommandOptions, run, throwIfInterrupted, until, withoutProxy } from "./command";
import { Fault } from "./fault";
import { folders, shown } from "./folders";
import { addresses, connect, disconnected } from "./network";

const init = path.join(__dirname, "node", "init.sh");
const namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--mount-proc"];
const cgroup = "shopzier-mesh-lab";

/** Credentials of the cluster's administrator, once Kubernetes runs. */
export const kubeconfig = path.join(folders.run, "kubeconfig");
const ready = path.join(folders.run, "ready");

/** A node that runs on this machine. */
export interface RunningNode {
  /** The machine's PID for the node's PID 1: whoever kills it ends the node. */
  readonly pid: number;
  /** Checkout that it was started from. */
  readonly checkout: string;
}

/** Finds the lab's node on this machine, whichever checkout started it and whatever became of its state folder. */
export function findNode(): RunningNode | undefined {
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [shell, script, data] = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (shell !== "bash" || data === undefined || !script?.endsWith("/lab/node/init.sh")) continue;
      // Only the first process of a PID namespace, not a subshell of it.
      if (!/^NSpid:(\t\d+)+\t1$/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))) continue;
      return { pid: Number(pid), checkout: path.resolve(path.dirname(script), "../..") };
    } catch {
      // It ended while we looked.
    }
  }
  return undefined;
}

/** Whether this checkout's node runs, was brought up to the end, and its API server answers. */
export async function isHealthy(): Promise<boolean> {
  if (findNode()?.checkout !== folders.checkout || !fs.existsSync(ready)) return false;
  const answers = await succeeds(kubectl(["get", "--raw=/readyz", "--request-timeout=5s"]));
  throwIfInterrupted();
  return answers;
}

/** Starts PID 1 of the node with containerd below it, and joins it to the machine's network. `definitions`: of Calico. */
export async function startNode(definitions: string): Promise<void> {
  const data = path.join(folders.run, "containerd");
  for (const folder of [folders.logs, data]) fs.mkdirSync(folder, { recursive: true });
  makeCgroups();
  const log = fs.openSync(path.join(folders.logs, "node.log"), "a");
  // Not by run(): this is the one process that shall outlive this command.
  const script = [init, data, folders.logs, folders.bin, definitions];
  const outside = spawn("unshare", [...namespaces, "bash", ...script], {
    cwd: "/",
    env: { ...process.env, ...withoutProxy },
    detached: true,
    stdio: ["ignore", log, log],
  });
  outside.unref();
  fs.closeSync(log);
  await until("The node's first process", 10, () => findNode() !== undefined || outside.exitCode !== null);
  await connect(nodePid());
  await until("containerd (see .lab/logs/containerd.log)", 30, () => succeeds(inNode(["ctr", "version"])));
}

/** Loads an archive of an image into the node. */
export async function importImage(archive: string): Promise<void> {
  const options = { inputFile: archive, log: "images-import" };
  await inNode(["ctr", "--namespace=k8s.io", "images", "import", "-"], options);
}

/** Makes the node a cluster of one; its images must be there. */
export async function startKubernetes(report: (text: string) => void): Promise<void> {
  report("kubeadm init");
  const kubeadm = path.join(folders.bin, "kubeadm");
  const config = "--config=/run/lab/kubeadm.yaml";
  await inNode([kubeadm, "init", config, "--ignore-preflight-errors=all"], { log: "kubeadm" });
  fs.writeFileSync(kubeconfig, await inNode(["cat", "/etc/kubernetes/admin.conf"]), { mode: 0o600 });
  report("node and DNS");
  await kubectl(["apply", "--filename", path.join(__dirname, "node", "coredns.yaml")]);
  await kubectl(["wait", "node/lab", "--for=condition=Ready", "--timeout=120s"]);
  await kubectl(["--namespace=kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s"]);
}

/** From here on `up` keeps this node. */
export function markReady(): void {
  fs.writeFileSync(ready, "");
}

/** From here until {@link markReady} `up` replaces this node. */
export function markUnready(): void {
  fs.rmSync(ready, { force: true });
}

/** Ends the node and removes everything that it had: processes, namespaces, mounts, links, routes, cgroups, state. */
export async function stopNode(): Promise<void> {
  const node = findNode();
  if (node) {
    // The kernel ends a PID namespace with its first process, and the other namespaces with their last one.
    process.kill(node.pid, "SIGKILL");
    await until(
      `The end of the node's processes (PID ${node.pid})`,
      60,
      () => !fs.existsSync(`/proc/${node.pid}`),
    );
  }
  await disconnected();
  for (const root of cgroupRoots()) await removeCgroup(path.join(root, cgroup));
  for (const checkout of new Set([folders.checkout, node?.checkout ?? folders.checkout]))
    fs.rmSync(path.join(checkout, ".lab", "run"), { recursive: true, force: true, maxRetries: 20 });
}

/** Runs kubectl on the lab's cluster. */
export async function kubectl(args: readonly string[]): Promise<string> {
  return run(["kubectl", ...args], { env: kubectlEnvironment(), log: "kubectl" });
}

/** The variables with which kubectl works on the lab. */
export function kubectlEnvironment(): Record<string, string> {
  const { PATH = "", NO_PROXY = "", no_proxy = "" } = process.env;
  // 127.0.0.1 is Pulumi's engine: a program's gRPC would look for it at the proxy too.
  const direct = [...addresses, ".svc", ".cluster.local", "127.0.0.1"];
  const noProxy = [...new Set([...`${NO_PROXY},${no_proxy}`.split(",").filter(Boolean), ...direct])].join();
  return {
    PATH: `${folders.bin}:${PATH}`,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    KUBECONFIG: kubeconfig,
    // The default is in the user's ~/.kube.
    KUBECACHEDIR: path.join(folders.run, "kubectl-cache"),
  };
}

function succeeds(command: Promise<unknown>): Promise<boolean> {
  return command.then(
    () => true,
    () => false,
  );
}

/** The machine's PID for the node's PID 1; fails where there is none. */
export function nodePid(): number {
  const node = findNode();
  if (!node)
    throw new Fault(
      `The node does not run, or has ended.\nRead node.log and containerd.log in ${shown(folders.logs)}.`,
    );
  return node.pid;
}

/** Runs a program in the namespaces of the node. */
export function inNode(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  return run(command, { ...options, where: nodePid() });
}

/** The root of every cgroup hierarchy: several in version 1, one in version 2. */
function cgroupRoots(): string[] {
  return fs
    .readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === "cgroup" || type === "cgroup2")
    .map(([, mountPoint]) => mountPoint ?? "");
}

/** Makes the cgroup below which the kubelet puts its own, apart from those of a Kubernetes that the machine may have. */
function makeCgroups(): void {
  for (const root of cgroupRoots()) {
    const controllers = path.join(root, "cgroup.subtree_control");
    // A hierarchy or a controller that this machine doesn't let us use: the kubelet names it if it needs it.
    attempt(() => {
      fs.mkdirSync(path.join(root, cgroup));
    });
    if (fs.existsSync(controllers))
      for (const controller of ["cpu", "cpuset", "memory", "pids", "io", "hugetlb"])
        attempt(() => {
          fs.writeFileSync(controllers, `+${controller}`);
        });
  }
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

async function removeCgroup(folder: string): Promise<void> {
  if (!fs.existsSync(folder)) return;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await removeCgroup(path.join(folder, entry.name));
  // The kernel needs a moment after the last process has gone.
  await until(`The end of cgroup ${folder}`, 20, () =>
    attempt(() => {
      fs.rmdirSync(folder);
    }),
  );
}
