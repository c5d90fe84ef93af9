import { execaSync } from "execa";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/** Takes back what was done to a process. */
export type Thaw = () => void;

/**
 * Cuts a pod's proxy, of a gateway unless told otherwise, off from istiod, and with it every update of its proxy. The pod stays ready: its agent, which answers
 * the kubelet, goes on.
 */
export function cutOffFromIstiod(podUid: string, kind: "router" | "sidecar" = "router"): Thaw {
  const rule = inNetworkOf(processOf(podUid, `pilot-agent\0proxy\0${kind}`));
  const drop = ["INPUT", "-p", "tcp", "--sport", "15012", "-j", "DROP"];
  rule("--insert", drop);
  return () => {
    rule("--delete", drop);
  };
}

/**
 * Resets every connection to a port of a pod, from the mesh to its sidecar unless told otherwise. The pod stays ready then:
 * the kubelet asks its agent.
 */
export function resetConnections(
  podUid: string,
  program = "pilot-agent\0proxy\0sidecar",
  port = 15006,
): Thaw {
  const rule = inNetworkOf(processOf(podUid, program));
  const reset = ["INPUT", "-p", "tcp", "--dport", String(port), "-j", "REJECT", "--reject-with", "tcp-reset"];
  rule("--insert", reset);
  return () => {
    rule("--delete", reset);
  };
}

/** Stops the category service, or another program, in a pod in the middle of what it does: its requests stay in flight. */
export function freezeService(podUid: string, program = "server.js"): Thaw {
  const pid = processOf(podUid, program);
  process.kill(pid, "SIGSTOP");
  return () => {
    process.kill(pid, "SIGCONT");
  };
}

/** `iptables` in the network of a process. */
const inNetworkOf =
  (pid: number) =>
  (change: "--insert" | "--delete", rule: readonly string[]): void => {
    execaSync("nsenter", ["--target", String(pid), "--net", "iptables", change, ...rule]);
  };

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
