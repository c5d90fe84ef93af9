import fs from "node:fs";
import path from "node:path";
import { isInterrupted, run } from "./command";
import { Fault } from "./fault";
import { folders } from "./folders";
import { kubectlEnvironment, markReady, markUnready } from "./node";
import { stackLocks } from "./stack-lock";
import type { Report } from "./steps";
import type { Toolchain } from "./toolchain";

/** The program's outputs. */
export interface StackOutputs {
  readonly gatewayUrl: string;
  readonly host: string;
  /** Version → configured share in percent. */
  readonly traffic: Readonly<Record<string, number>>;
}

const pulumiHome = path.join(folders.run, "pulumi");
const backend = path.join(folders.run, "stack");

/** Environment for `pulumi` and `kubectl` on the lab. */
export function stackEnvironment(): Record<string, string> {
  return {
    ...kubectlEnvironment(),
    PULUMI_HOME: pulumiHome,
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_STACK: "lab",
    // Not secret: the stack is lost with the cluster. Pulumi.lab.yaml has the salt of this passphrase.
    PULUMI_CONFIG_PASSPHRASE: "lab",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    HELM_CACHE_HOME: path.join(folders.run, "helm"),
    HELM_CONFIG_HOME: path.join(folders.run, "helm"),
    HELM_DATA_HOME: path.join(folders.run, "helm"),
  };
}

/** Prepares what Pulumi needs without a network: the provider's plugin, Istio's charts, a folder for the state. */
async function prepareStack(toolchain: Toolchain): Promise<void> {
  for (const folder of [pulumiHome, backend]) fs.mkdirSync(folder, { recursive: true });
  link(await toolchain.plugins(), path.join(pulumiHome, "plugins"));
  link(path.join(await toolchain.istioFiles(), "charts"), folders.charts);
  await pulumi(["stack", "select", "--create", "lab"]);
}

function link(target: string, name: string): void {
  fs.rmSync(name, { recursive: true, force: true });
  fs.symlinkSync(target, name);
}

/** Runs `pulumi up` on stack `lab`; calls `report` for each finished resource. */
export async function updateStack(toolchain: Toolchain, report: Report): Promise<void> {
  const locks = stackLocks(backend);
  const held = locks.find(({ isAbandoned }) => !isAbandoned);
  if (held)
    throw new Fault(
      `Another update of stack lab is at work: ${held.owner}.\nWait for its end, or end it, and repeat the command.`,
    );
  await prepareStack(toolchain);
  // After a killed update the stack is locked, and its state may lack objects. Until an update succeeds, the next `up` starts
  // a new node.
  let isWhole = locks.length === 0;
  markUnready();
  if (!isWhole) {
    report("removing the lock of an update that was killed");
    await pulumi(["cancel", "--yes", "--stack", "lab"]);
  }
  try {
    await pulumi(["up", "--yes", "--skip-preview", "--non-interactive", "--color=never"], (line) => {
      const done = /^\s*[-+~]+\s+(?:kubernetes:)?(\S+)\s+(\S+)\s+((?:creat|updat|delet|replac)ed)\b/.exec(
        line,
      );
      if (done) report(`${done[3] ?? ""} ${done[1] ?? ""} ${done[2] ?? ""}`);
    });
    isWhole = true;
  } finally {
    const wasKilled = isInterrupted() || stackLocks(backend).some(({ isAbandoned }) => isAbandoned);
    if (isWhole && !wasKilled) markReady();
  }
}

/** The outputs of stack `lab` after its last update. */
export async function stackOutputs(): Promise<StackOutputs> {
  return JSON.parse(await pulumi(["stack", "output", "--json"])) as StackOutputs;
}

function pulumi(args: readonly string[], onLine?: (line: string) => void): Promise<string> {
  return run(["pulumi", ...args], {
    cwd: folders.checkout,
    env: stackEnvironment(),
    log: "pulumi",
    quotedLines: 40,
    ...(onLine && { onLine }),
  });
}
