// Loads a TypeScript program by esbuild, for `pulumi up` (runtime.options.nodeargs in Pulumi.yaml): all of its own files in
// one go, packages as they are. Types are checked by `npm test`. docs/decisions/0005 has the reasons.
import "./lab/node-version.cjs";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
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

const digest = (...texts) => createHash("sha256").update(texts.join("\0")).digest("hex");
const bundleOf = (file) => path.join(CACHE, `${digest(file)}.json`);
const digestOf = (files) => digest(...files.map((file) => readFileSync(file)));

/** The bundle of an earlier run, if each file that it was made from is as it was then. */
function kept(file) {
  try {
    const { files, made, code } = JSON.parse(readFileSync(bundleOf(file), "utf8"));
    return digestOf(files) === made ? code : undefined;
  } catch {
    return undefined;
  }
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
    absWorkingDir: import.meta.dirname,
    metafile: true,
    write: false,
  });
  const code = outputFiles[0].text;
  const files = [
    import.meta.filename,
    path.join(import.meta.dirname, "tsconfig.json"),
    ...Object.keys(metafile.inputs).map((name) => path.resolve(import.meta.dirname, name)),
  ];
  // A file that was edited meanwhile may be in the bundle as it was before.
  if (files.some((name) => statSync(name).mtimeMs >= started)) return code;
  try {
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(bundleOf(file), JSON.stringify({ files, made: digestOf(files), code }));
  } catch {
    // A folder that cannot be written costs time, and nothing else.
  }
  return code;
}
