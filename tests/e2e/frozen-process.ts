import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/** Goes on with the process. */
export type Thaw = () => void;

/**
 * Stops the agent of a gateway pod, and with it every update of its proxy, without the proxy noticing: what a node that
 * is cut off from istiod looks like.
 */
export const freezeUpdates = (podUid: string): Thaw => freeze(podUid, "pilot-agent\0proxy\0router");

/** Stops the category service in a pod in the middle of what it does: its requests stay in flight. */
export const freezeService = (podUid: string): Thaw => freeze(podUid, "server.js");

/** The lab's pods share the machine's process table. */
function freeze(podUid: string, commandLine: string): Thaw {
  const found = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(commandLine) &&
          readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(podUid)
        );
      } catch {
        // Ended while we looked.
        return false;
      }
    });
  assert.equal(found.length, 1, `one such process in pod ${podUid}`);
  const pid = Number(found[0]);
  process.kill(pid, "SIGSTOP");
  return () => {
    process.kill(pid, "SIGCONT");
  };
}
