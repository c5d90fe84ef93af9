import { execa } from "execa";
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { until } from "../../lab/command";
import { kubectlEnvironment } from "../../lab/node";
import { lab } from "./lab-command";
import { labProcesses, machineState, pretendOwnKubernetes } from "./machine";

async function waitUntilGone(describeLeft: () => string[]): Promise<void> {
  await until(`An end of ${describeLeft().join("\n")}`, 10, () => describeLeft().length === 0);
}

/** An empty file system in memory; `fill` leaves no room on it, `remove` unmounts it. */
async function smallDisk(size: string) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-disk-"));
  await execa("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
  return {
    folder,
    async fill() {
      const { blocks, bfree, bsize } = fs.statfsSync(folder);
      await execa("mount", ["-o", `remount,size=${(blocks - bfree) * bsize + 5e6}`, folder]);
    },
    async remove() {
      await execa("umount", [folder]);
      fs.rmdirSync(folder);
    },
  };
}

/** Ends with a lab that is up, for the tests that use it. `.ci/run` stops it. */
describe("lab", function () {
  before(async () => {
    const { exitCode, output } = await lab(["down"]).end();
    assert.equal(exitCode, 0, output);
  });

  describe("where it cannot run", () => {
    it("says what is missing and what to do instead, all at once", async () => {
      const disk = await smallDisk("50m");
      try {
        const { exitCode, output } = await lab(["up"], {
          // Somebody else who may nevertheless read this checkout, wherever it is.
          wrapper: [
            ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
            ...["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"],
          ],
          env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", XDG_CACHE_HOME: disk.folder },
        }).end();
        assert.equal(exitCode, 1, output);
        for (const expected of [
          /must be run by root/,
          /Go is not on PATH: install Go 1\.26/,
          /too little disk: 0\.1 GB are free/,
          /pulumi up --stack dev/,
        ])
          assert.match(output, expected);
        assert.doesNotMatch(output, /\n {4}at /);
      } finally {
        await disk.remove();
      }
    });
  });

  describe("with an empty cache", () => {
    it("leaves no process when it is killed while it builds, and ends plainly on a full disk", async () => {
      const disk = await smallDisk("13g");
      // Go's own cache stays where it is: it is not what this is about.
      const { stdout: GOCACHE } = await execa("go", ["env", "GOCACHE"]);
      const env = { XDG_CACHE_HOME: disk.folder, GOCACHE };
      const unfinished = path.join(disk.folder, "shopzier-mesh", "unfinished");
      const builders = (): string[] => labProcesses().filter((command) => command.includes(disk.folder));
      try {
        const killed = lab(["up"], { env });
        await killed.line(/programs: building .*\bpulumi,/);
        await until("A build", 20, () => builders().length > 0);
        killed.kill("SIGKILL");
        await killed.end();
        await waitUntilGone(builders);
        assert.notDeepEqual(fs.readdirSync(unfinished), []);

        const full = lab(["up"], { env });
        await full.line(/programs: building .*\bpulumi,/);
        // What it writes meanwhile may take the room first, since gigabytes of memory take seconds: most goes first, the rest at once.
        const fill = async (left: number, file: string): Promise<boolean> => {
          const { bavail, bsize } = fs.statfsSync(disk.folder);
          const filler = ["--length", String(bavail * bsize - left), path.join(disk.folder, file)];
          return (await execa("fallocate", filler, { reject: false })).exitCode === 0;
        };
        await until("A disk with 1 GB left", 60, () => fill(1e9, "most"));
        await until("A disk with 20 MB left", 20, () => fill(20e6, "rest"));
        const { exitCode, output } = await full.end();
        assert.equal(exitCode, 1, output);
        assert.match(output, /"programs" failed: [^]*A disk is full/);
        assert.deepEqual(fs.readdirSync(unfinished), []);
      } finally {
        await disk.remove();
      }
    });
  });

  describe("on this machine", () => {
    let state: Awaited<ReturnType<typeof machineState>>;
    let removeOwn: () => void;
    before(async () => {
      removeOwn = await pretendOwnKubernetes();
      state = await machineState();
    });
    after(() => {
      removeOwn();
    });

    it("refuses a second command at once and names the first; a killed one holds nobody up", async () => {
      const first = lab(["up"]);
      await first.line(/, node\n/);
      const start = Date.now();
      const second = await lab(["up"]).end();
      assert.ok(Date.now() - start < 5000);
      assert.equal(second.exitCode, 1);
      assert.match(second.output, new RegExp(`PID ${first.pid} \\(lab up\\) in ${process.cwd()}, since `));
      first.kill("SIGKILL");
      await first.end();
    });

    it("tidies up when it is interrupted while Kubernetes starts", async () => {
      const interrupted = lab(["up"]);
      await interrupted.line(/Kubernetes: kubeadm init/);
      interrupted.kill("SIGINT");
      const { exitCode, output } = await interrupted.end();
      assert.equal(exitCode, 1);
      assert.match(output, /Interrupted in "Kubernetes"\. The same command goes on from there\./);
      await waitUntilGone(labProcesses);
    });

    it("ends all of a node when one of its programs crashes, and says so", async () => {
      const starting = lab(["up"]);
      await starting.line(/Kubernetes: kubeadm init/);
      const pid = fs
        .readdirSync("/proc")
        .find((name) => /^\d+$/.test(name) && readCommand(name).startsWith("containerd --config /run/lab"));
      assert.ok(pid);
      process.kill(Number(pid), "SIGKILL");
      const { exitCode, output } = await starting.end();
      assert.equal(exitCode, 1);
      assert.match(output, /"Kubernetes" failed: /);
      await waitUntilGone(labProcesses);
      const status = await lab(["status"]).end();
      assert.equal(status.exitCode, 1);
      assert.match(status.output, /The lab is down: make up/);
    });

    it("leaves only the node when it is killed during pulumi up", async () => {
      // The machine may run others, for another checkout or another program.
      const others = new Set(runningPulumi().map(({ pid }) => pid));
      const killed = lab(["up"]);
      await killed.line(/pulumi up: created/);
      killed.kill("SIGKILL");
      await killed.end();
      await waitUntilGone(() =>
        runningPulumi().flatMap(({ pid, command }) => (others.has(pid) ? [] : [command])),
      );
    });

    it("says that such a node is not complete, and down gives everything back", async () => {
      assert.match(
        (await lab(["status"]).end()).output,
        /Kubernetes is not complete .* make up starts it afresh/,
      );
      const { exitCode, output } = await lab(["down"]).end();
      assert.equal(exitCode, 0, output);
      assert.deepEqual(await machineState(), state);
      assert.equal(fs.existsSync(".lab/run"), false);
      const again = await lab(["down"]).end();
      assert.equal(again.exitCode, 0);
      assert.match(again.output, /was not up/);
    });

    it("clean removes the cache", async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-clean-"));
      fs.mkdirSync(path.join(folder, "shopzier-mesh", "pulumi-0"), { recursive: true });
      const { exitCode, output } = await lab(["clean"], { env: { XDG_CACHE_HOME: folder } }).end();
      assert.equal(exitCode, 0, output);
      assert.deepEqual(fs.readdirSync(folder), []);
      fs.rmdirSync(folder);
    });

    it("comes up after that with all that the tests need, and leaves what is up already as it is", async () => {
      const first = await lab(["up", "--all"]).end();
      assert.equal(first.exitCode, 0, first.output);
      assert.match(first.output, /gateway: http:\/\/10\.88\.0\.1:30080/);
      assert.match(first.output, /`make observability` adds Prometheus and Jaeger/);
      assert.doesNotMatch(first.output, /in the background|does not enforce/);
      const again = await lab(["up"]).end();
      assert.equal(again.exitCode, 0, again.output);
      assert.match(again.output, /node: it runs already/);
      assert.doesNotMatch(again.output, /does not enforce/);
      assert.doesNotMatch(again.output, /pulumi up: (created|updated|replaced|deleted)/);
      assert.equal((await execa("git", ["status", "--porcelain", "Pulumi.lab.yaml"])).stdout, "");
    });

    it("puts no work aside: status is clean, and env suffices for pulumi and kubectl", async () => {
      const status = await lab(["status"]).end();
      assert.equal(status.exitCode, 0, status.output);
      const { output } = await lab(["env"]).end();
      const shell = await execa("bash", [
        "-c",
        `${output}\nkubectl get nodes --no-headers && pulumi stack --show-name`,
      ]);
      assert.match(shell.stdout, /^lab +Ready[^]*\nlab$/);
    });

    it("replaces the pods of a changed category image, whatever else does not get ready", async () => {
      const kubectl = async (...args: string[]): Promise<string> =>
        (await execa("kubectl", ["--namespace=category", ...args], { env: kubectlEnvironment() })).stdout;
      const pods = async (): Promise<string[]> =>
        (await kubectl("get", "pods", "--selector=version", "--output=name")).split("\n");
      const before = await pods();
      await kubectl("create", "deployment", "broken", "--image=lab.internal/none");
      const file = ".lab/run/contents.json";
      const present = Object.entries(JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, string>);
      const others = present.filter(([reference]) => !reference.includes("/category-api:"));
      fs.writeFileSync(file, JSON.stringify(Object.fromEntries(others)));
      const { exitCode, output } = await lab(["up"]).end();
      assert.equal(exitCode, 0, output);
      assert.match(output, /loading the changed category image/);
      const after = await pods();
      assert.equal(after.length, before.length);
      assert.deepEqual(
        after.filter((name) => before.includes(name)),
        [],
      );
      await kubectl("delete", "deployment", "broken");
    });
  });
});

function readCommand(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function runningPulumi(): { readonly pid: string; readonly command: string }[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid, command: readCommand(pid) }))
    .filter(({ command }) => /^pulumi up|pulumi-(language-nodejs|resource-kubernetes)/.test(command));
}
