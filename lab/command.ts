import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { execa } from "execa";
import { diskAdvice, Fault } from "./fault";
import { folders, shown } from "./folders";

// After `su` without `-`, root's folders are not on PATH.
const onPath = (process.env["PATH"] ?? "").split(":");
process.env["PATH"] = [...new Set([...onPath, "/usr/sbin", "/sbin"])].join(":");

/**
 * Removes the proxy variables from an environment. The node cannot reach a proxy, and kubeadm would pass the variables on to
 * the control plane.
 */
export const withoutProxy: Readonly<Record<string, undefined>> = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /_proxy$/i.test(name))
    .map((name) => [name, undefined]),
);

let interruption = new AbortController();

/** Kills all running commands except those that are "kept", and lets no other start. For Ctrl-C and SIGTERM. */
export function interrupt(): void {
  interruption.abort();
}

/** Lets commands run again, to clean up after an interruption. Returns whether there was an interruption. */
export function endInterruption(): boolean {
  const { aborted } = interruption.signal;
  if (aborted) interruption = new AbortController();
  return aborted;
}

/** Whether commands are interrupted. */
export function isInterrupted(): boolean {
  return interruption.signal.aborted;
}

/** Throws a Fault while commands are interrupted. */
export function throwIfInterrupted(): void {
  if (isInterrupted()) throw new Fault("interrupted");
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text for its standard input. Default: empty. */
  readonly input?: string;
  /** File for its standard input. */
  readonly inputFile?: string;
  /** Name of the log in `.lab/logs` that keeps its output. */
  readonly log?: string;
  /** Called with each line that it prints. */
  readonly onLine?: (line: string) => void;
  /** Number of its last lines that the failure quotes. Default 12. */
  readonly quotedLines?: number;
  /** Where it runs. Default "contained". */
  readonly where?: Where;
  /** Kills it when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * - "contained": in its own PID and mount namespaces. The kernel ends them together with this process, so that neither
 *   processes nor mounts are left.
 * - "layered": the same, and what it writes to the machine's own folders is discarded (node/layers.sh).
 * - "plain": it ends with this process; its children may not.
 * - "kept": never interrupted.
 * - A number: in the namespaces of the node with that PID.
 */
type Where = "contained" | "layered" | "plain" | "kept" | number;

function prefix(where: Where): string[] {
  if (where === "kept") return [];
  const plain = ["setpriv", "--pdeathsig", "KILL"];
  if (where === "plain") return plain;
  if (typeof where === "number")
    return [...plain, "nsenter", `--target=${where}`, "--mount", "--pid", "--net"];
  const contained = [...plain, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  if (where === "contained") return contained;
  return [...contained, "bash", "-ec", '. "$0"; exec "$@"', path.join(__dirname, "node", "layers.sh")];
}

/** Runs a program to its end and returns its standard output. Throws a Fault that quotes the program's last lines. */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const where = options.where ?? "contained";
  const [file = "", ...args] = [...prefix(where), ...command];
  const log = options.log === undefined ? undefined : path.join(folders.logs, `${options.log}.log`);
  if (log !== undefined) {
    fs.mkdirSync(folders.logs, { recursive: true });
    fs.appendFileSync(log, `\n$ ${command.join(" ")}\n`);
  }
  const output = log === undefined ? "pipe" : (["pipe", { file: log, append: true }] as const);
  const subprocess = execa(file, args, {
    all: true,
    reject: false,
    stdin: options.inputFile !== undefined ? { file: options.inputFile } : "pipe",
    stdout: output,
    stderr: output,
    killSignal: "SIGKILL",
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...(typeof where === "number" && withoutProxy), ...options.env },
    ...(options.inputFile === undefined && { input: options.input ?? "" }),
    ...(where === "kept"
      ? { detached: true, cleanup: false }
      : {
          cancelSignal: AbortSignal.any([interruption.signal, ...(options.signal ? [options.signal] : [])]),
        }),
  });
  const { onLine } = options;
  if (onLine) readline.createInterface({ input: subprocess.all }).on("line", onLine);
  const result = await subprocess;
  throwIfInterrupted();
  if (result.failed) throw new Fault(explain(command, result, log, options.quotedLines ?? 12));
  return result.stdout;
}

function explain(
  command: readonly string[],
  result: { readonly all: string; readonly exitCode?: number; readonly cause?: unknown },
  log: string | undefined,
  quotedLines: number,
): string {
  const reason = result.cause instanceof Error ? result.cause.message : "was killed";
  const ended = result.exitCode === undefined ? reason : `ended with code ${result.exitCode}`;
  const lines = result.all.trim().split("\n").slice(-quotedLines).filter(Boolean);
  return [
    `\`${command.slice(0, 2).join(" ")}\` ${ended}${lines.length > 0 ? ":" : ""}`,
    ...lines.map((line) => `  ${line}`),
    ...diskAdvice(`${result.all}\n${reason}`),
    ...(log === undefined ? [] : [`Its whole output: ${shown(log)}`]),
  ].join("\n");
}

/** Waits until `condition` holds; checks ten times a second. Throws a Fault with `what` after `seconds`. */
export async function until(
  what: string,
  seconds: number,
  condition: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Fault(`${what}: not within ${seconds} s`);
    await pause(100, undefined, { signal: interruption.signal });
  }
}
