import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** The lock file of Pulumi's file backend. It exists while Pulumi changes a stack, and stays after a kill. */
export interface StackLock {
  /** PID in the owner's PID namespace, user, host and start time. */
  readonly owner: string;
  /** Whether the owner has ended. False for an owner on another host. */
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

/** Content of the file (Pulumi, pkg/backend/diy/lock.go). */
interface Content {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}

/** Whether a Pulumi process has this PID in its PID namespace. (`lab up` starts Pulumi in its own namespace.) */
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
        // The process has ended meanwhile.
        return false;
      }
    });
}
