/** Which tracing a mesh has, worked out as Istio's extension provider and Telemetry spec. */
import { defined } from "../istio/defined";
import type { Tracing as TracingSpec } from "../istio/telemetry";
import { collectorAccess, collectorAddress, type Collector, type CollectorAccess } from "./collector";

/** Who gets the spans of the proxies, and how. */
export const TracingProvider = {
  /** Jaeger, by OTLP over gRPC. */
  jaeger: "jaeger",
  /** Anything that takes Zipkin's JSON (version 2) over HTTP; contexts travel as B3 and W3C headers. */
  zipkin: "zipkin",
  /** A Datadog agent. */
  datadog: "datadog",
  /** LightStep (ServiceNow Cloud Observability): OTLP over gRPC with an access token. */
  lightstep: "lightstep",
  /** Anything that takes OTLP over gRPC, such as an OpenTelemetry collector. */
  otlp: "otlp",
  /** No tracing by the proxies. */
  none: "none",
} as const;
export type TracingProvider = (typeof TracingProvider)[keyof typeof TracingProvider];

/** Where a provider listens unless told otherwise. */
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

/** One key of a Kubernetes Secret. */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** Share of the requests and tags of the spans, for a mesh or a namespace. */
export interface TraceSampling {
  /** Percent of the requests that start a trace, 0 to 100. 0 reports nothing at all, whatever a caller asks for. */
  readonly sampling?: number;
  /** Name → tag. In a namespace they replace the mesh's as a whole. */
  readonly tags?: Readonly<Record<string, TraceTag>>;
}

export interface Tracing extends TraceSampling {
  readonly provider: TracingProvider;
  readonly collector?: Collector;
  /** Secret in the control plane's namespace with the access token; LightStep and OTLP. */
  readonly token?: SecretKey;
  /** Header that carries the token. Default: LightStep's `lightstep-access-token`, else `authorization`. */
  readonly tokenHeader?: string;
  /** Namespace → what is different there. */
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

/** What tracing takes. */
export interface TracingPlan {
  readonly extensionProvider: ExtensionProvider;
  /** Variables of istiod that the provider reads. */
  readonly variables: readonly SecretVariable[];
  readonly access?: CollectorAccess;
  /** Entry of the mesh's Telemetry object. */
  readonly mesh: TracingSpec;
  /** Namespace → entry of its Telemetry object. */
  readonly namespaces: Readonly<Record<string, TracingSpec>>;
}

/** Headers that must not end in a span or a log line. */
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

/** Envoy's own tag has the query, and clients put into queries what must not be shown. Proxies before 1.29 leave this out. */
const URL_WITHOUT_QUERY = {
  "http.url": { formatter: { value: "%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%PATH(NQ)%" } },
} as const;

const PROVIDER_NAME = "tracing";
/** istiod puts the value of this variable into the header, so that the token is in no ConfigMap, chart value or state. */
const TOKEN_VARIABLE = "TRACING_ACCESS_TOKEN";

/**
 * The tracing of a mesh; nothing for `none`.
 *
 * The provider is chosen by Telemetry objects and never by `meshConfig.defaultProviders`, where any entry takes away the
 * default provider of metrics (istio/istio #51384). A sampling of 0 becomes `disableSpanReporting`: the chart takes
 * `traceSampling: 0` for an absent value, and a random share of 0 would still report what a caller asks for.
 *
 * @throws RangeError when the provider needs a collector and has none, or one at an IP address with TLS.
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
            // Optional: a Secret that is not there yet costs the spans, never istiod.
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
      // With B3 alone a service that forwards W3C headers, as most do today, would break the trace.
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
