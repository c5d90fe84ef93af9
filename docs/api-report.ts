/**
 * Compares the public API of the package with the reports in components/api, so that a review sees each change of it. With
 * `--write` it writes them: `npm run api`.
 */
import { CompilerState, Extractor, ExtractorConfig, type IConfigFile } from "@microsoft/api-extractor";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const ROOT = path.resolve(__dirname, "..");
const PACKAGE = path.join(ROOT, "components");
/** Name of the report → folder of the entry point. */
const ENTRIES = { index: "", simulator: "simulator", evidence: "evidence", testing: "testing" } as const;
const SILENT = { default: { logLevel: "none" } } as const;

/** The names of the reports that differ from the API. */
function changed(folder: string, write: boolean): string[] {
  const types = path.join(folder, "dist");
  const compiler = path.join(ROOT, "node_modules/typescript-native/bin/tsc");
  const emit = ["-p", path.join(PACKAGE, "tsconfig.build.json"), "--emitDeclarationOnly", "--outDir", types];
  execFileSync("node", [compiler, ...emit], { stdio: "inherit" });
  copyFileSync(path.join(PACKAGE, "package.json"), path.join(folder, "package.json"));
  // A report repeats the text of a declaration. To read the types of Kubernetes for it would take twice as long as all else.
  for (const name of ["pulumi", "kubernetes"]) {
    const stub = path.join(folder, "node_modules/@pulumi", name);
    mkdirSync(stub, { recursive: true });
    writeFileSync(
      path.join(stub, "package.json"),
      JSON.stringify({ name: `@pulumi/${name}`, version: "0.0.0" }),
    );
    writeFileSync(path.join(stub, "index.d.ts"), "export {};\n");
  }
  const files = Object.values(ENTRIES).map((entry) => path.join(types, entry, "index.d.ts"));
  const settings = (report: string, entry: string): IConfigFile => ({
    projectFolder: folder,
    mainEntryPointFilePath: path.join(types, entry, "index.d.ts"),
    compiler: {
      overrideTsconfig: {
        compilerOptions: {
          module: "nodenext",
          target: "es2022",
          lib: ["es2022", "dom"],
          strict: true,
          types: [],
        },
        files,
      },
    },
    apiReport: {
      enabled: true,
      includeForgottenExports: true,
      reportFileName: `${report}.api.md`,
      reportFolder: path.join(PACKAGE, "api"),
      reportTempFolder: path.join(folder, "api"),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      extractorMessageReporting: SILENT,
      tsdocMessageReporting: SILENT,
      compilerMessageReporting: SILENT,
    } as unknown as NonNullable<IConfigFile["messages"]>,
  });
  let compilerState: CompilerState | undefined;
  return Object.entries(ENTRIES).flatMap(([report, entry]) => {
    const config = ExtractorConfig.prepare({
      configObject: settings(report, entry),
      configObjectFullPath: undefined,
      packageJsonFullPath: path.join(folder, "package.json"),
    });
    compilerState ??= CompilerState.create(config, { additionalEntryPoints: files });
    const { apiReportChanged } = Extractor.invoke(config, {
      compilerState,
      localBuild: write,
      messageCallback: (message) => {
        message.handled = true;
      },
    });
    return apiReportChanged ? [report] : [];
  });
}

function main(write: boolean): void {
  const folder = mkdtempSync(path.join(tmpdir(), "shopzier-api-"));
  try {
    const reports = changed(folder, write);
    if (reports.length === 0) return;
    for (const report of write ? [] : reports) {
      const name = `${report}.api.md`;
      const [old, now] = [path.join(PACKAGE, "api", name), path.join(folder, "api", name)];
      try {
        execFileSync("git", ["diff", "--no-index", old, now], { stdio: "inherit" });
      } catch {
        // git's exit code says that they differ.
      }
    }
    if (write) return;
    console.error(
      `The public API differs from components/api (${reports.join(", ")}). If that is meant: npm run api`,
    );
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

main(process.argv.includes("--write"));
