import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { mock } from "node:test";
import { folders } from "../../lab/folders";
import { health, printLogs } from "../../lab/status";

const phase = "Pending";
const container = (name: string, reason?: string) => ({
  name,
  ready: reason === undefined,
  restartCount: 1,
  state: reason === undefined ? {} : { waiting: { reason } },
});

describe("lab status of a pod", () => {
  it("counts the proxy wherever it runs, and no init container that has done its work", () => {
    const done = {
      name: "istio-init",
      ready: true,
      restartCount: 0,
      state: { terminated: { exitCode: 0 } },
    };
    assert.deepEqual(
      health({
        phase: "Running",
        initContainerStatuses: [done, container("istio-proxy")],
        containerStatuses: [container("category")],
      }),
      { ready: "2/2", restarts: 2, problems: [] },
    );
  });

  it("names the init container that the others wait for, and not that they wait", () => {
    assert.deepEqual(
      health({
        phase,
        initContainerStatuses: [
          container("istio-validation", "ErrImagePull"),
          container("istio-proxy", "PodInitializing"),
        ],
        containerStatuses: [container("category", "PodInitializing")],
      }),
      { ready: "0/3", restarts: 3, problems: ["istio-validation: ErrImagePull"] },
    );
  });

  it("names each container that is not ready on its own account", () => {
    const { problems } = health({
      phase,
      initContainerStatuses: [container("istio-proxy")],
      containerStatuses: [container("category", "CrashLoopBackOff"), { ...container("other"), ready: false }],
    });
    assert.deepEqual(problems, ["category: CrashLoopBackOff", "other: not ready"]);
  });

  it("is the phase where no container was tried", () => {
    assert.deepEqual(health({ phase }), { ready: "0/0", restarts: 0, problems: ["Pending"] });
  });
});

describe("lab logs", () => {
  const { logs } = folders;
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-logs-"));
    Object.assign(folders, { logs: folder });
    fs.writeFileSync(path.join(folder, "kubelet.log"), "ready\n");
    fs.writeFileSync(path.join(folder, "pulumi.log"), "");
  });
  afterEach(() => {
    Object.assign(folders, { logs });
    fs.rmSync(folder, { recursive: true });
  });

  /** What it prints. */
  async function printed(component?: string): Promise<string> {
    let text = "";
    const take = (part: unknown): boolean => {
      text += String(part);
      return true;
    };
    const mocks = [mock.method(process.stdout, "write", take), mock.method(console, "log", take)];
    try {
      await printLogs(component);
    } finally {
      for (const { mock } of mocks) mock.restore();
    }
    return text;
  }

  it("are listed, and printed as they are", async () => {
    assert.match(await printed(), /^Logs: kubelet, pulumi, or namespace\/pod/);
    assert.equal(await printed("kubelet"), "ready\n");
  });

  it("are named where there is none of the name, and none is read elsewhere", async () => {
    await assert.rejects(printed("kublet"), /There is no log "kublet"\. There are: kubelet, pulumi, or/);
    await assert.rejects(printed(".."), /There is no log "\.\."/);
  });

  it("may be none yet", async () => {
    Object.assign(folders, { logs: path.join(folder, "none") });
    assert.match(await printed(), /^Logs: none yet, or namespace\/pod/);
  });
});
