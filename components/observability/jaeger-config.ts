/** Jaeger's configuration file: storage and ports. */
import type { HelmValues } from "../kubernetes/helm-chart";
import type { Collector } from "./collector";
import type { Storage } from "./prometheus";

/** Name of the release, of its Service and, by default, of its namespace. */
export const JAEGER_NAME = "jaeger";
/** Mount path of the volume for Badger. */
export const BADGER_FOLDER = "/badger";

/** An Elasticsearch or OpenSearch server. */
export interface SearchStore {
  readonly url: string;
  /** Secret in Jaeger's namespace with keys `username` and `password`. Default: no login. */
  readonly credentials?: string;
  /** With an https URL: PEM certificates of the authorities for the server's certificate. Default: the public authorities. */
  readonly ca?: string;
}

/** Storage of the traces: exactly one of these. */
export type JaegerStorage =
  /** In memory. The oldest traces are removed first, and all are lost with the pod. */
  | { readonly memory: { readonly maxTraces: number } }
  /** In files on a persistent volume, for the given number of hours. */
  | { readonly badger: Storage & { readonly hours: number } }
  | { readonly elasticsearch: SearchStore }
  | { readonly opensearch: SearchStore };

/** The addresses for spans of the component Jaeger: OTLP over gRPC, and Zipkin. They are plain, since the plan of the mesh needs them. */
export function jaegerCollectors(namespace: string = JAEGER_NAME): {
  readonly otlp: Collector;
  readonly zipkin: Collector;
} {
  const host = `${JAEGER_NAME}.${namespace}.svc.cluster.local`;
  return { otlp: { host, port: 4317 }, zipkin: { host, port: 9411 } };
}

/** Jaeger's configuration (Jaeger docs, "Configuration"), which replaces that of the chart as a whole. */
export function jaegerConfig(storage: JaegerStorage): HelmValues {
  const every = (port: number) => ({ endpoint: `0.0.0.0:${port}` });
  return {
    service: {
      extensions: ["healthcheckv2", "jaeger_storage", "jaeger_query"],
      pipelines: {
        traces: {
          receivers: ["otlp", "zipkin"],
          processors: ["batch"],
          exporters: ["jaeger_storage_exporter"],
        },
      },
      telemetry: {
        metrics: {
          level: "normal",
          readers: [{ pull: { exporter: { prometheus: { host: "0.0.0.0", port: 8888 } } } }],
        },
      },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: every(13133) },
      jaeger_storage: { backends: { traces: backend(storage) } },
      jaeger_query: { storage: { traces: "traces" }, http: every(16686), grpc: every(16685) },
    },
    receivers: { otlp: { protocols: { grpc: every(4317), http: every(4318) } }, zipkin: every(9411) },
    processors: { batch: {} },
    exporters: { jaeger_storage_exporter: { trace_storage: "traces" } },
  };
}

function backend(storage: JaegerStorage): HelmValues {
  if ("memory" in storage) return { memory: { max_traces: storage.memory.maxTraces } };
  if ("badger" in storage) {
    return {
      badger: {
        ephemeral: false,
        directories: { keys: `${BADGER_FOLDER}/keys`, values: `${BADGER_FOLDER}/values` },
        ttl: { spans: `${storage.badger.hours}h` },
      },
    };
  }
  const [kind, { url, credentials, ca }] =
    "elasticsearch" in storage
      ? (["elasticsearch", storage.elasticsearch] as const)
      : (["opensearch", storage.opensearch] as const);
  return {
    [kind]: {
      server_urls: [url],
      ...(ca !== undefined && { tls: { ca_pem: ca } }),
      ...(credentials !== undefined && {
        auth: { basic: { username: "${env:STORE_USERNAME}", password: "${env:STORE_PASSWORD}" } },
      }),
    },
  };
}
