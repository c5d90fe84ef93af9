import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type CommandOptions, run, throwIfInterrupted, until, withoutProxy } from "./command";
import { Fault } from "./fault";
import { folders, shown } from "./folders";
import { addresses, connect, disconnected } from "./network";
import type { Report } from "./steps";

const init = path.join(__dirname, "node", "init.sh");
const namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--mount-proc"];
const cgroup = "shopzier-mesh-lab";

/** Credentials of the cluster's administrator; the file exists when Kubernetes runs. */
export const kubeconfig = path.join(folders.run, "kubeconfig");
const ready = path.join(folders.run, "ready");

/** A node that runs on this machine. */
export interface RunningNode {
  /** The machine's PID for the node's PID 1. Killing it ends the node. */
  readonly pid: number;
  /** Checkout that started the node. */
  readonly checkout: string;
}

/** Finds the lab's node on this machine, from any checkout and without its state folder. */
export function findNode(): RunningNode | undefined {
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [shell, script, data] = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (shell !== "bash" || data === undefined || !script?.endsWith("/lab/node/init.sh")) continue;
      // Only the first process of a PID namespace, not a subshell of it.
      if (!/^NSpid:(\t\d+)+\t1$/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))) continue;
      return { pid: Number(pid), checkout: path.resolve(path.dirname(script), "../..") };
    } catch {
      // The process has ended meanwhile.
    }
  }
  return undefined;
}

/** Whether this checkout's node runs, is complete, and its API server answers. */
export async function isHealthy(): Promise<boolean> {
  if (findNode()?.checkout !== folders.checkout || !fs.existsSync(ready)) return false;
  const answers = await succeeds(kubectl(["get", "--raw=/readyz", "--request-timeout=5s"]));
  throwIfInterrupted();
  return answers;
}

/** Starts PID 1 of the node with containerd, and connects it to the machine's network. `definitions`: the file with Calico's CRDs. */
export async function startNode(definitions: string): Promise<void> {
  const data = path.join(folders.run, "containerd");
  for (const folder of [folders.logs, data]) fs.mkdirSync(folder, { recursive: true });
  makeCgroups();
  const log = fs.openSync(path.join(folders.logs, "node.log"), "a");
  // Not by run(), because this process has to outlive this command.
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

/** Starts Kubernetes on the node; its images must be loaded. */
export async function startKubernetes(report: Report): Promise<void> {
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

/** Marks the node as complete: `up` keeps it. */
export function markReady(): void {
  fs.writeFileSync(ready, "");
}

/** Marks the node as not complete: until {@link markReady}, `up` replaces it. */
export function markUnready(): void {
  fs.rmSync(ready, { force: true });
}

/** Stops the node and removes its processes, namespaces, mounts, links, routes, cgroups and state. */
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

/** Environment for kubectl on the lab. */
export function kubectlEnvironment(): Record<string, string> {
  const { PATH = "", NO_PROXY = "", no_proxy = "" } = process.env;
  // 127.0.0.1 is Pulumi's engine: without this, the program's gRPC would use the proxy for it.
  const direct = [...addresses, ".svc", ".cluster.local", "127.0.0.1"];
  const noProxy = [...new Set([...`${NO_PROXY},${no_proxy}`.split(",").filter(Boolean), ...direct])].join();
  return {
    PATH: `${folders.bin}:${PATH}`,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    KUBECONFIG: kubeconfig,
    // The default is the user's ~/.kube.
    KUBECACHEDIR: path.join(folders.run, "kubectl-cache"),
  };
}

function succeeds(command: Promise<unknown>): Promise<boolean> {
  return command.then(
    () => true,
    () => false,
  );
}

/** The machine's PID for the node's PID 1. Throws a Fault if no node runs. */
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

/** Creates the parent of the kubelet's cgroups, separate from those of another Kubernetes on the machine. */
function makeCgroups(): void {
  for (const root of cgroupRoots()) {
    const controllers = path.join(root, "cgroup.subtree_control");
    // This machine does not allow the hierarchy or controller. If the kubelet needs it, its log names it.
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
  // The kernel removes it some time after the last process has ended.
  await until(`The end of cgroup ${folder}`, 20, () =>
    attempt(() => {
      fs.rmdirSync(folder);
    }),
  );
}
