import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** A service process, its output, and the port it said it listens on. */
export class RunningService {
  output = "";
  readonly ended: Promise<number | null>;

  constructor(readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text: Buffer) => (this.output += text.toString()));
    }
    this.ended = once(child, "close").then(([code]) => code as number | null);
  }

  static spawn(folder: string, env: Record<string, string>): RunningService {
    return new RunningService(
      spawn(process.execPath, ["--liftoff-only", join(folder, "server.js")], { env, cwd: tmpdir() }),
    );
  }

  static forkSlow(folder: string, env: Record<string, string>): RunningService {
    return new RunningService(
      fork(join(folder, "slow-service.js"), { env, execArgv: ["--liftoff-only"], silent: true }),
    );
  }

  /** Origin of its API, once it listens. */
  async origin(): Promise<string> {
    const line = /listening at http:\/\/127\.0\.0\.1:(\d+)/;
    await this.until(() => line.test(this.output), "it listens");
    return `http://127.0.0.1:${line.exec(this.output)?.[1] ?? ""}`;
  }

  async ready(): Promise<string> {
    const origin = await this.origin();
    await this.until(() => this.output.includes('"msg":"ready"'), "it is ready");
    return origin;
  }

  async until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const limit = Date.now() + 20_000;
    while (!(await condition())) {
      if (Date.now() > limit || this.child.exitCode !== null) {
        throw new Error(`waited in vain until ${what}; the service wrote:\n${this.output}`);
      }
      await pause(10);
    }
  }
}
