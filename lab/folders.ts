import path from "node:path";
import envPaths from "env-paths";

const checkout = path.resolve(__dirname, "..");
const state = path.join(checkout, ".lab");

/** Every place where the lab writes: the user's cache folder (programs, images; kept) and `.lab` in the checkout. */
export const folders = {
  checkout,
  /** `$XDG_CACHE_HOME/shopzier-mesh`, or `~/.cache/shopzier-mesh`. */
  cache: envPaths("shopzier-mesh", { suffix: "" }).cache,
  state,
  /** What lives and dies with the cluster: containerd's data, the kubeconfig, the stack's state. */
  run: path.join(state, "run"),
  /** Kept until the next cluster starts. */
  logs: path.join(state, "logs"),
  /** The programs for `PATH`, as links into the cache. */
  bin: path.join(state, "bin"),
  /** Istio's Helm charts, as a link into the cache. */
  charts: path.join(state, "charts"),
} as const;

/** Short form of a path for messages: relative to the checkout where it is inside. */
export function shown(file: string): string {
  return file.startsWith(checkout + path.sep) ? path.relative(checkout, file) : file;
}
