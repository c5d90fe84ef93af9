import { istioObject } from "./custom-resource";

/** An extension provider of the mesh, by name. */
export interface ProviderRef {
  readonly name: string;
}

/** The spans that proxies report, and their collectors. */
export interface Tracing {
  readonly providers?: readonly ProviderRef[];
  /** Percent, 0 to 100. */
  readonly randomSamplingPercentage?: number;
  readonly disableSpanReporting?: boolean;
  readonly customTags?: Readonly<
    Record<
      string,
      | { readonly literal: { readonly value: string } }
      | { readonly formatter: { readonly value: string } }
      | { readonly header: { readonly name: string; readonly defaultValue?: string } }
      | { readonly environment: { readonly name: string; readonly defaultValue?: string } }
    >
  >;
}

/** The requests that proxies log, and the places of the logs. */
export interface AccessLogging {
  readonly providers: readonly ProviderRef[];
  /** CEL expression; requests for which it is true are logged. Default: all. */
  readonly filter?: { readonly expression: string };
}

/** A change of Istio's own metrics. */
export interface MetricsOverride {
  readonly match: { readonly metric: string; readonly mode?: "CLIENT" | "SERVER" };
  readonly disabled?: boolean;
  readonly tagOverrides?: Readonly<
    Record<
      string,
      { readonly operation: "UPSERT"; readonly value: string } | { readonly operation: "REMOVE" }
    >
  >;
}

export interface Metrics {
  readonly providers: readonly ProviderRef[];
  readonly overrides?: readonly MetricsOverride[];
}

/** telemetry.istio.io/v1 TelemetrySpec, the part that we write. */
export interface TelemetrySpec {
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly tracing?: readonly Tracing[];
  readonly accessLogging?: readonly AccessLogging[];
  readonly metrics?: readonly Metrics[];
}

/** The telemetry of the proxies of a mesh (in its root namespace), a namespace or a workload (Istio: Telemetry). */
export class Telemetry extends istioObject<TelemetrySpec>("telemetry.istio.io/v1", "Telemetry") {}
