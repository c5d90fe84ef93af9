import path from "node:path";
import envPaths from "env-paths";

const checkout = path.resolve(__dirname, "..");
const state = path.join(checkout, ".lab");

/** All folders that the lab writes to: the user's cache folder (programs and images, kept) and `.lab` in the checkout. */
export const folders = {
  checkout,
  /** `$XDG_CACHE_HOME/shopzier-mesh`, or `~/.cache/shopzier-mesh`. */
  cache: envPaths("shopzier-mesh", { suffix: "" }).cache,
  state,
  /** Data that is lost with the cluster: containerd's, the kubeconfig, the stack's state. */
  run: path.join(state, "run"),
  /** Kept until the next cluster starts. */
  logs: path.join(state, "logs"),
  /** The programs for `PATH`, as links into the cache. */
  bin: path.join(state, "bin"),
  /** Istio's Helm charts, as a link into the cache. */
  charts: path.join(state, "charts"),
} as const;

/** Short form of a path for messages: relative to the checkout if it is inside. */
export function shown(file: string): string {
  return file.startsWith(checkout + path.sep) ? path.relative(checkout, file) : file;
}
