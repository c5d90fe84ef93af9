/** Tracing of a mesh, as Istio's extension provider and Telemetry spec. */
import { defined } from "../istio/without-undefined";
import type { Tracing as TracingSpec } from "../istio/telemetry";
import { collectorAccess, collectorAddress, type Collector, type CollectorAccess } from "./collector";

/** The receiver of the proxies' spans, and the protocol. */
export const TracingProvider = {
  /** Jaeger, with OTLP over gRPC. */
  jaeger: "jaeger",
  /** A receiver of Zipkin's JSON (version 2) over HTTP. Trace contexts are B3 and W3C headers. */
  zipkin: "zipkin",
  /** A Datadog agent. */
  datadog: "datadog",
  /** LightStep (ServiceNow Cloud Observability), with OTLP over gRPC and an access token. */
  lightstep: "lightstep",
  /** A receiver of OTLP over gRPC, such as an OpenTelemetry collector. */
  otlp: "otlp",
  /** No tracing by the proxies. */
  none: "none",
} as const;
export type TracingProvider = (typeof TracingProvider)[keyof typeof TracingProvider];

/** Default port of a provider. */
export const TRACING_PORTS: Readonly<Record<Exclude<TracingProvider, "none">, number>> = {
  jaeger: 4317,
  zipkin: 9411,
  datadog: 8126,
  lightstep: 443,
  otlp: 4317,
};

/** A tag of every span: a fixed value, a request header, or an environment variable of the proxy. */
export type TraceTag =
  | { readonly value: string }
  | { readonly header: string; readonly default?: string }
  | { readonly environment: string; readonly default?: string };

/** A key of a Kubernetes Secret. */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** Sampling and tags of the spans of a mesh or a namespace. */
export interface TraceSampling {
  /** Percent of the requests that start a trace, 0 to 100. With 0 no span is reported, even if a caller requests it. */
  readonly sampling?: number;
  /** Name → tag. The tags of a namespace replace those of the mesh as a whole. */
  readonly tags?: Readonly<Record<string, TraceTag>>;
}

export interface Tracing extends TraceSampling {
  readonly provider: TracingProvider;
  readonly collector?: Collector;
  /** Secret in the control plane's namespace with the access token, for LightStep and OTLP. */
  readonly token?: SecretKey;
  /** Header with the token. Default: `lightstep-access-token` for LightStep, otherwise `authorization`. */
  readonly tokenHeader?: string;
  /** Namespace → sampling and tags that differ from those of the mesh. */
  readonly namespaces?: Readonly<Record<string, TraceSampling>>;
}

/** An entry of `meshConfig.extensionProviders`: `name` and the provider's own key. */
export type ExtensionProvider = { readonly name: string } & Readonly<Record<string, unknown>>;

/** An environment variable of istiod from a Secret (Kubernetes: EnvVar). */
export interface SecretVariable {
  readonly name: string;
  readonly valueFrom: {
    readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional: true };
  };
}

/** The Istio configuration for tracing. */
export interface TracingPlan {
  readonly extensionProvider: ExtensionProvider;
  /** Environment variables of istiod that the provider reads. */
  readonly variables: readonly SecretVariable[];
  readonly access?: CollectorAccess;
  /** Entry of the mesh's Telemetry object. */
  readonly mesh: TracingSpec;
  /** Namespace → entry of its Telemetry object. */
  readonly namespaces: Readonly<Record<string, TracingSpec>>;
}

/** Headers that may not be in a span or a log line. */
export const SECRET_HEADERS: readonly string[] = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-auth-token",
  "lightstep-access-token",
  "dd-api-key",
];

/** Replaces Envoy's tag, which has the query, since clients may put secrets into queries. Proxies before 1.29 ignore it. */
const URL_WITHOUT_QUERY = {
  "http.url": { formatter: { value: "%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%PATH(NQ)%" } },
} as const;

const PROVIDER_NAME = "tracing";
/** istiod reads the header's value from this variable, so that no ConfigMap, chart value or state contains the token. */
const TOKEN_VARIABLE = "TRACING_ACCESS_TOKEN";

/**
 * The tracing of a mesh; empty for `none`.
 *
 * Telemetry objects select the provider. `meshConfig.defaultProviders` is not used, since any entry in it removes the default
 * provider of metrics (istio/istio #51384). A sampling of 0 becomes `disableSpanReporting`: the chart reads
 * `traceSampling: 0` as an absent value, and a random share of 0 would still report traces that a caller requests.
 *
 * @throws RangeError if the provider needs a collector and has none, or one at an IP address with TLS.
 */
export function planTracing(tracing: Tracing): TracingPlan | undefined {
  const { provider, collector, token } = tracing;
  if (provider === TracingProvider.none) return undefined;
  if (!collector) throw new RangeError(`tracing by ${provider} needs a collector`);
  const access = collectorAccess(
    collector,
    provider === "zipkin" || provider === "datadog" ? "HTTP" : "GRPC",
  );
  return {
    extensionProvider: { name: PROVIDER_NAME, ...providerConfig(tracing, collector) },
    variables: token
      ? [
          {
            name: TOKEN_VARIABLE,
            // Optional, so that istiod starts without the Secret; only the spans are missing then.
            valueFrom: { secretKeyRef: { ...token, optional: true } },
          },
        ]
      : [],
    access,
    mesh: {
      providers: [{ name: PROVIDER_NAME }],
      ...sampled({ sampling: 1, tags: {}, ...defined(tracing) }),
    },
    namespaces: Object.fromEntries(
      Object.entries(tracing.namespaces ?? {}).map(([namespace, own]) => [namespace, sampled(own)]),
    ),
  };
}

function providerConfig(tracing: Tracing, collector: Collector): Record<string, unknown> {
  const address = collectorAddress(collector);
  const { provider, token, tokenHeader } = tracing;
  switch (provider) {
    case "zipkin":
      // With only B3, a service that forwards W3C headers, as most do, would interrupt the trace.
      return { zipkin: { ...address, traceContextOption: "USE_B3_WITH_W3C_PROPAGATION" } };
    case "datadog":
      return { datadog: address };
    default: {
      const name = tokenHeader ?? (provider === "lightstep" ? "lightstep-access-token" : "authorization");
      return {
        opentelemetry: {
          ...address,
          ...(token && { grpc: { timeout: "5s", initialMetadata: [{ name, envName: TOKEN_VARIABLE }] } }),
        },
      };
    }
  }
}

function sampled({ sampling, tags }: TraceSampling): TracingSpec {
  return {
    ...(sampling !== undefined && {
      disableSpanReporting: sampling === 0,
      randomSamplingPercentage: sampling,
    }),
    ...(tags && {
      customTags: {
        ...URL_WITHOUT_QUERY,
        ...Object.fromEntries(Object.entries(tags).map(([name, tag]) => [name, customTag(tag)])),
      },
    }),
  };
}

function customTag(tag: TraceTag): NonNullable<TracingSpec["customTags"]>[string] {
  if ("value" in tag) return { literal: { value: tag.value } };
  const fallback = tag.default === undefined ? {} : { defaultValue: tag.default };
  return "header" in tag
    ? { header: { name: tag.header, ...fallback } }
    : { environment: { name: tag.environment, ...fallback } };
}
