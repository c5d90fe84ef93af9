// Loads a TypeScript program by esbuild, for `pulumi up` (runtime.options.nodeargs in Pulumi.yaml): all of its own files in
// one go, packages as they are. Types are checked by `npm test`. docs/decisions/0005 has the reasons.
import "./lab/node-version.cjs";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import path from "node:path";

const CACHE = path.join(import.meta.dirname, "node_modules/.cache/shopzier");

// Of Pulumi's SDK and of all packages: a third of the time that they take to load.
Module.enableCompileCache(CACHE);

Module._extensions[".ts"] = (module, file) => {
  // Pulumi's SDK takes a stack trace for each promise, and its runner has installed what translates each by source maps.
  delete Error.prepareStackTrace;
  module._compile(kept(file) ?? bundled(file), file);
};

const root = import.meta.dirname;
const digest = (...texts) => createHash("sha256").update(texts.join("\0")).digest("hex");
const digestOf = (files) => digest(...files.map((name) => readFileSync(path.resolve(root, name))));
// Named from the root, because `shopzier diff` runs a git ref in a folder of its own, which shares this cache.
const listOf = (file) => path.join(CACHE, `${digest(path.relative(root, file))}.json`);
const codeOf = ({ made }) => path.join(CACHE, `${made}.js`);
/** A working tree and the refs that it is compared with. */
const KEPT = 4;

/** The bundles of earlier runs: the files that each was made from, and their digest. */
function bundlesOf(file) {
  try {
    return JSON.parse(readFileSync(listOf(file), "utf8"));
  } catch {
    return [];
  }
}

/** The code of an earlier run, if each file that it was made from is as it was then. */
function kept(file) {
  for (const bundle of bundlesOf(file))
    try {
      if (digestOf(bundle.files) === bundle.made) return readFileSync(codeOf(bundle), "utf8");
    } catch {
      // A file has gone.
    }
  return undefined;
}

function keep(file, files, code) {
  const bundle = { files, made: digestOf(files) };
  const others = bundlesOf(file).filter(({ made }) => made !== bundle.made);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(codeOf(bundle), code);
  writeFileSync(listOf(file), JSON.stringify([bundle, ...others.slice(0, KEPT - 1)]));
  for (const old of others.slice(KEPT - 1)) rmSync(codeOf(old), { force: true });
}

function bundled(file) {
  const started = Date.now();
  const { buildSync } = createRequire(import.meta.url)("esbuild");
  const { outputFiles, metafile } = buildSync({
    entryPoints: [file],
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node22",
    absWorkingDir: root,
    metafile: true,
    write: false,
  });
  const code = outputFiles[0].text;
  const files = [path.basename(import.meta.filename), "tsconfig.json", ...Object.keys(metafile.inputs)];
  // A file that was edited meanwhile may be in the bundle as it was before.
  if (files.some((name) => statSync(path.resolve(root, name)).mtimeMs >= started)) return code;
  try {
    keep(file, files, code);
  } catch {
    // A folder that cannot be written costs time, and nothing else.
  }
  return code;
}
