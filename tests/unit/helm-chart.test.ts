import assert from "node:assert/strict";
import { chart, ISTIO_CHARTS, mergeValues } from "../../components/kubernetes/helm-chart";
import { withMetricsProvider } from "../../components/mesh/istio-control-plane";
import { scaleValues } from "../../components/kubernetes/scale";

describe("chart", () => {
  it("comes from a repository, by default Istio's", () => {
    assert.deepEqual(chart("istiod", "1.31.0"), {
      chart: "istiod",
      version: "1.31.0",
      repositoryOpts: { repo: (ISTIO_CHARTS as { repository: string }).repository },
    });
  });
  it("comes from an OCI registry, below its path, under the chart's name", () => {
    assert.deepEqual(chart("base", "1.31.0", { repository: "oci://registry.example.com/istio/charts/" }), {
      chart: "oci://registry.example.com/istio/charts/base",
      version: "1.31.0",
    });
  });
  it("comes from a folder of charts", () => {
    assert.deepEqual(chart("base", "1.31.0", { directory: "charts/" }), {
      chart: "charts/base",
      version: "1.31.0",
    });
  });
});

describe("mergeValues", () => {
  it("merges maps key by key; the last layer wins; lists are replaced as a whole", () => {
    assert.deepEqual(
      mergeValues({ a: { b: 1, c: [1, 2] }, d: 1 }, undefined, { a: { c: [3] }, d: { e: null } }),
      { a: { b: 1, c: [3] }, d: { e: null } },
    );
  });
  it("does not modify its layers", () => {
    const layer = Object.freeze({ a: Object.freeze({ b: 1 }) });
    mergeValues(layer, { a: { b: 2 } });
    assert.deepEqual(layer, { a: { b: 1 } });
  });
});

describe("scaleValues", () => {
  it("switches the charts' own autoscaling off if replicas are fixed", () => {
    assert.deepEqual(scaleValues({ replicas: 2 }, "istiod"), { autoscaleEnabled: false, replicaCount: 2 });
    assert.deepEqual(scaleValues({ replicas: 2 }, "gateway"), {
      autoscaling: { enabled: false },
      replicaCount: 2,
    });
  });
  it("uses the keys of each chart for an autoscaler", () => {
    const scale = { autoscaler: { minReplicas: 2, maxReplicas: 5 } };
    assert.deepEqual(scaleValues(scale, "istiod"), {
      autoscaleEnabled: true,
      autoscaleMin: 2,
      autoscaleMax: 5,
      cpu: { targetAverageUtilization: 80 },
    });
    assert.deepEqual(scaleValues(scale, "gateway"), {
      autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 80 },
    });
  });
});

describe("withMetricsProvider", () => {
  const providers = (given: object) =>
    withMetricsProvider({ meshConfig: { defaultProviders: given } }).meshConfig;
  it("keeps the metrics if another default provider is named", () => {
    assert.deepEqual(providers({ tracing: ["jaeger"] }), {
      defaultProviders: { tracing: ["jaeger"], metrics: ["prometheus"] },
    });
  });
  it("does not change a metrics provider that is set, even to none", () => {
    assert.deepEqual(providers({ metrics: [] }), { defaultProviders: { metrics: [] } });
    assert.deepEqual(withMetricsProvider({ a: 1 }, undefined), { a: 1 });
  });
});
