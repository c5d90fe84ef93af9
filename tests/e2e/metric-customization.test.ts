import assert from "node:assert/strict";
import { planMetrics } from "../../components/index";
import { applyObjects, kubectl, until } from "./lab";

const NAMESPACE = "metric-customization";

interface StatsMetric {
  readonly name?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly tagsToRemove?: readonly string[];
  readonly drop?: boolean;
}

/** The metrics of every `stats.PluginConfig` within a configuration. */
function statsMetrics(value: unknown): StatsMetric[] {
  if (typeof value !== "object" || value === null) return [];
  const { "@type": type, metrics } = value as { "@type"?: string; metrics?: StatsMetric[] };
  if (type?.endsWith("stats.PluginConfig")) return metrics ?? [];
  return Object.values(value).flatMap(statsMetrics);
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

  it("reach the filter of the proxy: tags set and removed, a metric switched off, requests in classes", async () => {
    assert.ok(!(await configuration()).includes("istio.stats"));
    await applyObjects({
      apiVersion: "telemetry.istio.io/v1",
      kind: "Telemetry",
      metadata: { name: "metrics", namespace: NAMESPACE },
      spec: {
        metrics: [
          planMetrics({
            tags: { request_method: "request.method" },
            remove: ["source_principal"],
            disable: ["REQUEST_SIZE"],
            operations: [{ name: "list", method: "GET", path: { exact: "/api/v1/category" } }],
          }),
        ],
      },
    });
    await until("the filter istio.stats", async () => (await configuration()).includes("istio.stats"), 20);
    const metrics = new Map<string, StatsMetric>();
    for (const metric of statsMetrics(JSON.parse(await configuration())))
      metrics.set(metric.name ?? "", metric);
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
});
