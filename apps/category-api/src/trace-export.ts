import type { Tracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

/** Time limit to send the last spans when the service stops, in milliseconds. */
const FLUSH_TIMEOUT = 1000;

/** Sends spans to a collector. Spans that cannot be sent in time are dropped, so requests never wait. */
export class TraceExport {
  private readonly provider: BasicTracerProvider;
  readonly tracer: Tracer;

  /** Reads endpoint, headers, sampler, limits and resource from OpenTelemetry's environment variables. */
  constructor(version: string) {
    const resource = defaultResource()
      .merge(resourceFromAttributes({ "service.name": "category", "service.version": version }))
      .merge(detectResources({ detectors: [envDetector] }));
    this.provider = new BasicTracerProvider({
      resource,
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    });
    this.tracer = this.provider.getTracer("category-api");
  }

  /** Sends the last spans within a time limit. */
  async close(): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      limit = setTimeout(resolve, FLUSH_TIMEOUT);
    });
    await Promise.race([this.provider.shutdown().catch(() => undefined), late]);
    clearTimeout(limit);
  }
}
