/** A lab command that runs, as its user sees it. */
import { execa } from "execa";
import assert from "node:assert/strict";
import path from "node:path";

const ROOT = path.resolve(__dirname, "../..");

export interface LabCommand {
  readonly pid: number;
  kill(signal: "SIGINT" | "SIGKILL"): void;
  /** Waits for a line that it prints; fails when it ends without one. */
  line(pattern: RegExp): Promise<void>;
  /** Waits for its end. */
  end(): Promise<{ readonly exitCode: number | undefined; readonly output: string }>;
}

/** Starts a command of the lab. `wrapper` is put before it. */
export function lab(
  args: readonly string[],
  { env = {}, wrapper = [] }: { env?: Record<string, string>; wrapper?: readonly string[] } = {},
): LabCommand {
  const command = [
    ...wrapper,
    process.execPath,
    "-r",
    "ts-node/register/transpile-only",
    "lab/cli.ts",
    ...args,
  ];
  const subprocess = execa(command[0] ?? "", command.slice(1), {
    cwd: ROOT,
    env,
    all: true,
    reject: false,
    stdin: "ignore",
  });
  let output = "";
  const waiting = new Set<() => void>();
  subprocess.all.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    for (const check of waiting) check();
  });
  return {
    pid: subprocess.pid ?? assert.fail(`${command.join(" ")} did not start`),
    kill: (signal) => subprocess.kill(signal),
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!pattern.test(output)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
        void subprocess.then(() => {
          reject(new Error(`It ended without ${String(pattern)}:\n${output}`));
        });
      }),
    end: async () => {
      const { exitCode } = await subprocess;
      return { exitCode, output };
    },
  };
}
