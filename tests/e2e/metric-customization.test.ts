import assert from "node:assert/strict";
import { planMetrics, type MetricCustomization } from "../../components/index";
import { applyObjects, kubectl, until } from "../../lab/harness";

const NAMESPACE = "metric-customization";

interface StatsMetric {
  readonly name?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly tagsToRemove?: readonly string[];
  readonly drop?: boolean;
}

/** The metrics of every `stats.PluginConfig` within a configuration, or a part of it: those of each on their own. */
function statsFilters(value: unknown): (readonly StatsMetric[])[] {
  if (typeof value !== "object" || value === null) return [];
  const { "@type": type, metrics = [] } = value as { "@type"?: string; metrics?: StatsMetric[] };
  if (type?.endsWith("stats.PluginConfig")) return [metrics];
  return Object.values(value).flatMap(statsFilters);
}

/** The listeners within a configuration that proxies have for what comes in, or for what goes out. */
function listeners(value: unknown, direction: "INBOUND" | "OUTBOUND"): object[] {
  if (typeof value !== "object" || value === null) return [];
  const { trafficDirection } = value as { trafficDirection?: string };
  if (trafficDirection !== undefined) return trafficDirection === direction ? [value] : [];
  return Object.values(value).flatMap((inner) => listeners(inner, direction));
}

/**
 * The lab's proxy lacks Istio's filter for metrics and refuses it. What is proved here is what istiod makes of the
 * Telemetry object, for one pod in a namespace of its own.
 */
describe("changes of Istio's metrics", function () {
  this.timeout("2m");

  const configuration = (): Promise<string> =>
    kubectl(
      ...["exec", "-n", "istio-system", "deployment/istiod", "--", "pilot-discovery", "request", "GET"],
      `debug/config_dump?proxyID=idle.${NAMESPACE}`,
    );

  before(async () => {
    const image = await kubectl(
      ...[
        "get",
        "deployments",
        "-n",
        "category",
        "-o",
        "jsonpath={.items[0].spec.template.spec.containers[0].image}",
      ],
    );
    await applyObjects(
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: NAMESPACE, labels: { "istio-injection": "enabled" } },
      },
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "idle", namespace: NAMESPACE },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "idle",
              image,
              imagePullPolicy: "IfNotPresent",
              command: ["node", "-e", "require('http').createServer((_, r) => r.end()).listen(8080)"],
              ports: [{ name: "http", containerPort: 8080 }],
            },
          ],
        },
      },
    );
    await kubectl("wait", "pod/idle", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s");
  });
  after(async () => {
    await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false");
  });

  /** Writes the Telemetry object; gives what the proxy is told as soon as `mark` is in it. */
  async function configured(customization: MetricCustomization, mark: string): Promise<unknown> {
    await applyObjects({
      apiVersion: "telemetry.istio.io/v1",
      kind: "Telemetry",
      metadata: { name: "metrics", namespace: NAMESPACE },
      spec: { metrics: [planMetrics(customization)] },
    });
    let told = "";
    await until(mark, async () => (told = await configuration()).includes(mark), 20);
    return JSON.parse(told);
  }

  it("reach the filter of the proxy: tags set and removed, a metric switched off, requests in classes", async () => {
    assert.ok(!(await configuration()).includes("istio.stats"));
    const told = await configured(
      {
        tags: { request_method: "request.method" },
        remove: ["source_principal"],
        disable: ["REQUEST_SIZE"],
        operations: [{ name: "list", method: "GET", path: { exact: "/api/v1/category" } }],
      },
      "istio.stats",
    );
    const metrics = new Map(statsFilters(told).flatMap((of) => of.map((metric) => [metric.name, metric])));
    const operation = "request.method == 'GET' && request.url_path == '/api/v1/category' ? 'list' : 'other'";
    for (const name of ["requests_total", "request_duration_milliseconds"]) {
      assert.deepEqual(metrics.get(name), {
        name,
        dimensions: { request_method: "request.method", request_operation: operation },
        tagsToRemove: ["source_principal"],
      });
    }
    assert.equal(metrics.get("request_bytes")?.drop, true);
    assert.deepEqual(metrics.get("response_bytes"), {
      name: "response_bytes",
      dimensions: { request_method: "request.method" },
      tagsToRemove: ["source_principal"],
    });
  });

  it("reach it as the tag by which callers, and they alone, tell the version of what no pod answered", async () => {
    const told = await configured({ upstreamCluster: true }, "xds.cluster_name");
    for (const [direction, names] of [
      ["OUTBOUND", ["request_duration_milliseconds", "requests_total"]],
      ["INBOUND", []],
    ] as const) {
      const filters = statsFilters(listeners(told, direction));
      assert.ok(filters.length > 0, direction);
      for (const metrics of filters) {
        const tagged = metrics.filter(({ dimensions = {} }) => "upstream_cluster" in dimensions);
        assert.deepEqual(tagged.map(({ name }) => name).sort(), names, direction);
        for (const { dimensions } of tagged)
          assert.deepEqual(dimensions, { upstream_cluster: "xds.cluster_name" });
      }
    }
  });
});
