// Loads a TypeScript program by esbuild, for `pulumi up` (runtime.options.nodeargs in Pulumi.yaml): all of its own files in
// one go, packages as they are. Types are checked by `npm test`. docs/decisions/0005 has the reasons.
import "./lab/node-version.cjs";
import Module from "node:module";
import path from "node:path";
import { buildSync } from "esbuild";

// Of Pulumi's SDK and of all packages: a third of the time that they take to load.
Module.enableCompileCache(path.join(import.meta.dirname, "node_modules/.cache/shopzier"));

Module._extensions[".ts"] = (module, file) => {
  // No source map: Pulumi's SDK takes a stack trace for each promise, and with a map each would be translated.
  const { outputFiles } = buildSync({
    entryPoints: [file],
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node22",
    write: false,
  });
  module._compile(outputFiles[0].text, file);
};
