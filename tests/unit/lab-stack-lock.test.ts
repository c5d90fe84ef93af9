import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { stackLocks } from "../../lab/stack-lock";

describe("lab stack locks", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-locks-"));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  /** The lock file of Pulumi 3.246 in its file backend. */
  function lock(pid: number, hostname = os.hostname()): void {
    const locks = path.join(folder, ".pulumi", "locks", "organization", "shopzier", "lab");
    fs.mkdirSync(locks, { recursive: true });
    const content = { pid, username: "ada", hostname, timestamp: "2026-11-23T14:29:41.885353452Z" };
    fs.writeFileSync(path.join(locks, "4e566e5c.json"), JSON.stringify(content));
    fs.writeFileSync(path.join(locks, "4e566e5c.json.attrs"), "{}");
  }

  it("are none without a backend or a lock", () => {
    assert.deepEqual(stackLocks(folder), []);
    fs.mkdirSync(path.join(folder, ".pulumi", "locks", "organization", "shopzier", "lab"), {
      recursive: true,
    });
    assert.deepEqual(stackLocks(folder), []);
  });

  it("are abandoned when their Pulumi has ended, and name their owner", async () => {
    const program = path.join(folder, "pulumi");
    fs.symlinkSync("/bin/sleep", program);
    const owner = spawn(program, ["60"]);
    await once(owner, "spawn");
    lock(owner.pid ?? assert.fail());
    assert.deepEqual(stackLocks(folder), [
      {
        owner: `PID ${owner.pid ?? ""} (ada on ${os.hostname()}), since 2026-11-23T14:29:41.885353452Z`,
        isAbandoned: false,
      },
    ]);
    owner.kill("SIGKILL");
    await once(owner, "exit");
    assert.deepEqual(
      stackLocks(folder).map(({ isAbandoned }) => isAbandoned),
      [true],
    );
  });

  it("are abandoned if another program has the PID", () => {
    lock(process.pid);
    assert.equal(stackLocks(folder)[0]?.isAbandoned, true);
  });

  it("of another host are never abandoned", () => {
    lock(process.pid, "elsewhere");
    assert.equal(stackLocks(folder)[0]?.isAbandoned, false);
  });
});
