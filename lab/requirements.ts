import fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { Fault } from "./fault";
import { folders } from "./folders";
import { Images } from "./images";
import { clashingRoutes } from "./network";
import { Toolchain } from "./toolchain";

/** Facts about the machine that decide whether the lab can run. */
export interface Machine {
  readonly isRoot: boolean;
  /** Output of `go version`; absent without Go. */
  readonly goVersion?: string | undefined;
  /** Whether `python3` runs and can create virtual environments. */
  readonly hasPython: boolean;
  readonly hasApt: boolean;
  /** OS packages with a missing program. */
  readonly missingPackages: readonly string[];
  /** Routes of the machine that already use the lab's addresses. */
  readonly clashingRoutes: readonly string[];
  /** Free space in GB for the cache and the cluster's data. */
  readonly freeGigabytes: number;
  /** Whether the programs are in the cache. Building them needs most of the space. */
  readonly isCached: boolean;
  readonly cache: string;
  readonly checkout: string;
}

/** OS package of each program (or file) that the lab runs. */
const packages: Readonly<Record<string, string>> = {
  containerd: "containerd",
  ctr: "containerd",
  runc: "runc",
  buildah: "buildah",
  debootstrap: "debootstrap",
  iptables: "iptables",
  ipset: "ipset",
  nft: "nftables",
  ip: "iproute2",
  conntrack: "conntrack",
  mount: "mount",
  // For the lab's database, and for the tests of the category service.
  "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
  nsenter: "util-linux",
  setpriv: "util-linux",
  sysctl: "procps",
  "/usr/lib/cni/host-local": "containernetworking-plugins",
};

/** Free space in GB that `up` needs: to build (with Go's build cache), or for the cluster's data only. */
const gigabytes = { building: 12, cached: 3 };
/** Folders with private layers in the node and in image builds: files written there are lost. */
const layered = ["/etc", "/run", "/usr/libexec", "/var/lib", "/var/log"];

/** Throws a Fault on a platform on which the lab's commands do not work. */
export function checkPlatform(): void {
  if (process.platform !== "linux" || process.arch !== "x64")
    refuse([`it runs on Linux on x64 only; this is ${process.platform} on ${process.arch}`]);
}

/** All problems that prevent the lab from running on Linux on x64, each with its repair. */
export function problemsOf(machine: Machine): string[] {
  const problems: string[] = [];
  if (!machine.isRoot) problems.push("it must be run by root: it makes namespaces, mounts and links");
  const go = /go(\d+)\.(\d+)/.exec(machine.goVersion ?? "");
  if (!go) problems.push("Go is not on PATH: install Go 1.26 or newer");
  else if (Number(go[1]) === 1 && Number(go[2]) < 26)
    problems.push(`Go ${go[1] ?? ""}.${go[2] ?? ""} is too old: install 1.26 or newer`);
  if (!machine.hasPython)
    problems.push("Python 3 with its venv module is missing: install python3 and python3-venv");
  if (machine.missingPackages.length > 0 && !machine.hasApt)
    problems.push(
      `these packages are missing, and there is no apt-get to install them: ${machine.missingPackages.join(", ")}`,
    );
  if (machine.clashingRoutes.length > 0)
    problems.push(
      `the machine already has routes to the lab's addresses: ${machine.clashingRoutes.join("; ")}`,
    );
  const needed = machine.isCached ? gigabytes.cached : gigabytes.building;
  if (machine.freeGigabytes < needed)
    problems.push(
      `too little disk: ${machine.freeGigabytes.toFixed(1)} GB are free for ${machine.cache} and ${machine.checkout}, ${needed} GB are needed`,
    );
  for (const folder of [machine.cache, machine.checkout])
    if (layered.some((name) => folder.startsWith(`${name}/`)))
      problems.push(
        `${folder} may not be below ${layered.join(", ")}: move it (the cache follows XDG_CACHE_HOME)`,
      );
  return problems;
}

/** Throws a Fault with all problems if the lab cannot run here. */
export async function checkMachine(): Promise<Machine> {
  const machine = await inspect();
  refuse(problemsOf(machine));
  return machine;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0)
    throw new Fault(
      `The lab cannot run here:\n${problems.map((problem) => `  - ${problem}`).join("\n")}\n` +
        "Repair that, or use a cluster of your own instead: pulumi up --stack dev",
    );
}

async function inspect(): Promise<Machine> {
  const go = await execa("go", ["version"], { reject: false, env: { GOTOOLCHAIN: "local" } });
  const python = await execa("python3", ["-c", "import ensurepip, venv"], { reject: false });
  const missing = Object.entries(packages).filter(([program]) => !isInstalled(program));
  return {
    isRoot: process.getuid?.() === 0,
    goVersion: go.failed ? undefined : go.stdout,
    hasPython: !python.failed,
    hasApt: isInstalled("apt-get"),
    missingPackages: [...new Set(missing.map(([, name]) => name))],
    clashingRoutes: isInstalled("ip") ? await clashingRoutes() : [],
    freeGigabytes: Math.min(...[folders.cache, folders.checkout].map(freeGigabytes)),
    isCached: !go.failed && isBuilt(go.stdout),
    cache: folders.cache,
    checkout: folders.checkout,
  };
}

function isBuilt(goVersion: string): boolean {
  // The rest as well: `make up` builds it in the background.
  return new Images(new Toolchain(goVersion)).missingPrograms("all").length === 0;
}

function isInstalled(program: string): boolean {
  const search = (process.env["PATH"] ?? "").split(":");
  return search.some((folder) => fs.existsSync(path.resolve(folder, program)));
}

function freeGigabytes(folder: string): number {
  if (!fs.existsSync(folder)) return freeGigabytes(path.dirname(folder));
  const { bavail, bsize } = fs.statfsSync(folder);
  return (bavail * bsize) / 1e9;
}
