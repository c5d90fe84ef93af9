import { execaSync } from "execa";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/** Takes back what was done to a process. */
export type Thaw = () => void;

/**
 * Cuts a gateway pod off from istiod, and with it every update of its proxy. The pod stays ready: its agent, which answers
 * the kubelet, goes on.
 */
export function cutOffFromIstiod(podUid: string): Thaw {
  const pid = processOf(podUid, "pilot-agent\0proxy\0router");
  const rule = (change: string): void => {
    const drop = ["INPUT", "-p", "tcp", "--sport", "15012", "-j", "DROP"];
    execaSync("nsenter", ["--target", String(pid), "--net", "iptables", change, ...drop]);
  };
  rule("--insert");
  return () => {
    rule("--delete");
  };
}

/** Stops the category service in a pod in the middle of what it does: its requests stay in flight. */
export function freezeService(podUid: string): Thaw {
  const pid = processOf(podUid, "server.js");
  process.kill(pid, "SIGSTOP");
  return () => {
    process.kill(pid, "SIGCONT");
  };
}

/** The lab's pods share the machine's process table. */
function processOf(podUid: string, commandLine: string): number {
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
  return Number(found[0]);
}
