/** The lab as the tests see it: the real engine, the cluster, the gateway. */
import { execa } from "execa";
import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { until as untilWithin } from "./command";
import { stackEnvironment } from "./stack";

export const ROOT = path.resolve(__dirname, "..");
export const NAMESPACE = "category";
export const LIST = "/api/v1/category";
/** A frame of a stack trace. */
export const STACK = /\n\s+at .*:\d+:\d+\)?/;

/** A copy of the stack file: tests edit it as a user edits the original. */
const STACK_FILE = path.join(ROOT, ".lab", "e2e", "Pulumi.lab.yaml");

interface Finished {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Standard output and standard error, as they came. */
  readonly all: string;
}

/** What this process has done to stack lab: the stack file of the last command, if that was an update that succeeded. */
let deployed: { readonly file?: string } | undefined;

/** Runs a program of the lab's toolchain; never throws for an exit code. */
export async function tool(file: string, ...args: string[]): Promise<Finished> {
  const changes = args.some((arg) => ["up", "destroy", "refresh", "import"].includes(arg));
  if (file === "pulumi" && args.includes("lab") && changes) deployed = {};
  const { exitCode, stdout, all } = await execa(file, args, {
    cwd: ROOT,
    env: stackEnvironment(),
    all: true,
    reject: false,
    stdin: "ignore",
  });
  return { exitCode, stdout, all };
}

/** Runs a program that must succeed and gives what it printed. */
export async function must(file: string, ...args: string[]): Promise<string> {
  const result = await tool(file, ...args);
  assert.equal(result.exitCode, 0, `${file} ${args.join(" ")}\n${result.all}`);
  return result.stdout;
}

export const kubectl = (...args: string[]): Promise<string> => must("kubectl", ...args);

/** What the Envoy of a pod answers to `GET path` on its admin port. */
export const envoyAdmin = (namespace: string, pod: string, path: string): Promise<string> =>
  kubectl(
    ...["-n", namespace, "exec", pod, "-c", "istio-proxy", "--"],
    ...["pilot-agent", "request", "GET", path],
  );

const kubectlWith =
  (command: "apply" | "delete") =>
  async (...items: readonly object[]): Promise<void> => {
    const { exitCode, all } = await execa("kubectl", [command, "-f", "-"], {
      env: stackEnvironment(),
      input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
      all: true,
      reject: false,
    });
    assert.equal(exitCode, 0, all);
  };
/** Writes objects as they are. */
export const applyObjects = kubectlWith("apply");
/** Deletes objects, and waits until they are gone. */
export const deleteObjects = kubectlWith("delete");

/** `kubectl get ... -o json`, parsed. */
export async function get<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kubectl("get", ...args, "-o", "json")) as T;
}

/** A `pulumi` command on stack lab with the tests' stack file. */
export async function pulumi(...args: string[]): Promise<Finished> {
  return tool(
    "pulumi",
    ...args,
    "--stack",
    "lab",
    "--config-file",
    STACK_FILE,
    "--non-interactive",
    "--color",
    "never",
  );
}

/** `pulumi up` that must succeed; gives what it printed. */
export async function up(...args: string[]): Promise<string> {
  const result = await pulumi("up", "--yes", "--skip-preview", ...args);
  assert.equal(result.exitCode, 0, result.all);
  deployed = { file: readFileSync(STACK_FILE, "utf8") };
  return result.all;
}

/** Edits one value as a user does. */
export async function setConfig(key: string, value: string | number): Promise<void> {
  const result = await pulumi("config", "set", "--path", `shopzier:${key}`, String(value));
  assert.equal(result.exitCode, 0, result.all);
}

type Config = Record<string, unknown>;
export interface CategoryConfig {
  versions: Record<string, Record<string, unknown>>;
  [key: string]: unknown;
}

/**
 * Starts from the committed stack file, with `edit` done to what stands under `config:`. Nothing is deployed. Without what
 * observes: most tests have no use for it, and those that do say how.
 */
export function stackFile(
  edit: (config: Config & { "shopzier:category": CategoryConfig }) => void = () => undefined,
): void {
  mkdirSync(path.dirname(STACK_FILE), { recursive: true });
  copyFileSync(path.join(ROOT, "Pulumi.lab.yaml"), STACK_FILE);
  const file = parse(readFileSync(STACK_FILE, "utf8")) as {
    config: Config & { "shopzier:category": CategoryConfig };
  };
  const { metrics } = file.config["shopzier:observability"] as Config;
  file.config["shopzier:observability"] = { metrics };
  edit(file.config);
  writeFileSync(STACK_FILE, stringify(file));
}

/** Edits what stands under `config:` now. */
export function editStackFile(
  edit: (config: Config & { "shopzier:category": CategoryConfig }) => void,
): void {
  const file = parse(readFileSync(STACK_FILE, "utf8")) as {
    config: Config & { "shopzier:category": CategoryConfig };
  };
  edit(file.config);
  writeFileSync(STACK_FILE, stringify(file));
}

/** The lab as committed, deployed unless it is so already; with an edit, as {@link stackFile}. */
export async function baseline(edit?: Parameters<typeof stackFile>[0]): Promise<void> {
  stackFile(edit);
  if (readFileSync(STACK_FILE, "utf8") !== deployed?.file) await up();
}

// Each file of tests starts from its own settings, whatever the one before has left. The benchmarks have no hooks.
(globalThis as { after?: Mocha.HookFunction }).after?.(async () => {
  if (deployed) await baseline();
});

interface Outputs {
  readonly gatewayUrl: string;
  readonly host: string;
  readonly traffic: Record<string, number>;
  readonly versions: string[];
}
export async function outputs(): Promise<Outputs> {
  const result = await tool("pulumi", "stack", "output", "--json", "--stack", "lab");
  assert.equal(result.exitCode, 0, result.all);
  return JSON.parse(result.stdout) as Outputs;
}

/** The program in a folder with a stack file of its own, that of the tests as it is now: what the command `shopzier` edits. */
export function programFolder(name: string): { readonly folder: string; readonly file: string } {
  const folder = path.join(ROOT, ".lab/e2e", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(ROOT))
    if (!/^Pulumi\..+\.yaml$|^\.git$/.test(entry))
      symlinkSync(path.join(ROOT, entry), path.join(folder, entry));
  const file = path.join(folder, "Pulumi.lab.yaml");
  copyFileSync(STACK_FILE, file);
  return { folder, file };
}

/** Waits for a condition, at most `seconds`. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  seconds = 60,
): Promise<void> {
  await untilWithin(what, seconds, condition);
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
    readonly status: {
      readonly podIP?: string;
      readonly conditions?: readonly { type: string; status: string }[];
    };
  }[];
}

/** Pods that take traffic now. */
export async function readyPods(namespace: string, selector: string): Promise<PodList["items"]> {
  const { items } = await get<PodList>("pods", "-n", namespace, "-l", selector);
  return items.filter(
    (p) =>
      p.metadata.deletionTimestamp === undefined &&
      p.status.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
  );
}
export const gatewayPods = (): Promise<PodList["items"]> =>
  readyPods("istio-ingress", "istio=ingressgateway");
