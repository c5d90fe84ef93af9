import { X509Certificate } from "node:crypto";
import type { z } from "zod";
import { ACCESS_LOG_FIELDS, type AccessLogField } from "../../../components/observability/access-logs";
import type { AccessLogs } from "../../../components/observability/access-logs";
import { jaegerCollectors, type JaegerStorage } from "../../../components/observability/jaeger-config";
import type { JaegerArgs } from "../../../components/observability/jaeger";
import { ISTIO_METRICS, type MetricCustomization } from "../../../components/observability/metrics";
import type { ChartReleaseArgs } from "../../../components/observability/chart-release";
import type { PrometheusArgs, Storage } from "../../../components/observability/prometheus";
import { LATENCY_BUCKETS_MS, type MetricsSource } from "../../../components/observability/queries";
import type { VersionRulesArgs } from "../../../components/observability/rules";
import {
  SECRET_HEADERS,
  TRACING_PORTS,
  TracingProvider,
  type Tracing,
  type TraceTag,
} from "../../../components/observability/tracing";
import { hostOf, HOST_OR_ADDRESS, LABEL, LABEL_RULE, SUBDOMAIN } from "./dns-names";
import { chartSource } from "./chart-source";
import { imageReference } from "./image-reference";
import { namespace } from "./namespace-settings";
import { resources } from "./pod-settings";
import {
  choice,
  field,
  flag,
  freeForm,
  list,
  map,
  object,
  refuse,
  refuseAs,
  text,
  withDefault,
} from "./fields";
import { duration, integer, numeric, percent, quantity } from "./number-fields";

const enabled = withDefault(
  flag({ description: "Whether it is installed; the block alone says so too." }),
  true,
);

const charts = chartSource("the chart", "https://charts.example.com");

const chartVersion = text(/^\d+\.\d+\.\d+$/, 'a chart version such as "29.27.0"', {
  description: "Version of the chart; the component's own choice when absent.",
  example: "1.2.3",
});

const image = field(
  (value) => {
    const { name, tag, digest } = (typeof value === "string" ? imageReference(value) : undefined) ?? {};
    if (name === undefined) return refuse();
    if (digest !== undefined)
      return refuseAs(
        "valueRefused",
        { allowed: "an image with a tag and without a digest" },
        ...(tag === undefined ? [] : [{ set: `${name}:${tag}` }]),
      );
    return tag === undefined ? refuse() : { repository: name, tag };
  },
  {
    title: "an image with a tag, such as registry.example.com/prometheus:v3.14.0",
    type: "string",
    description: "Image; the chart's own when absent.",
    example: "registry.example.com/image:1.0.0",
  },
);

/** What everything that is installed by a chart has. */
const installed = (name: string) => ({
  enabled,
  namespace: namespace("Where it runs.", name),
  version: chartVersion.exactOptional(),
  charts: charts.exactOptional(),
  image: image.exactOptional(),
  resources: resources.exactOptional(),
  values: freeForm(
    "Helm values that are merged last over everything this program decides. Not checked.",
  ).exactOptional(),
});

const volume = {
  size: quantity("storage", { description: "Size of the persistent volume.", example: "10Gi" }),
  storageClass: text(SUBDOMAIN, "the name of a StorageClass", {
    description: "Class of the volume; the cluster's default when absent.",
    example: "standard",
  }).exactOptional(),
};

/** Percent of the requests that keep a promise. */
const objective = (description: string, example: number) =>
  withDefault(
    field(
      (value) => {
        const n = numeric(value);
        if (n !== undefined && n >= 95 && n < 100) return n;
        return n !== undefined && n < 95 ? refuseAs("objectiveTooLow", {}) : refuse();
      },
      {
        title: "a number from 95 to below 100",
        type: ["number", "string"],
        minimum: 95,
        exclusiveMaximum: 100,
        description,
        example,
      },
    ),
    example,
  );

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
};
const authorities = (description: string) =>
  field(
    (value) => {
      const written = typeof value === "string" ? value.trim() : "";
      // Never the value: whoever mistakes a private key for a certificate shall not find it in a log.
      if (written.includes("PRIVATE KEY-----")) {
        return refuseAs("certificatePrivate", {});
      }
      const found = written.match(CERTIFICATE) ?? [];
      if (found.length > 0 && found.every(isCertificate) && written.replace(CERTIFICATE, "").trim() === "")
        return `${written}\n`;
      return refuseAs("certificateUnreadable", {});
    },
    {
      title: "certificates in PEM (-----BEGIN CERTIFICATE-----), one after the other",
      type: "string",
      description,
    },
  );

const searchStore = object(
  {
    url: field(
      (value) => {
        if (typeof value !== "string") return refuse();
        // A password must not end in a report.
        if (/^[a-z]+:\/\/[^/]*@/.test(value)) return refuseAs("urlWithLogin", {});
        return /^https?:\/\/[^\s/]+(\/\S*)?$/.test(value) ? value : refuse();
      },
      {
        title: "an http or https URL without a login",
        type: "string",
        pattern: "^https?://[^\\s/@]+(/\\S*)?$",
        description: "Where it listens.",
        example: "https://search.example.com:9200",
      },
    ),
    credentials: text(SUBDOMAIN, "the name of a Kubernetes Secret", {
      description: "Secret in Jaeger's namespace with keys `username` and `password`.",
      example: "search-login",
    }).exactOptional(),
    ca: authorities(
      "Authorities that may have issued its certificate, with an https URL. Default: the public ones, as Jaeger's image has them.",
    ).exactOptional(),
  },
  "A search store for traces.",
);

const collector = object(
  {
    host: text(
      HOST_OR_ADDRESS,
      "a host name: service.namespace.svc.cluster.local, or one outside the cluster, or an IP address",
      {
        description:
          "Service of the cluster by its whole name, or a host or IP address outside, which the mesh gets to know by a ServiceEntry.",
        example: "collector.observability.svc.cluster.local",
      },
      hostOf,
    ),
    port: integer(1, 65_535, {
      description: "Port; the provider's usual one when absent.",
      example: 4317,
    }).exactOptional(),
    tls: flag({
      description:
        "Whether proxies speak TLS to a host outside the cluster and check its certificate. Default true; to an IP address only false is possible.",
      example: true,
    }).exactOptional(),
    ca: authorities(
      "Authorities that may have issued the collector's certificate, with TLS. Default: the public ones, as the proxy's image has them.",
    ).exactOptional(),
  },
  "Where to send.",
);

const HEADER = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const header = field(
  (value) => {
    const name = typeof value === "string" ? value.toLowerCase() : "";
    if (SECRET_HEADERS.includes(name)) return refuseAs("tagHeaderSecret", {});
    return HEADER.test(name) ? name : refuse();
  },
  {
    title: "the name of a request header",
    type: "string",
    description: "Request header whose value becomes the tag.",
    example: "x-tenant",
  },
);

const plain = (description: string, example: string) =>
  text(/^\S(.*\S)?$/, "text that is not empty", { description, example });

/** A CEL expression with its literals blanked, and `a['b']` as `a.b`. */
const bare = (expression: string): string =>
  expression
    .replace(/\s*\[\s*(['"])([^'"]*)\1\s*\]/g, ".$2")
    .replace(/'[^']*'|"[^"]*"/g, "''")
    .replace(/\s*\.\s*/g, ".");
const SECRET_ATTRIBUTE = new RegExp(`\\bheaders\\.(${SECRET_HEADERS.join("|")})(?![\\w-])`, "i");
/** An attribute with unbounded values, unless it is compared with something: that has two. */
const UNBOUNDED =
  /(?<![=!<>]\s*)\b(request\.(path|url_path|query|id|time|duration|size|total_size|referer|useragent)\b|request\.headers\.(:path|user-agent|referer|traceparent|x-b3-traceid|x-envoy-original-path|x-forwarded-for|x-request-id)(?![\w-])|connection\.id\b|(source|destination)\.(address|port)\b|response\.(size|total_size)\b)(?!\s*([=!<>]|\.(startsWith|endsWith|contains|matches)\())/i;

const metricTag = field(
  (value) => {
    const expression = typeof value === "string" ? value.trim() : "";
    if (SECRET_ATTRIBUTE.test(bare(expression))) return refuseAs("tagAttributeSecret", {});
    if (UNBOUNDED.test(bare(expression))) return refuseAs("tagAttributeUnbounded", {});
    return expression === "" ? refuse() : expression;
  },
  {
    title: "a CEL expression",
    type: "string",
    description: "CEL expression over Envoy's attributes.",
    example: "request.method",
  },
);

const tags = map(
  { pattern: /^[A-Za-z_][\w.-]*$/, allowed: 'letters, digits, "_", "." and "-"', of: "tag" },
  object(
    {
      value: plain("Fixed value.", "production").exactOptional(),
      header: header.exactOptional(),
      environment: text(/^[A-Za-z_]\w*$/, "the name of an environment variable", {
        description: "Environment variable of the proxy whose value becomes the tag.",
        example: "POD_NAME",
      }).exactOptional(),
      default: plain("Value where header or variable is absent.", "unknown").exactOptional(),
    },
    "A tag: one of `value`, `header` and `environment`.",
  ),
  "Name → tag of every span.",
);

const sampling = percent({
  description: "Percent of the requests that start a trace. 0 reports nothing, whatever a caller asks for.",
  example: 10,
});

const WITHIN = ["10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2.5s", "5s", "10s"] as const;

const within = field(
  (value) => {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(typeof value === "string" ? value : "") ?? [];
    const ms = Number(amount) * (unit === "s" ? 1000 : 1);
    if (LATENCY_BUCKETS_MS.includes(ms)) return ms;
    const above = WITHIN.find((bound) => parseFloat(bound) * (bound.endsWith("ms") ? 1 : 1000) >= ms);
    return refuseAs("latencyBoundUnknown", {}, ...(above === undefined ? [] : [{ set: above }]));
  },
  {
    title: WITHIN.join(", "),
    enum: WITHIN,
    description: "A bound of the latency histogram.",
    example: "500ms",
  },
);

const windows = (long: string, short: string, [longDefault, shortDefault]: readonly [number, number]) =>
  object(
    {
      long: withDefault(
        duration("seconds", 10_000, 30 * 86_400_000, {
          description: "The long window.",
          range: 'from "10s" to "720h"',
          example: long,
        }),
        longDefault,
        long,
      ),
      short: withDefault(
        duration("seconds", 5000, 86_400_000, {
          description: "The short window: how soon an alert ends.",
          range: 'from "5s" to "24h"',
          example: short,
        }),
        shortDefault,
        short,
      ),
    },
    "Windows of a burn rate.",
  ).prefault({});

/** The block `observability` of a stack file. */
export const observability = object(
  {
    prometheus: object(
      {
        ...installed("prometheus"),
        retention: withDefault(
          text(/^[1-9]\d*[hdwy]$/, 'a time such as "12h", "15d" or "4w"', {
            description: "How long samples are kept.",
            example: "15d",
          }),
          "15d",
        ),
        storage: object(
          volume,
          "A persistent volume, of which samples take four fifths at most; without one they are lost with the pod.",
        ).exactOptional(),
        interval: withDefault(
          duration("seconds", 1000, 300_000, {
            description: "Time between two scrapes of a target and two evaluations of a rule.",
            range: 'from "1s" to "5m"',
            example: "15s",
          }),
          15,
          "15s",
        ),
      },
      "Prometheus, with recording rules and alerts for every version; not installed when absent.",
    ).exactOptional(),
    jaeger: object(
      {
        ...installed("jaeger"),
        memory: object(
          {
            maxTraces: integer(1, 10_000_000, {
              description: "Traces that are kept; the oldest go first.",
              example: 50_000,
            }),
          },
          "Keep traces in memory: the default, with 50000 traces.",
        ).exactOptional(),
        badger: object(
          {
            ...volume,
            keep: withDefault(
              duration("seconds", 3_600_000, 365 * 86_400_000, {
                description: "How long a trace is kept, in whole hours.",
                range: 'from "1h" to "8760h"',
                example: "72h",
              }),
              72 * 3600,
              "72h",
            ),
          },
          "Keep traces in files on a persistent volume.",
        ).exactOptional(),
        elasticsearch: searchStore.exactOptional(),
        opensearch: searchStore.exactOptional(),
      },
      "Jaeger; not installed when absent.",
    ).exactOptional(),
    tracing: object(
      {
        provider: withDefault(
          choice(["jaeger", "zipkin", "datadog", "lightstep", "otlp", "none"], {
            description: "Who gets the spans of the proxies.",
          }),
          "none",
        ),
        sampling: withDefault(sampling, 1),
        collector: collector.exactOptional(),
        token: object(
          {
            secret: text(SUBDOMAIN, "the name of a Kubernetes Secret", {
              description: "Secret in the control plane's namespace.",
              example: "tracing-token",
            }),
            key: withDefault(
              text(/^[\w.-]{1,253}$/, "a key of a Secret", { description: "Key in it.", example: "token" }),
              "token",
            ),
            header: text(HEADER, "the name of a header, in lower case", {
              description:
                "Header that carries it, as it is written in the Secret. Default: lightstep-access-token for lightstep, else authorization.",
              example: "x-token",
            }).exactOptional(),
          },
          "Access token for the collector, with lightstep (needed) and otlp.",
        ).exactOptional(),
        tags: tags.exactOptional(),
        namespaces: map(
          { pattern: LABEL, allowed: LABEL_RULE, of: "namespace" },
          object(
            { sampling: sampling.exactOptional(), tags: tags.exactOptional() },
            "What is different in a namespace.",
          ),
          "Namespace → what is different there. A request's trace starts at the first proxy, most often the gateway in `istio-ingress`.",
        ).exactOptional(),
      },
      "Traces of requests through the proxies.",
    ).exactOptional(),
    accessLogs: object(
      {
        enabled: withDefault(
          flag({ description: "Whether proxies log; the block alone says so too." }),
          true,
        ),
        encoding: withDefault(
          choice(["json", "text"], { description: 'An object or `field="value"` pairs for each request.' }),
          "json",
        ),
        fields: list(
          choice(Object.keys(ACCESS_LOG_FIELDS) as AccessLogField[], {
            description: "A field of a line.",
          }),
          "a list of fields",
          "Fields of a line. Default: what tells a failure from its cause, and nothing of the client.",
        ).exactOptional(),
        errors: withDefault(
          flag({
            description:
              "Log requests answered with 400 and more, or not at all, and TCP connections that failed. With slowerThan either is enough; without both everything is logged.",
          }),
          false,
        ),
        slowerThan: duration("milliseconds", 1, 3_600_000, {
          description: "Log requests that took at least this long.",
          range: 'from "1ms" to "1h"',
          example: "500ms",
        }).exactOptional(),
        versions: list(
          text(LABEL, LABEL_RULE, { description: "A version.", example: "v2" }),
          "a list of versions",
          "Log requests to these versions only.",
        ).exactOptional(),
        collector: collector.exactOptional(),
      },
      "Access logs of the proxies, on their standard output, or by OTLP to a collector.",
    ).exactOptional(),
    metrics: object(
      {
        source: withDefault(
          choice(["istio", "envoy"], {
            description:
              "Which series rules and dashboards read: Istio's metrics, or Envoy's own for proxies without Istio's filters.",
          }),
          "istio",
        ),
        tags: map(
          { pattern: /^[a-z_][a-z0-9_]*$/, allowed: 'lowercase letters, digits and "_"', of: "tag" },
          metricTag,
          "Tag → CEL expression; added to every metric of Istio, or overriding one. Never one with many values, such as a path.",
        ).exactOptional(),
        remove: list(
          text(/^[a-z_][a-z0-9_]*$/, "a tag", { description: "A tag.", example: "source_principal" }),
          "a list of tags",
          "Tags that every metric of Istio loses.",
        ).exactOptional(),
        disable: list(
          choice(ISTIO_METRICS, { description: "A metric of Istio." }),
          "a list of metrics",
          "Metrics of Istio that are not made.",
        ).exactOptional(),
        operations: list(
          object(
            {
              name: text(LABEL, LABEL_RULE, { description: "Name of the class.", example: "list" }),
              method: text(
                /^[A-Z]+$/,
                "an HTTP method in capitals",
                {
                  description: "Method; any when absent.",
                  example: "GET",
                },
                (written) => written.toUpperCase(),
              ).exactOptional(),
              exact: text(/^\/[^\s?#]*$/, 'a path that begins with "/", without query', {
                description: "Path.",
                example: "/api/v1/category",
              }).exactOptional(),
              prefix: text(/^\/[^\s?#]*$/, 'a path that begins with "/", without query', {
                description: "Beginning of the path.",
                example: "/api/v1/category/",
              }).exactOptional(),
            },
            "Requests of one class: by exact or prefix, and method.",
          ),
          "a list of operations",
          "Classes of requests, the first that fits; their name is tag request_operation of counts and durations.",
        ).exactOptional(),
      },
      "The metrics of the proxies.",
    ).prefault({}),
    objectives: object(
      {
        availability: objective(
          "Percent of the requests to each version that do not fail (status below 500).",
          99.9,
        ),
        latency: object(
          {
            within: withDefault(within, 500, "500ms"),
            percent: objective("Percent of the requests to each version that are answered within it.", 99),
          },
          "How fast.",
        ).prefault({}),
        fast: windows("1h", "5m", [3600, 300]),
        slow: windows("6h", "30m", [21_600, 1800]),
      },
      "What each version promises; alerts fire when both windows burn the error budget 14.4 times (fast) or 6 times (slow) too fast.",
    ).prefault({}),
    dashboards: withDefault(
      flag({
        description:
          "Whether Grafana dashboards are written as ConfigMaps labelled grafana_dashboard, in namespace `grafana-dashboards`.",
      }),
      false,
    ),
    grafana: object(
      installed("grafana"),
      "Grafana with the dashboards; not installed when absent. Needs `prometheus`.",
    ).exactOptional(),
  },
  "Metrics, traces, access logs, alerts and dashboards. Nothing of it is on unless its block is there.",
);

type Written = z.output<typeof observability>;

/** The settings of observability, as components take them. What is absent is off. */
export interface ObservabilitySettings {
  readonly prometheus?: Omit<PrometheusArgs, "rules">;
  readonly jaeger?: JaegerArgs;
  readonly tracing?: Tracing;
  readonly accessLogs?: AccessLogs;
  readonly metrics: { readonly source: MetricsSource; readonly customization: MetricCustomization };
  readonly objectives: Pick<VersionRulesArgs, "objective"> &
    Required<Pick<VersionRulesArgs, "fast" | "slow">>;
  readonly dashboards: boolean;
  readonly grafana?: ChartReleaseArgs;
}

/** What the block says, with what follows from it filled in. */
export function observabilitySettings(o: Written): ObservabilitySettings {
  const { source, ...customization } = o.metrics;
  const { availability, latency, fast, slow } = o.objectives;
  return {
    ...(o.prometheus?.enabled && { prometheus: prometheusSettings(o.prometheus) }),
    ...(o.jaeger?.enabled && { jaeger: jaegerSettings(o.jaeger) }),
    ...(o.tracing &&
      o.tracing.provider !== TracingProvider.none && {
        tracing: tracingSettings(o.tracing, o.jaeger?.namespace.name),
      }),
    ...(o.accessLogs?.enabled && { accessLogs: accessLogSettings(o.accessLogs) }),
    metrics: {
      source,
      customization: {
        ...customization,
        ...(customization.operations && {
          operations: customization.operations.map(({ exact, prefix, ...rest }) => ({
            ...rest,
            path: exact === undefined ? { prefix: prefix ?? "/" } : { exact },
          })),
        }),
      } as MetricCustomization,
    },
    objectives: {
      objective: {
        availability,
        latency: { withinMs: latency.within, percent: latency.percent },
      },
      fast,
      slow,
    },
    dashboards: o.dashboards || o.grafana?.enabled === true,
    ...(o.grafana?.enabled && { grafana: without(o.grafana, "enabled") }),
  };
}

function prometheusSettings(p: NonNullable<Written["prometheus"]>): Omit<PrometheusArgs, "rules"> {
  const { interval, ...rest } = without(p, "enabled");
  return { ...rest, intervalSeconds: interval };
}

function jaegerSettings(j: NonNullable<Written["jaeger"]>): JaegerArgs {
  const { memory, badger, elasticsearch, opensearch, ...rest } = without(j, "enabled");
  const storage: JaegerStorage | undefined = memory
    ? { memory }
    : badger
      ? { badger: { ...(without(badger, "keep") as Storage), hours: badger.keep / 3600 } }
      : elasticsearch
        ? { elasticsearch }
        : opensearch
          ? { opensearch }
          : undefined;
  return { ...rest, ...(storage && { storage }) };
}

function tracingSettings(t: NonNullable<Written["tracing"]>, jaegerNamespace: string | undefined): Tracing {
  const { provider, collector: given, token, tags: own, namespaces, ...rest } = t;
  const ports = provider === "none" ? 0 : TRACING_PORTS[provider];
  const jaeger = jaegerCollectors(jaegerNamespace);
  const address = given
    ? { port: ports, ...given }
    : provider === "lightstep"
      ? { host: "ingest.lightstep.com", port: ports }
      : provider === "zipkin"
        ? jaeger.zipkin
        : jaeger.otlp;
  return {
    provider,
    ...rest,
    collector: address,
    ...(token && {
      token: { name: token.secret, key: token.key },
      ...(token.header !== undefined && { tokenHeader: token.header }),
    }),
    ...(own && { tags: own as Record<string, TraceTag> }),
    ...(namespaces && { namespaces: namespaces as NonNullable<Tracing["namespaces"]> }),
  };
}

function accessLogSettings(a: NonNullable<Written["accessLogs"]>): AccessLogs {
  const { slowerThan, collector: given, ...rest } = without(a, "enabled");
  return {
    ...rest,
    ...(slowerThan !== undefined && { slowerThanMs: slowerThan }),
    ...(given && { collector: { port: 4317, ...given } }),
  };
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const rest = { ...value };
  Reflect.deleteProperty(rest, key);
  return rest;
}
