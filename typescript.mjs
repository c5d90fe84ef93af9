// Loads a TypeScript program by esbuild, for `pulumi up` (runtime.options.nodeargs in Pulumi.yaml): all of its own files in
// one go, packages as they are. Types are checked by `npm test`. docs/decisions/0005 has the reasons.
import Module from "node:module";
import { buildSync } from "esbuild";

Module._extensions[".ts"] = (module, file) => {
  // No source map: Pulumi's SDK takes a stack trace for each promise, and with a map each would be translated.
  const { outputFiles } = buildSync({
    entryPoints: [file],
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    write: false,
  });
  module._compile(outputFiles[0].text, file);
};

// Pulumi's SDK loads npm's dependency resolver, a third of its own loading time, for functions that are sent to a cloud: this
// program has none. Here it is loaded when it is asked for.
const load = Module._load;
Module._load = (request, ...rest) => {
  if (request !== "@npmcli/arborist") return load(request, ...rest);
  return {
    __esModule: true,
    get Arborist() {
      return load(request, ...rest).Arborist;
    },
  };
};
