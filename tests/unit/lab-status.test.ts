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
  it("counts the proxy as container or init container, and no finished init container", () => {
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

  it("names the init container that fails, not the containers that wait for it", () => {
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

  it("names each container that is not ready", () => {
    const { problems } = health({
      phase,
      initContainerStatuses: [container("istio-proxy")],
      containerStatuses: [container("category", "CrashLoopBackOff"), { ...container("other"), ready: false }],
    });
    assert.deepEqual(problems, ["category: CrashLoopBackOff", "other: not ready"]);
  });

  it("is the phase if no container has started", () => {
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

  /** Its output. */
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

  it("are listed, and printed unchanged", async () => {
    assert.match(await printed(), /^Logs: kubelet, pulumi, or namespace\/pod/);
    assert.equal(await printed("kubelet"), "ready\n");
  });

  it("are listed if the name is unknown, and no other file is read", async () => {
    await assert.rejects(printed("kublet"), /There is no log "kublet"\. There are: kubelet, pulumi, or/);
    await assert.rejects(printed(".."), /There is no log "\.\."/);
  });

  it("may be missing", async () => {
    Object.assign(folders, { logs: path.join(folder, "none") });
    assert.match(await printed(), /^Logs: none yet, or namespace\/pod/);
  });
});
