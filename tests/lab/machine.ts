/** What a lab could leave on the machine, as comparable text. */
import { execa } from "execa";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** Places of the machine's own Kubernetes and of the user, in which the lab may not change anything. */
const PLACES = [
  "/etc/kubernetes",
  "/etc/cni",
  "/var/lib/kubelet",
  "/var/lib/etcd",
  "/var/lib/cni",
  "/var/lib/containers",
  "/var/log/pods",
  "/var/log/containers",
  "/usr/libexec/kubernetes",
  "/run/containerd",
  path.join(os.homedir(), ".kube"),
  path.join(os.homedir(), ".pulumi"),
  path.join(os.homedir(), ".local"),
];

/** PIDs that are none of a lab's, whatever their commands: a machine may have a containerd of its own, for Docker. */
let machinesOwn: ReadonlySet<string> = new Set();

/** Lets the machine, without a lab, look as if it had a Kubernetes and a user of its own; returns what removes that again. */
export async function pretendOwnKubernetes(): Promise<() => void> {
  const containerd = spawn("sleep", ["1h"], { argv0: "containerd" });
  await once(containerd, "spawn");
  machinesOwn = new Set(suspects().keys());
  const made = PLACES.filter((place) => !fs.existsSync(place));
  for (const place of made) {
    fs.mkdirSync(path.join(place, "own"), { recursive: true });
    fs.writeFileSync(path.join(place, "own", "file"), "the machine's own");
    fs.writeFileSync(path.join(place, "config"), "the machine's own");
  }
  return () => {
    containerd.kill();
    for (const place of made) fs.rmSync(place, { recursive: true });
  };
}

/** Everything that the lab must give back, by kind. */
export async function machineState(): Promise<Record<string, string[]>> {
  const lines = async (file: string, ...args: string[]): Promise<string[]> =>
    (await execa(file, args)).stdout.split("\n");
  return {
    processes: labProcesses(),
    mounts: fs.readFileSync("/proc/self/mounts", "utf8").split("\n").sort(),
    "network namespaces": await lines("lsns", "--type=net", "--noheadings", "--output=NS"),
    links: (await lines("ip", "-brief", "link")).map((line) => line.split(/\s/)[0] ?? ""),
    routes: await lines("ip", "-4", "route"),
    cgroups: fs
      .readdirSync("/sys/fs/cgroup", { recursive: true, encoding: "utf8" })
      .filter((name) => /kube|shopzier/.test(name)),
    places: PLACES.flatMap(listing),
    "folders of the machine": ["/", "/etc", "/opt", "/run", "/var/lib", "/var/log"].flatMap((folder) =>
      fs.readdirSync(folder).map((name) => path.join(folder, name)),
    ),
  };
}

/** Command lines of the processes of a lab. */
export function labProcesses(): string[] {
  return [...suspects()].flatMap(([pid, command]) => (machinesOwn.has(pid) ? [] : [command]));
}

/** Processes that a lab starts, and others of the same programs: command lines by PID. */
function suspects(): Map<string, string> {
  const found = new Map<string, string>();
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      if (/lab\/node\/init\.sh|containerd|kubelet|etcd|kube-apiserver|calico|shopzier-mesh\//.test(command))
        found.set(pid, command);
    } catch {
      // It ended while we looked.
    }
  return found;
}

function listing(place: string): string[] {
  if (!fs.existsSync(place)) return [];
  return [
    place,
    ...fs.readdirSync(place, { recursive: true, encoding: "utf8" }).map((name) => path.join(place, name)),
  ].map((file) => {
    const { size, mtimeMs, mode } = fs.lstatSync(file);
    return `${file} ${size} ${mtimeMs} ${mode}`;
  });
}
