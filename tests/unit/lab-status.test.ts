import assert from "node:assert/strict";
import { health } from "../../lab/status";

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
