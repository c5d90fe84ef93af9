import Ajv from "ajv";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { rootCertificates } from "node:tls";
import { planMetrics } from "../../components/index";
import { writtenMetrics } from "../../components/observability/route-metrics";
import { ROOT, runProgram, stackConfig, type Registered, type Run } from "../support/program";

const EVERYTHING = {
  prometheus: {
    storage: { size: "20Gi" },
    retention: "30d",
    resources: { requests: { memory: "1Gi" } },
  },
  jaeger: { elasticsearch: { url: "https://search.example.com:9200", credentials: "search-login" } },
  tracing: {
    provider: "lightstep",
    sampling: 10,
    token: { secret: "tracing-token" },
    tags: { environment: { value: "test" } },
    namespaces: { category: { sampling: 0 } },
  },
  accessLogs: { errors: true, slowerThan: "500ms" },
  metrics: { remove: ["source_principal"], operations: [{ name: "list", exact: "/api/v1/category" }] },
  grafana: { enabled: true },
  objectives: {
    own: {
      orders: {
        ...{ percent: 98, all: 'orders_total{app="shop"}', bad: 'orders_total{app="shop",state="lost"}' },
        words: "ended without an order",
      },
    },
  },
};

async function withObservability(block: object | undefined, preview = false): Promise<Run> {
  const config = stackConfig("dev");
  if (block) config["shopzier:observability"] = block;
  return runProgram(config, { preview });
}

describe("observability", () => {
  let all: ReadonlyMap<string, Registered>;
  let plain: ReadonlyMap<string, Registered>;
  const byName = (run: Run) => new Map(run.resources.map((r) => [r.name, r]));
  before(async () => {
    all = byName(await withObservability(EVERYTHING));
    plain = byName(await withObservability(undefined));
  });

  /** An input of a resource, or the value at a path in it. */
  const input = (name: string, ...path: readonly (string | number)[]): unknown => {
    const resource = all.get(name);
    assert.ok(resource, `${name} is not there`);
    return path.reduce<unknown>(
      (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
      resource.inputs,
    );
  };
  const added = (): string[] => [...all.keys()].filter((name) => !plain.has(name)).sort();

  it("tells shift, watch and gate where requests are counted, and the objectives", () => {
    const annotations = input("category-routes-route", "metadata", "annotations");
    const { prometheus, objective, own } = writtenMetrics(annotations as Record<string, string>) ?? {};
    assert.equal(prometheus, "prometheus/prometheus:9090");
    assert.equal(objective?.availability, 99.9);
    assert.deepEqual(own, {
      orders: {
        ...{ objective: 0.02, all: 'orders_total{app="shop"}', bad: 'orders_total{app="shop",state="lost"}' },
        words: "ended without an order",
      },
    });
  });

  it("is off by default, and each part is a component", () => {
    assert.deepEqual(
      [...plain.keys()].filter((name) => /prometheus|jaeger|telemetry|grafana|dashboards/.test(name)),
      [],
    );
    assert.deepEqual(added(), [
      "dashboards",
      "dashboards-configmap",
      "dashboards-namespace",
      "grafana",
      "grafana-namespace",
      "grafana-release",
      "jaeger",
      "jaeger-namespace",
      "jaeger-release",
      "prometheus",
      "prometheus-namespace",
      "prometheus-release",
      "prometheus-rules",
      "telemetry",
      "telemetry-category",
      "telemetry-ingest.lightstep.com",
      "telemetry-ingest.lightstep.com-tls",
      "telemetry-mesh",
    ]);
  });

  it("logs what a dry run would refuse, unless the fields are set", async () => {
    const format = async (accessLogs: object, dryRun: boolean): Promise<string> => {
      const config = stackConfig("dev");
      config["shopzier:observability"] = { accessLogs };
      config["shopzier:security"] = { access: { deny: [{ methods: ["PUT"] }], dryRun } };
      return JSON.stringify(byName(await runProgram(config)).get("istio-istiod")?.inputs.values);
    };
    assert.match(await format({}, true), /"rbac_dry_run_deny"/);
    assert.doesNotMatch(await format({}, false), /rbac_dry_run/);
    assert.doesNotMatch(await format({ fields: ["method"] }, true), /rbac_dry_run/);
  });

  it("has the same inputs in preview and update", async () => {
    const preview = byName(await withObservability(EVERYTHING, true));
    for (const name of added()) assert.deepEqual(preview.get(name), all.get(name), name);
  });

  it("adds the providers to istiod by name and does not change its default providers", () => {
    const providers = input("istio-istiod", "values", "meshConfig", "extensionProviders") as {
      name: string;
    }[];
    assert.deepEqual(
      providers.map(({ name }) => name),
      ["tracing", "access-log"],
    );
    assert.equal(input("istio-istiod", "values", "meshConfig", "defaultProviders"), undefined);
    assert.equal(input("istio-istiod", "values", "traceSampling"), undefined);
    const before = plain.get("istio-istiod")?.inputs as { values: { meshConfig?: object } };
    assert.equal("extensionProviders" in (before.values.meshConfig ?? {}), false);
  });

  it("passes the token to istiod by reference, so that it starts without the Secret", () => {
    assert.deepEqual(input("istio-istiod", "values", "envVarFrom"), [
      {
        name: "TRACING_ACCESS_TOKEN",
        valueFrom: { secretKeyRef: { name: "tracing-token", key: "token", optional: true } },
      },
    ]);
  });

  it("has one Telemetry object for the mesh and one for each namespace that differs", () => {
    assert.equal(input("telemetry-mesh", "metadata", "namespace"), "istio-system");
    assert.equal(input("telemetry-mesh", "spec", "tracing", 0, "randomSamplingPercentage"), 10);
    assert.equal(input("telemetry-mesh", "spec", "tracing", 0, "disableSpanReporting"), false);
    assert.deepEqual(Object.keys(input("telemetry-mesh", "spec") as object).sort(), [
      "accessLogging",
      "metrics",
      "tracing",
    ]);
    assert.deepEqual(input("telemetry-category", "spec", "tracing"), [
      { disableSpanReporting: true, randomSamplingPercentage: 0 },
    ]);
    assert.deepEqual(all.get("telemetry")?.dependsOn.slice(0, 1), ["istio"]);
    assert.ok(all.get("telemetry")?.dependsOn.includes("category"));
  });

  it("adds a collector outside the cluster to the mesh, with TLS", () => {
    assert.deepEqual(input("telemetry-ingest.lightstep.com", "spec", "ports"), [
      { number: 443, name: "grpc-443", protocol: "GRPC" },
    ]);
    assert.deepEqual(
      input("telemetry-ingest.lightstep.com-tls", "spec", "trafficPolicy", "portLevelSettings"),
      [
        {
          port: { number: 443 },
          tls: { mode: "SIMPLE", sni: "ingest.lightstep.com", subjectAltNames: ["ingest.lightstep.com"] },
        },
      ],
    );
  });

  it("gives the proxies the CA certificate of a collector before they require it", async () => {
    const collector = { host: "collector.example.com", ca: rootCertificates[0] };
    const run = byName(await withObservability({ tracing: { provider: "otlp", collector } }));
    const name = "telemetry-collector-collector-example-com-4317";
    assert.deepEqual(run.get(name)?.inputs.data, { "ca.crt": `${String(rootCertificates[0])}\n` });
    assert.deepEqual(run.get("telemetry-collector.example.com-tls")?.dependsOn, [name]);
  });

  it("lets the service report spans only if a proxy does", async () => {
    const reports = async (tracing: object): Promise<boolean> => {
      const run = byName(
        await withObservability({ jaeger: {}, tracing: { provider: "jaeger", ...tracing } }),
      );
      return JSON.stringify(run.get("category-versions-v1-deployment")).includes("OTEL_EXPORTER");
    };
    const tags = { tenant: { header: "x-tenant" } };
    assert.ok(await reports({ sampling: 10 }));
    assert.ok(!(await reports({ sampling: 0 })));
    assert.ok(!(await reports({ sampling: 0, namespaces: { "istio-ingress": { tags } } })));
    assert.ok(await reports({ sampling: 0, namespaces: { "istio-ingress": { sampling: 1 } } }));
  });

  it("lets Prometheus drop the oldest samples before its volume is full", () => {
    const server = input("prometheus-release", "values", "server") as Record<string, unknown>;
    assert.deepEqual(server.persistentVolume, { enabled: true, size: "20Gi" });
    assert.equal(server.retentionSize, `${16 * 1024 ** 3}B`);
  });

  it("sets the retention and the resources of Prometheus", () => {
    assert.equal(input("prometheus-release", "values", "server", "retention"), "30d");
    assert.deepEqual(input("prometheus-release", "values", "server", "resources"), {
      requests: { memory: "1Gi" },
    });
  });

  it("uses only values that the lab's stand-in charts accept", () => {
    for (const [chart, places] of [
      ["prometheus", [[], ["server"], ["server", "global"], ["server", "service"], ["serverFiles"]]],
      ["jaeger", [[], ["jaeger"]]],
    ] as const) {
      const schema = readFileSync(path.join(ROOT, "lab/charts", chart, "values.schema.json"), "utf8");
      const ajv = new Ajv();
      const known = ajv.compile(JSON.parse(schema) as object);
      const values = input(`${chart}-release`, "values");
      assert.ok(known(values), ajv.errorsText(known.errors));
      for (const place of places) {
        const changed = structuredClone(values) as Record<string, unknown>;
        const at = place.reduce((of, key) => of[key] as Record<string, unknown>, changed);
        at.unknown = "value";
        assert.ok(!known(changed), [chart, ...place].join("."));
      }
    }
  });

  it("writes dashboards that Grafana finds by their label", () => {
    const data = input("dashboards-configmap", "data") as Record<string, string>;
    assert.equal(input("dashboards-configmap", "metadata", "labels", "grafana_dashboard"), "1");
    assert.equal(input("grafana-release", "values", "sidecar", "dashboards", "label"), "grafana_dashboard");
    assert.deepEqual(Object.keys(data).sort(), [
      "category-canary.json",
      "category-versions.json",
      "mesh-health.json",
    ]);
    for (const text of Object.values(data)) {
      const { panels, uid } = JSON.parse(text) as { panels: unknown[]; uid: string };
      assert.ok(panels.length > 4, uid);
    }
  });

  it("passes the registry of an image to Grafana's chart separately from its name", async () => {
    const image = async (image: string): Promise<unknown> => {
      const run = byName(await withObservability({ prometheus: {}, grafana: { image } }));
      return (run.get("grafana-release")?.inputs.values as { image: unknown }).image;
    };
    const tag = "12.0.0";
    for (const [name, registry, repository] of [
      ["registry.example.com/tools/grafana", "registry.example.com", "tools/grafana"],
      ["localhost:5000/grafana", "localhost:5000", "grafana"],
      ["localhost/grafana", "localhost", "grafana"],
      ["grafana/grafana", "docker.io", "grafana/grafana"],
      ["grafana", "docker.io", "grafana"],
    ] as const)
      assert.deepEqual(await image(`${name}:${tag}`), { registry, repository, tag }, name);
  });

  it("changes only the recorded shares if a weight is edited, and no component", async () => {
    const edited = stackConfig("dev");
    edited["shopzier:observability"] = EVERYTHING;
    edited["shopzier:traffic"] = { weights: { v1: "rest", v2: 35 } };
    const after = byName(await runProgram(edited));
    const changed = [...after.values()]
      .filter(({ name, inputs }) => JSON.stringify(inputs) !== JSON.stringify(all.get(name)?.inputs))
      .map(({ name }) => name);
    assert.deepEqual(changed.sort(), ["category-routes-route", "prometheus-rules"]);
    const [before, now] = [all, after].map(
      (run) => run.get("prometheus-rules")?.inputs.data as Record<string, string>,
    );
    const files = Object.keys(now ?? {}).filter((file) => now?.[file] !== before?.[file]);
    assert.deepEqual(files, ["category-category-configured-shares.yml"]);
  });

  it("always records the configured shares, and omits alerts on them if rules or mirrors make them wrong", async () => {
    const WEIGHTS = { weights: { v1: "rest", v2: 20 } };
    const shares = async (traffic: object): Promise<string[]> => {
      const config = stackConfig("dev");
      config["shopzier:observability"] = { prometheus: { enabled: true } };
      config["shopzier:traffic"] = { ...WEIGHTS, ...traffic };
      const { data } = byName(await runProgram(config)).get("prometheus-rules")?.inputs as {
        data: Record<string, string>;
      };
      const names = ["configured_share:ratio", "VersionShareOff", "VersionWithoutTraffic"];
      const rules = Object.values(data).join();
      return names.filter((name) => rules.includes(`"${name}"`) || rules.includes(`"version:${name}"`));
    };
    const to = (match: object): object => ({ rules: [{ name: "beta", match, to: "v2" }] });
    const all = ["configured_share:ratio", "VersionShareOff", "VersionWithoutTraffic"];
    assert.deepEqual(await shares({}), all);
    const forTesters = await shares(to({ headers: { "x-beta": { exact: "1" } } }));
    assert.deepEqual(forTesters, ["configured_share:ratio", "VersionWithoutTraffic"]);
    assert.deepEqual(await shares(to({ path: { prefix: "/api" } })), ["configured_share:ratio"]);
    assert.deepEqual(await shares({ mirror: { to: "v2" } }), [
      "configured_share:ratio",
      "VersionWithoutTraffic",
    ]);
  });

  it("tags requests that no pod answered with their version, if rules or dashboards use it", async () => {
    const metrics = async (block: object): Promise<unknown> => {
      const { inputs } = byName(await withObservability(block)).get("telemetry-mesh") ?? {};
      return (inputs?.spec as { metrics?: unknown } | undefined)?.metrics;
    };
    const prometheus = { enabled: true };
    assert.deepEqual(await metrics({ prometheus }), [planMetrics({ upstreamCluster: true })]);
    assert.deepEqual(await metrics({ dashboards: true }), await metrics({ prometheus }));
    assert.equal(await metrics({ prometheus, metrics: { source: "envoy" } }), undefined);
    assert.equal(await metrics({}), undefined);
  });

  it("alerts if the gateway or istiod has fewer pods than the minimum", async () => {
    const config = stackConfig("dev");
    config["shopzier:observability"] = { prometheus: { enabled: true } };
    config["shopzier:gateway"] = {
      ...(config["shopzier:gateway"] as object),
      autoscaler: { minReplicas: 3, maxReplicas: 5 },
    };
    const { data } = byName(await runProgram(config)).get("prometheus-rules")?.inputs as {
      data: Record<string, string>;
    };
    const gateway = 'up{istio=\\"ingressgateway\\",namespace=\\"istio-ingress\\"}';
    assert.ok(data["mesh.yml"]?.includes(`clamp_min(count(${gateway}), 3)`));
    assert.match(data["mesh.yml"] ?? "", /clamp_min\(count\(up\{app=\\"istiod\\"\}\), 1\)/);
  });

  it("reads the login of a trace store from its Secret", () => {
    assert.match(JSON.stringify(input("jaeger-release", "values", "userconfig")), /\$\{env:STORE_PASSWORD\}/);
    assert.deepEqual(
      input("jaeger-release", "values", "jaeger", "extraEnv", 2, "valueFrom", "secretKeyRef"),
      {
        name: "search-login",
        key: "password",
      },
    );
  });
});
