import fs from "node:fs";
import path from "node:path";
import { contentHash, hashFolder, withScratch } from "./cache";
import { run } from "./command";
import { type GoProgram, providerModule, providerSdkModule, versions } from "./programs";

/** The folder of the modules that pin the programs. */
export const sources = path.join(__dirname, "toolchain");
export const goEnvironment = { GOTOOLCHAIN: "local", CGO_ENABLED: "0", GOFLAGS: "-trimpath", GOGC: "400" };
// The linker would drop the debug information. Not to write it saves an eighth of the time and gives the same program, so these
// flags are not part of the key.
export const compilerFlags = ["-gcflags=all=-dwarf=false"];

function buildFlags({ tags, stamps = [] }: GoProgram): string[] {
  return [...(tags === undefined ? [] : ["-tags", tags]), "-ldflags", ["-s -w", ...stamps].join(" ")];
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

/** Builds a program into `folder`. */
export async function buildGo(
  name: string,
  program: GoProgram,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  // In a copy, so that a build cannot write to the checkout.
  const module = path.join(folder, "module");
  fs.cpSync(path.join(sources, program.module), module, { recursive: true });
  await preparations[program.module]?.(module);
  const flags = [...compilerFlags, ...buildFlags(program)];
  await go(["build", ...flags, "-o", path.join(folder, name), program.source], module, signal);
  fs.rmSync(module, { recursive: true });
}

/** Runs Go with the toolchain's settings. */
export function go(args: readonly string[], cwd: string, signal?: AbortSignal): Promise<string> {
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
export async function moduleFolder(family: string, module: string): Promise<string> {
  const cwd = path.join(sources, family);
  await go(["mod", "download", module], cwd);
  return go(["list", "-m", "-f", "{{.Dir}}", module], cwd);
}

/** What completes the copy of a module folder. */
const preparations: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  provider: prepareProvider,
};

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
