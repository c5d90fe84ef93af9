import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Stops the agent of a gateway pod, and with it every update of its proxy, without the proxy noticing: what a node that
 * is cut off from istiod looks like. The lab's pods share the machine's process table.
 */
export function freezeUpdates(podUid: string): { thaw: () => void } {
  const pid = agentOf(podUid);
  process.kill(pid, "SIGSTOP");
  return {
    thaw: () => {
      process.kill(pid, "SIGCONT");
    },
  };
}

function agentOf(podUid: string): number {
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const agents = pids.filter((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pilot-agent\0proxy\0router") &&
        readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(podUid)
      );
    } catch {
      // Ended while we looked.
      return false;
    }
  });
  assert.equal(agents.length, 1, `one agent in pod ${podUid}`);
  return Number(agents[0]);
}
