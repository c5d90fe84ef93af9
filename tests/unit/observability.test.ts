import fc from "fast-check";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import {
  ACCESS_LOG_FIELDS,
  filterExpression,
  planAccessLogs,
  type AccessLogField,
} from "../../components/observability/access-logs";
import {
  collectorAccess,
  collectorHosts,
  type Collector,
  type CollectorAccess,
} from "../../components/observability/collector";
import { jaegerConfig } from "../../components/observability/jaeger-config";
import { dashboards } from "../../components/observability/dashboards";
import { classification, planMetrics, type Operation } from "../../components/observability/metrics";
import { ISTIO_QUERIED, promDuration, VersionQueries } from "../../components/observability/queries";
import { versionRules, type ServiceLevel } from "../../components/observability/version-rules";
import { planTracing, type Tracing } from "../../components/observability/tracing";
import { parseSettings } from "../../stacks/config/settings";
import { wrongConfig } from "../../docs/wrong-settings";

const collector = { host: "collector.tools.svc.cluster.local", port: 4317 };

describe("planTracing", () => {
  const sampled = (sampling: number) => planTracing({ provider: "otlp", collector, sampling })?.mesh;

  it("reports nothing at 0, otherwise the configured percentage", () => {
    assert.equal(sampled(0)?.disableSpanReporting, true);
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 100, noNaN: true }), (sampling) => {
        const spec = sampled(sampling);
        return spec?.disableSpanReporting === false && spec.randomSamplingPercentage === sampling;
      }),
    );
  });

  it("samples one percent by default", () => {
    assert.equal(planTracing({ provider: "otlp", collector })?.mesh.randomSamplingPercentage, 1);
  });

  it("allows traces in a namespace if the mesh has none", () => {
    const plan = planTracing({
      provider: "otlp",
      collector,
      sampling: 0,
      namespaces: { shop: { sampling: 5 }, tags: { tags: { a: { value: "b" } } } },
    });
    assert.deepEqual(plan?.namespaces.shop, { disableSpanReporting: false, randomSamplingPercentage: 5 });
    // A namespace inherits from the mesh what it does not set.
    const { "http.url": url, ...own } = plan.namespaces.tags?.customTags ?? {};
    assert.deepEqual(own, { a: { literal: { value: "b" } } });
    assert.deepEqual(url, plan.mesh.customTags?.["http.url"]);
  });

  it("uses the protocol of each provider", () => {
    const provider = (tracing: Omit<Tracing, "collector">) =>
      planTracing({ ...tracing, collector })?.extensionProvider;
    const address = { service: collector.host, port: collector.port };
    assert.deepEqual(provider({ provider: "jaeger" }), { name: "tracing", opentelemetry: address });
    assert.deepEqual(provider({ provider: "datadog" }), { name: "tracing", datadog: address });
    assert.deepEqual(provider({ provider: "zipkin" }), {
      name: "tracing",
      zipkin: { ...address, traceContextOption: "USE_B3_WITH_W3C_PROPAGATION" },
    });
    const token = { name: "tracing-token", key: "token" };
    assert.deepEqual(provider({ provider: "lightstep", token }), {
      name: "tracing",
      opentelemetry: {
        ...address,
        grpc: {
          timeout: "5s",
          initialMetadata: [{ name: "lightstep-access-token", envName: "TRACING_ACCESS_TOKEN" }],
        },
      },
    });
    assert.equal(planTracing({ provider: "none" }), undefined);
    assert.throws(() => planTracing({ provider: "datadog" }), RangeError);
  });
});

describe("collectors outside the cluster", () => {
  const access = (collector: Collector) =>
    collectorAccess(collector, collector.port === 9411 ? "HTTP" : "GRPC") as CollectorAccess;
  const hosts = (...collectors: Collector[]) => collectorHosts(collectors.map(access), "istio-system");
  const host = "collector.example.com";
  const name = "collector-collector-example-com";
  const tls = { mode: "SIMPLE", sni: host, subjectAltNames: [host] };

  it("do not include Services", () => {
    assert.equal(collectorAccess(collector, "GRPC"), undefined);
  });

  it("become one host with the ports of both, and with TLS for its name if configured", () => {
    const entry = { hosts: [host], location: "MESH_EXTERNAL", resolution: "DNS" };
    const ports = [
      { number: 9411, name: "http-9411", protocol: "HTTP" },
      { number: 4317, name: "grpc-4317", protocol: "GRPC" },
    ];
    assert.deepEqual(hosts({ host, port: 9411, tls: false }, { host, port: 4317 }), [
      {
        host,
        name,
        serviceEntry: { ...entry, ports },
        destinationRule: { host, trafficPolicy: { portLevelSettings: [{ port: { number: 4317 }, tls }] } },
        authorities: {},
      },
    ]);
    const plain = { host, port: 4317, tls: false };
    assert.deepEqual(hosts(plain, plain), [
      { host, name, serviceEntry: { ...entry, ports: ports.slice(1) }, authorities: {} },
    ]);
  });

  it("are verified by their own CA certificates, separately for each port", () => {
    const [{ destinationRule, authorities } = {}] = hosts(
      { host, port: 4317, ca: "one" },
      { host, port: 4318, ca: "two" },
    );
    assert.deepEqual(authorities, { [`${name}-4317`]: "one", [`${name}-4318`]: "two" });
    assert.deepEqual(
      destinationRule?.trafficPolicy?.portLevelSettings,
      [4317, 4318].map((number) => ({
        port: { number },
        tls: { ...tls, credentialName: `configmap://istio-system/${name}-${number}` },
      })),
    );
  });

  it("with an IP address have the name that the provider uses, and no TLS", () => {
    const byAddress = { host: "10.1.2.3", port: 4317, tls: false };
    const service = "ip-10-1-2-3-collector.internal";
    assert.deepEqual(hosts(byAddress), [
      {
        host: service,
        name: "collector-ip-10-1-2-3-collector-internal",
        serviceEntry: {
          hosts: [service],
          location: "MESH_EXTERNAL",
          resolution: "STATIC",
          endpoints: [{ address: "10.1.2.3" }],
          ports: [{ number: 4317, name: "grpc-4317", protocol: "GRPC" }],
        },
        authorities: {},
      },
    ]);
    const { extensionProvider } = planTracing({ provider: "otlp", collector: byAddress }) ?? {};
    assert.deepEqual(extensionProvider?.opentelemetry, { service, port: 4317 });
    const { envoyOtelAls } = planAccessLogs({ collector: byAddress }).extensionProvider;
    assert.equal((envoyOtelAls as { service: string }).service, service);
    assert.throws(() => access({ host: "10.1.2.3", port: 4317 }), RangeError);
  });
});

describe("planAccessLogs", () => {
  it("never writes a query, a cookie or a credential", () => {
    const fields = Object.keys(ACCESS_LOG_FIELDS) as AccessLogField[];
    const text = JSON.stringify(planAccessLogs({ fields }));
    assert.doesNotMatch(text, /REQ\((:PATH|X-ENVOY-ORIGINAL-PATH|COOKIE|AUTHORIZATION)/i);
    assert.match(text, /REQ_WITHOUT_QUERY/);
    // A collector gets a body too: istiod's default body has the query.
    const toCollector = planAccessLogs({ collector }).extensionProvider.envoyOtelAls as {
      logFormat: { text: string };
    };
    assert.match(toCollector.logFormat.text, /path="%CEL\(re\.extract\(.*request\.path, r'\^\[\^\?/);
  });

  it("writes the chosen fields in their order, as JSON or text", () => {
    const fields = ["response_code", "method"] as const;
    const file = (encoding: "json" | "text") =>
      planAccessLogs({ fields, encoding }).extensionProvider.envoyFileAccessLog as { logFormat: object };
    assert.deepEqual(file("json").logFormat, {
      labels: { response_code: "%RESPONSE_CODE%", method: "%REQ(:METHOD)%" },
    });
    assert.deepEqual(file("text").logFormat, {
      text: `response_code="%RESPONSE_CODE%" method="%CEL(re.extract(request.method, r'^[^"\\\\]*', r'\\0'))%"\n`,
    });
  });

  it("does not write text of a client unescaped", () => {
    const fields = Object.keys(ACCESS_LOG_FIELDS) as AccessLogField[];
    const { envoyFileAccessLog } = planAccessLogs({ fields, encoding: "text" }).extensionProvider;
    assert.doesNotMatch(
      JSON.stringify(envoyFileAccessLog),
      /%(REQ|REQ_WITHOUT_QUERY|REQUESTED_SERVER_NAME)\b/,
    );
  });

  it("has a filter only if some requests are not logged", () => {
    assert.equal(filterExpression({}), "");
    const slow = "has(request.method) && request.duration >= duration('500ms')";
    assert.equal(filterExpression({ slowerThanMs: 500 }), slow);
    assert.equal(
      filterExpression({ errors: true, slowerThanMs: 500, versions: ["v2"] }),
      "((has(response.code) ? response.code >= 400 : has(request.method) || response.flags != 0) || " +
        `${slow}) && ` +
        "(xds.cluster_name.contains('|v2|') || xds.node.metadata.LABELS.version == 'v2')",
    );
  });
});

describe("planMetrics", () => {
  it("is empty if nothing is changed", () => {
    assert.equal(planMetrics({}), undefined);
  });

  it("sets and removes tags, and disables metrics", () => {
    assert.deepEqual(
      planMetrics({
        tags: { request_method: "request.method" },
        remove: ["source_principal"],
        disable: ["REQUEST_SIZE"],
      })?.overrides,
      [
        {
          match: { metric: "ALL_METRICS" },
          tagOverrides: {
            request_method: { operation: "UPSERT", value: "request.method" },
            source_principal: { operation: "REMOVE" },
          },
        },
        { match: { metric: "REQUEST_SIZE" }, disabled: true },
      ],
    );
  });

  it("adds the chosen cluster as a tag to request counts and durations of callers", () => {
    const tagOverrides = { upstream_cluster: { operation: "UPSERT", value: "xds.cluster_name" } };
    assert.deepEqual(
      planMetrics({ upstreamCluster: true })?.overrides,
      ["REQUEST_COUNT", "REQUEST_DURATION"].map((metric) => ({
        match: { metric, mode: "CLIENT" },
        tagOverrides,
      })),
    );
  });

  it("classifies by the first match of the list, otherwise as other", () => {
    const operation: fc.Arbitrary<Operation> = fc.record(
      {
        name: fc.constantFrom("list", "item", "write"),
        method: fc.constantFrom("GET", "POST"),
        path: fc.oneof(
          fc.record({ exact: fc.constantFrom("/a", "/a/b", "/it's\\here") }),
          fc.record({ prefix: fc.constantFrom("/", "/a", "/a/") }),
        ),
      },
      { requiredKeys: ["name", "path"] },
    );
    const request = fc.record({
      method: fc.constantFrom("GET", "POST", "PUT"),
      url_path: fc.constantFrom("/a", "/a/b", "/b", "/it's\\here"),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 4 }), request, (operations, r) => {
        const expected =
          operations.find(
            ({ method, path }) =>
              (method === undefined || method === r.method) &&
              ("exact" in path ? r.url_path === path.exact : r.url_path.startsWith(path.prefix)),
          )?.name ?? "other";
        // In these parts CEL is written as JavaScript.
        // eslint-disable-next-line @typescript-eslint/no-implied-eval
        const evaluate = new Function("request", `return ${classification(operations)}`) as (
          request: object,
        ) => string;
        assert.equal(evaluate(r), expected);
      }),
    );
  });
});

describe("tags of metrics", () => {
  const refused = (expression: string): boolean => {
    const config = `shopzier:observability: { metrics: { tags: { tag: ${JSON.stringify(expression)} } } }`;
    try {
      parseSettings(wrongConfig({ title: "", config, report: "" }), "dev");
      return false;
    } catch {
      return true;
    }
  };

  it("must not be secret or unbounded, in any notation of CEL", () => {
    for (const [attribute, header] of [
      ["headers", "authorization"],
      ["headers", "cookie"],
      ["headers", "X-Request-Id"],
      ["headers", "user-agent"],
      ["headers", ":path"],
      ["url_path", ""],
    ] as const) {
      const names = [attribute, ...(header === "" ? [] : [header])];
      for (const select of [
        (name: string) => `.${name}`,
        (name: string) => `['${name}']`,
        (name: string) => `[ "${name}" ]`,
        (name: string) => ` . ${name}`,
      ]) {
        const expression = `request${names.map(select).join("")}`;
        assert.ok(refused(expression), expression);
      }
    }
  });

  it("may be attributes with few values, and comparisons", () => {
    for (const expression of [
      "request.method",
      "request.headers['x-client']",
      "request.headers['user-agent-class']",
      "request.headers['user-agent'].contains('bot')",
      "request['url_path'] == '/api/v1/category'",
      "request.method == 'request.url_path' ? 'a' : 'b'",
    ])
      assert.ok(!refused(expression), expression);
  });
});

describe("jaegerConfig", () => {
  it("keeps the names in the pipeline consistent with the stores", () => {
    for (const storage of [
      { memory: { maxTraces: 10 } },
      { badger: { size: "1Gi", hours: 72 } },
      { elasticsearch: { url: "https://search.example.com" } },
      { opensearch: { url: "https://search.example.com", credentials: "login", ca: "PEM" } },
    ]) {
      const { service, receivers, exporters, extensions } = jaegerConfig(storage) as {
        service: {
          extensions: string[];
          pipelines: { traces: { receivers: string[]; exporters: string[] } };
        };
        receivers: object;
        exporters: { jaeger_storage_exporter: { trace_storage: string } };
        extensions: { jaeger_storage: { backends: object }; jaeger_query: { storage: { traces: string } } };
      };
      assert.deepEqual(service.pipelines.traces.receivers, Object.keys(receivers));
      assert.deepEqual(service.pipelines.traces.exporters, Object.keys(exporters));
      assert.deepEqual([...service.extensions].sort(), Object.keys(extensions).sort());
      const backends = Object.keys(extensions.jaeger_storage.backends);
      assert.deepEqual(backends, [exporters.jaeger_storage_exporter.trace_storage]);
      assert.deepEqual(backends, [extensions.jaeger_query.storage.traces]);
    }
  });
});

describe("queries and rules", () => {
  const service = { name: "category", namespace: "shop", port: 8080, versions: ["v1", "v2"] };

  it("write durations in Prometheus' format", () => {
    assert.deepEqual([10, 60, 90, 3600, 21_600, 86_400].map(promDuration), [
      "10s",
      "1m",
      "90s",
      "1h",
      "6h",
      "1d",
    ]);
  });

  it("select the versions of this service only", () => {
    for (const source of ["istio", "envoy"] as const) {
      for (const seenBy of ["caller", "callee"] as const) {
        const query = new VersionQueries(service, source).requests(seenBy, "5m");
        assert.match(query, /v1\|v2/);
        assert.match(query, /shop/);
      }
    }
  });

  it("use no tag of Istio that the settings may remove", () => {
    const service = { name: "a", namespace: "b", port: 80, versions: ["v1"] };
    const asked = JSON.stringify([
      versionRules({ service, source: "istio" }),
      dashboards(service, "istio"),
    ]).replaceAll('\\"', "'");
    const series = [...asked.matchAll(/(istio_[a-z_]+){([^}]*)}/g)];
    const read = series.flatMap(([, , matchers = ""]) =>
      [...matchers.matchAll(/(\w+)[!=]=?~?'/g)].map(([, label = ""]) => label),
    );
    const grouped = [...asked.matchAll(/by \(([^)]*)\) \([^"]*?istio_/g)].flatMap(([, by = ""]) =>
      by.split(", "),
    );
    const ours = new Set([...read, ...grouped]);
    for (const label of ["le", "version"]) ours.delete(label);
    assert.deepEqual([...ours].sort(), [...ISTIO_QUERIED.tags].sort());
    assert.deepEqual([...new Set(series.map(([, metric = ""]) => metric.replace(/_bucket$/, "")))].sort(), [
      "istio_request_duration_milliseconds",
      "istio_requests_total",
    ]);
  });

  it("refuse a latency between two bounds of the histogram", () => {
    assert.throws(
      () =>
        versionRules({ service, source: "istio", objective: { latency: { withinMs: 300, percent: 99 } } }),
      RangeError,
    );
  });

  it("refuse an objective with which no alert could fire", () => {
    const rules = (objective: ServiceLevel) => () => versionRules({ service, source: "istio", objective });
    const latency = (percent: number) => ({ latency: { withinMs: 500, percent } });
    assert.throws(rules({ availability: 93 }), RangeError);
    assert.throws(rules(latency(80)), RangeError);
    assert.doesNotThrow(rules({ availability: 95, ...latency(95) }));
  });

  it("have the configured shares, with a sum of 1", () => {
    const groups = versionRules({ service, source: "istio", shares: { v1: 99.5, v2: 0.5 } });
    const shares = groups
      .flatMap(({ rules }) => rules)
      .flatMap((rule) =>
        "record" in rule && rule.record === "version:configured_share:ratio"
          ? [...rule.expr.matchAll(/vector\((.*?)\), "version", "(.*?)"/g)].map(([, share, version]) => [
              version,
              Number(share),
            ])
          : [],
      );
    assert.deepEqual(shares, [
      ["v1", 0.995],
      ["v2", 0.005],
    ]);
  });
});

describe("docs/observability.md", () => {
  it("shows valid settings", () => {
    const guide = readFileSync(path.join(__dirname, "../../docs/observability.md"), "utf8");
    const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    assert.ok(blocks.length >= 6);
    for (const config of blocks) parseSettings(wrongConfig({ title: "", config, report: "" }), "dev");
  });
});
