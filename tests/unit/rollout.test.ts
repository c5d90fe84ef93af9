import assert from "node:assert/strict";
import { rolloutLag, type DeploymentState, type PodState } from "../../components/readiness/rollout";

const deployment = (status: object, { generation = 2, replicas = 2 } = {}): DeploymentState =>
  ({
    metadata: { name: "category-v2", generation },
    spec: { replicas },
    status: { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2, ...status },
  }) as DeploymentState;
const pod = (name: string, status: object, metadata: object = {}): PodState => ({
  metadata: { name, ...metadata },
  status,
});

const READY = pod("category-v2-a", { conditions: [{ type: "Ready", status: "True" }] });
const PULLS = pod("category-v2-b", {
  conditions: [{ type: "Ready", status: "False", message: "containers with unready status: [category]" }],
  containerStatuses: [
    { name: "category", state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } },
    { name: "istio-proxy", state: { running: {} } },
  ],
});

describe("the lag of a rollout", () => {
  it("is none if every pod is new and ready", () => {
    assert.equal(rolloutLag(deployment({}), [READY, READY]), undefined);
    assert.equal(rolloutLag(deployment({ observedGeneration: 3 }), []), undefined, "changed by others since");
  });

  it("is everything while the controller has not seen the update, in spite of the old status", () => {
    assert.equal(
      rolloutLag(deployment({}, { generation: 3 }), [READY]),
      "has not been taken up by the deployment controller",
    );
    assert.match(rolloutLag({ metadata: { generation: 1 } }, []) ?? "", /has not been taken up/);
  });

  it("is new pods, with the reason why they are not ready", () => {
    assert.equal(
      rolloutLag(deployment({ updatedReplicas: 1, replicas: 3 }), [READY, PULLS]),
      "has 1 of 2 new pods (pod category-v2-b category: ImagePullBackOff, no such image)",
    );
  });

  it("is a proxy that does not start, with the containers that wait for it", () => {
    const waits = pod("category-v2-b", {
      containerStatuses: [{ name: "category", state: { waiting: { reason: "PodInitializing" } } }],
      initContainerStatuses: [
        { name: "istio-validation", state: { terminated: {} } },
        { name: "istio-proxy", state: { waiting: { reason: "ImagePullBackOff" } } },
      ],
    });
    assert.equal(
      rolloutLag(deployment({ availableReplicas: 1 }), [READY, waits]),
      "has 1 of 2 pods ready (pod category-v2-b istio-proxy: ImagePullBackOff)",
    );
  });

  it("is the pods that an autoscaler wants and that do not exist yet", () => {
    const one = deployment({ replicas: 1, updatedReplicas: 1, availableReplicas: 1 }, { replicas: 1 });
    assert.equal(rolloutLag(one, [READY]), undefined);
    assert.equal(rolloutLag(one, [READY], 3), "has 1 of 3 new pods");
  });

  it("is old pods that still run", () => {
    assert.equal(rolloutLag(deployment({ replicas: 3 }), [READY, READY]), "still has 1 old pods");
  });

  it("is readiness, with the reason of each pod that is not terminating", () => {
    const unready = {
      conditions: [{ type: "Ready", status: "False", message: "containers with unready status: [category]" }],
    };
    const pods = [
      pod("category-v2-c", unready),
      pod("category-v2-d", unready, { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      pod("category-v2-e", {
        conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes are available" }],
      }),
      pod("category-v2-f", {}),
    ];
    assert.equal(
      rolloutLag(deployment({ availableReplicas: 1 }), pods),
      "has 1 of 2 pods ready (pod category-v2-c containers with unready status: [category]; " +
        "pod category-v2-e 0/1 nodes are available; pod category-v2-f is not ready)",
    );
  });
});
