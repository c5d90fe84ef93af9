import Module from "node:module";
import path from "node:path";
import { ROOT } from "./program";

const modules = Module as unknown as { _resolveFilename: (request: string, ...more: unknown[]) => string };

/** Makes `shopzier-mesh` the sources of this repository, as for a program that has installed it. Returns what undoes it. */
export function resolvePackageToSources(): () => void {
  const installed = modules._resolveFilename;
  modules._resolveFilename = (request, ...more) =>
    request === "shopzier-mesh" ? path.join(ROOT, "components/index.ts") : installed(request, ...more);
  return () => {
    modules._resolveFilename = installed;
  };
}
