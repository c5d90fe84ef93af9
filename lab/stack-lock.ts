import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** The file that Pulumi has in a file backend for as long as it changes a stack. After a kill it stays. */
export interface StackLock {
  /** PID in the owner's own PID namespace, user, host and start. */
  readonly owner: string;
  /** Whether the owner has ended. Of another host's nobody knows: false. */
  readonly isAbandoned: boolean;
}

/** All locks in the file backend in `folder`. */
export function stackLocks(folder: string): StackLock[] {
  const locks = path.join(folder, ".pulumi", "locks");
  if (!fs.existsSync(locks)) return [];
  return fs
    .readdirSync(locks, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".json"))
    .map((file) => {
      const lock = JSON.parse(fs.readFileSync(path.join(locks, file), "utf8")) as Content;
      return {
        owner: `PID ${lock.pid} (${lock.username} on ${lock.hostname}), since ${lock.timestamp}`,
        isAbandoned: lock.hostname === os.hostname() && !pulumiRunsAs(lock.pid),
      };
    });
}

/** As Pulumi writes it (pkg/backend/diy/lock.go). */
interface Content {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}

/** Whether a Pulumi has this PID in its own PID namespace: the one that `lab up` starts has one of its own. */
function pulumiRunsAs(pid: number): boolean {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((name) => {
      try {
        const status = fs.readFileSync(`/proc/${name}/status`, "utf8");
        const lives = /^Name:\tpulumi$/m.test(status) && !/^State:\tZ/m.test(status);
        return lives && new RegExp(`^NSpid:.*\\t${pid}$`, "m").test(status);
      } catch {
        // It ended while we looked.
        return false;
      }
    });
}
