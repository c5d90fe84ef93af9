import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { createSnapshot } from "./src/embedded-database";

const DIST = join(__dirname, "dist");
const SQL = join(__dirname, "sql");
const PGLITE = require.resolve("@electric-sql/pglite");

/** Writes dist/: the bundled server, PGlite's files (which have to lie beside it), the migrations, and the filled database. */
export async function buildService(): Promise<void> {
  await mkdir(DIST, { recursive: true });
  // The image would still contain a migration that was removed.
  await rm(join(DIST, "sql"), { recursive: true, force: true });
  await Promise.all([
    bundle(join(__dirname, "src/server.ts"), join(DIST, "server.js")),
    ...["pglite.wasm", "pglite.data", "initdb.wasm"].map((file) =>
      copyFile(join(dirname(PGLITE), file), join(DIST, file)),
    ),
    cp(SQL, join(DIST, "sql"), { recursive: true }),
    buildSnapshot(join(DIST, "store.tar")),
  ]);
}

/** Bundles a program that opens the database; PGlite's files must lie beside the result. */
export async function bundle(entryPoint: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    platform: "node",
    target: "node22",
    // PGlite's ES module finds its files by import.meta.url, which a CommonJS bundle does not have.
    alias: { "@electric-sql/pglite": PGLITE },
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
  });
}

/** Creating the database is by far the slowest step, so it is skipped if none of its inputs has changed. */
async function buildSnapshot(file: string): Promise<void> {
  const scripts = (await readdir(SQL)).sort().map((script) => `sql/${script}`);
  const hash = createHash("sha256");
  for (const source of [...scripts, "src/embedded-database.ts", "src/migrations.ts", "package.json"])
    hash.update(await readFile(join(__dirname, source)));
  const stamp = hash.digest("hex");
  const built = await readFile(`${file}.sha256`, "utf8").catch(() => "");
  if (built === stamp) return;
  await writeFile(`${file}.new`, await createSnapshot(SQL));
  await rename(`${file}.new`, file);
  await writeFile(`${file}.sha256`, stamp);
}

if (require.main === module) {
  buildService().catch((error: unknown) => {
    console.error(`category-api: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
}
