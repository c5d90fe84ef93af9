import assert from "node:assert/strict";
import { servicePod, type ServicePodArgs } from "../../components/service/pod";

const args: ServicePodArgs = {
  port: 8080,
  probes: { readinessPath: "/ready", livenessPath: "/live" },
  serviceAccount: "category-v1",
};
const pod = (over: object = {}, more: Partial<ServicePodArgs> = {}) =>
  servicePod(
    { containers: [{ name: "category", image: "example.com/category:1", ...over }] },
    { ...args, ...more },
  );
const first = (spec: ReturnType<typeof pod>) =>
  (spec.containers as unknown as Record<string, unknown>[])[0] ?? {};

describe("servicePod", () => {
  it("satisfies Pod Security `restricted`", () => {
    const spec = pod();
    assert.deepEqual(spec.securityContext, {
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    assert.deepEqual(first(spec).securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    });
    assert.equal(spec.automountServiceAccountToken, false);
  });

  it("allows root for an image that needs it, without other privileges", () => {
    const spec = pod({}, { restricted: false });
    assert.deepEqual(spec.securityContext, { seccompProfile: { type: "RuntimeDefault" } });
    assert.deepEqual(first(spec).securityContext, { allowPrivilegeEscalation: false });
  });

  it("serves for some time after SIGTERM, and then leaves time for requests in flight", () => {
    const spec = pod({}, { lingerSeconds: 7, drainSeconds: 20 });
    assert.deepEqual(first(spec).lifecycle, { preStop: { sleep: { seconds: 7 } } });
    assert.ok(Number(spec.terminationGracePeriodSeconds) >= 7 + 20);
  });

  it("probes over the serving port", () => {
    const container = first(pod());
    assert.deepEqual(container.ports, [{ name: "http", containerPort: 8080 }]);
    assert.deepEqual(container.readinessProbe, {
      httpGet: { path: "/ready", port: "http" },
      periodSeconds: 5,
    });
    assert.deepEqual(container.livenessProbe, {
      httpGet: { path: "/live", port: "http" },
      periodSeconds: 10,
    });
    assert.equal(first(pod({}, { probes: { readinessPath: "/ready" } })).livenessProbe, undefined);
  });

  it("keeps the fields that the spec sets", () => {
    const probe = { exec: { command: ["true"] } };
    const spec = servicePod(
      {
        terminationGracePeriodSeconds: 99,
        securityContext: { runAsUser: 7 },
        containers: [{ name: "a", readinessProbe: probe, ports: [{ containerPort: 9 }] }, { name: "side" }],
        nodeSelector: { zone: "a" },
      },
      args,
    );
    assert.equal(spec.terminationGracePeriodSeconds, 99);
    assert.deepEqual(spec.securityContext, { runAsUser: 7 });
    assert.deepEqual(spec.nodeSelector, { zone: "a" });
    assert.deepEqual(first(spec).readinessProbe, probe);
    assert.deepEqual(first(spec).ports, [{ containerPort: 9 }]);
    const second = (spec.containers as unknown as Record<string, unknown>[])[1];
    assert.equal(second?.readinessProbe, undefined);
    assert.notEqual(second?.securityContext, undefined);
  });

  it("refuses a pod without containers", () => {
    assert.throws(() => servicePod({ containers: [] }, args), /without containers/);
  });
});
