import type { Tracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

/** How long the last spans may take to leave when the service ends, in milliseconds. */
const FLUSH_TIMEOUT = 1000;

/** Spans on their way to a collector. What cannot be sent in time is dropped: requests never wait for it. */
export class TraceExport {
  private readonly provider: BasicTracerProvider;
  readonly tracer: Tracer;

  /** Endpoint, headers, sampler, limits and resource are OpenTelemetry's variables, read from the process's environment. */
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

  /** Sends the last spans, unless that takes too long. */
  async close(): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      limit = setTimeout(resolve, FLUSH_TIMEOUT);
    });
    await Promise.race([this.provider.shutdown().catch(() => undefined), late]);
    clearTimeout(limit);
  }
}
