import { isIP } from "node:net";
import { ISTIO_QUERIED } from "../../components/observability/queries";
import { TRACING_PORTS } from "../../components/observability/tracing";
import { isClusterService } from "../../components/traffic/outside-host";
import type { Finding, Path } from "./problem";
import type { PartialConfiguration } from "./rules";

/** Everything that is wrong between the settings of observability and with those of the rest. */
export function* observabilityFindings(c: PartialConfiguration): Generator<Finding> {
  const { prometheus, jaeger, tracing, accessLogs, metrics, objectives, grafana } = c.observability ?? {};
  const at = (...path: PropertyKey[]): Path => ["observability", ...path];
  const installs = (part: { readonly enabled?: boolean } | undefined): boolean =>
    part !== undefined && part.enabled !== false;

  const stores = (["memory", "badger", "elasticsearch", "opensearch"] as const).filter(
    (store) => jaeger?.[store] !== undefined,
  );
  if (stores.length > 1) {
    yield {
      path: at("jaeger"),
      found: stores.join(" and "),
      allowed: "one store for traces",
      repairs: stores.map((store) => ({ remove: at("jaeger", store) })),
    };
  }
  for (const kind of ["elasticsearch", "opensearch"] as const) {
    const { url, ca } = jaeger?.[kind] ?? {};
    if (ca === undefined || url?.startsWith("http:") !== true) continue;
    yield {
      path: at("jaeger", kind, "ca"),
      found: `ca with ${url}`,
      allowed: "ca with an https URL",
      repairs: [
        { at: at("jaeger", kind, "url"), set: url.replace("http:", "https:") },
        { remove: at("jaeger", kind, "ca") },
      ],
    };
  }
  if (jaeger?.badger?.keep !== undefined && jaeger.badger.keep % 3600 !== 0) {
    yield {
      path: at("jaeger", "badger", "keep"),
      found: `${jaeger.badger.keep} seconds`,
      allowed: "whole hours",
      repairs: [{ set: `${Math.ceil(jaeger.badger.keep / 3600)}h` }],
    };
  }

  const provider = tracing?.provider;
  if (tracing && provider !== undefined && provider !== "none") {
    const toJaeger = provider === "jaeger" || provider === "zipkin";
    if (!("collector" in tracing) && provider !== "lightstep" && !(toJaeger && installs(jaeger))) {
      yield {
        path: at("tracing", "collector"),
        found: "nothing",
        allowed: toJaeger
          ? `the address of a collector, because provider is ${provider} and Jaeger is not installed`
          : `the address of a collector, because provider is ${provider}`,
        repairs: [
          ...(toJaeger ? [{ at: at("jaeger", "enabled"), set: true }] : []),
          { at: at("tracing", "collector", "host"), set: "collector.example.com", example: true },
        ],
      };
    }
    if (provider === "lightstep" && !("token" in tracing)) {
      yield {
        path: at("tracing", "token"),
        found: "nothing",
        allowed: "the Secret with the access token, because provider is lightstep",
        repairs: [{ at: at("tracing", "token", "secret"), set: "tracing-token", example: true }],
      };
    }
    if (tracing.token !== undefined && provider !== "lightstep" && provider !== "otlp") {
      yield {
        path: at("tracing", "token"),
        found: `a token with provider ${provider}`,
        allowed: "a token with provider lightstep or otlp",
        repairs: [{ remove: at("tracing", "token") }],
      };
    }
  }
  if (Object.hasOwn(tracing?.namespaces ?? {}, "istio-system")) {
    const path = at("tracing", "namespaces", "istio-system");
    yield {
      path,
      found: "the namespace whose telemetry holds for the whole mesh",
      allowed: "other namespaces",
      hint: "that is tracing.sampling and tracing.tags themselves; of two Telemetry objects there Istio takes only one",
      repairs: [{ remove: path }],
    };
  }
  yield* tagFindings(at("tracing"), tracing);
  for (const [namespace, own] of Object.entries(tracing?.namespaces ?? {}))
    yield* tagFindings(at("tracing", "namespaces", namespace), own);
  for (const [path, address] of [
    [at("tracing", "collector"), tracing?.collector],
    [at("accessLogs", "collector"), accessLogs?.collector],
  ] as const) {
    if (address?.host === undefined) continue;
    for (const key of ["tls", "ca"] as const) {
      if (address[key] === undefined || !isClusterService(address.host)) continue;
      yield {
        path: [...path, key],
        found: `${key} for ${address.host}`,
        allowed: `${key} for a host outside the cluster only`,
        hint: "to a Service of the cluster proxies speak mutual TLS by themselves where it has a sidecar",
        repairs: [{ remove: [...path, key] }],
      };
    }
    if (address.ca !== undefined && address.tls === false) {
      yield {
        path: [...path, "ca"],
        found: "ca with tls: false",
        allowed: "ca where proxies speak TLS",
        repairs: [{ remove: [...path, "tls"] }, { remove: [...path, "ca"] }],
      };
    }
    if (address.tls !== false && isIP(address.host) > 0) {
      yield {
        path: [...path, "tls"],
        found: `TLS to ${address.host}`,
        allowed: "false, because the host is an IP address",
        hint: "proxies check a certificate by the name of its host; without TLS whoever is on the way sees spans, log lines and the token",
        repairs: [
          { at: [...path, "host"], set: "collector.example.com", example: true },
          { at: [...path, "tls"], set: false },
        ],
      };
    }
  }

  const [traces, logs] = [tracing?.collector, accessLogs?.collector];
  const port = provider === undefined || provider === "none" ? undefined : TRACING_PORTS[provider];
  if (
    traces?.host !== undefined &&
    traces.host === logs?.host &&
    (traces.port ?? port) === (logs.port ?? TRACING_PORTS.otlp) &&
    ((traces.tls ?? true) !== (logs.tls ?? true) || traces.ca !== logs.ca)
  ) {
    yield {
      path: at("accessLogs", "collector"),
      found: "another tls or ca than tracing.collector, of the same host and port",
      allowed: "the same tls and ca for the same host and port",
      repairs: [{ say: "write the same in both, in the stack file" }],
    };
  }

  const versions = Object.keys(c.category?.versions ?? {});
  // An entry that had a problem of its own is undefined.
  const logged: readonly (string | undefined)[] = accessLogs?.versions ?? [];
  for (const [i, version] of logged.entries()) {
    if (version === undefined || versions.length === 0 || versions.includes(version)) continue;
    yield {
      path: at("accessLogs", "versions", i),
      found: `the unknown version ${JSON.stringify(version)}`,
      allowed: versions.join(", "),
      repairs: [{ say: "correct the list in the stack file" }],
    };
  }

  const changes = (["tags", "remove", "disable", "operations"] as const).filter(
    (key) => metrics?.[key] !== undefined,
  );
  if (metrics?.source === "envoy" && changes.length > 0) {
    yield {
      path: at("metrics"),
      found: `${changes.join(", ")} with source envoy`,
      allowed: "changes of Istio's metrics with source istio",
      hint: "a proxy without Istio's filters refuses every listener that has one",
      repairs: changes.map((key) => ({ remove: at("metrics", key) })),
    };
  }
  const removed: readonly (string | undefined)[] = metrics?.remove ?? [];
  const twice = removed.find((tag) => tag !== undefined && Object.hasOwn(metrics?.tags ?? {}, tag));
  if (twice !== undefined) {
    yield {
      path: at("metrics", "remove"),
      found: `${twice}, which tags sets`,
      allowed: "a tag is set or removed",
      repairs: [{ remove: at("metrics", "tags", twice) }],
    };
  }
  const dashboards = c.observability?.dashboards === true || installs(grafana);
  if (metrics?.source !== "envoy" && (installs(prometheus) || dashboards)) {
    const removals = [
      ...ISTIO_QUERIED.tags.map((tag) =>
        Object.hasOwn(metrics?.tags ?? {}, tag) ? { key: "tags", name: tag } : { key: "remove", name: tag },
      ),
      ...ISTIO_QUERIED.metrics.map((name) => ({ key: "disable", name })),
    ];
    const listed: readonly (string | undefined)[] = [...removed, ...(metrics?.disable ?? [])];
    for (const { key, name } of removals) {
      if (key !== "tags" && !listed.includes(name)) continue;
      const path = key === "tags" ? at("metrics", key, name) : at("metrics", key);
      yield {
        path,
        found: `${name}, which rules and dashboards read`,
        allowed:
          key === "disable"
            ? `metrics other than ${ISTIO_QUERIED.metrics.join(", ")}`
            : `tags other than ${ISTIO_QUERIED.tags.join(", ")}`,
        hint: "alerts would see nothing, and not fire",
        repairs:
          key === "tags" ? [{ remove: path }] : [{ say: `take ${name} out of the list in the stack file` }],
      };
    }
  }
  const operations: readonly (Readonly<Record<string, unknown>> | undefined)[] = metrics?.operations ?? [];
  for (const [i, operation] of operations.entries()) {
    const paths = ["exact", "prefix"].filter((key) => key in (operation ?? {}));
    if (operation === undefined || paths.length === 1) continue;
    yield {
      path: at("metrics", "operations", i),
      found: paths.length === 0 ? "neither exact nor prefix" : "both exact and prefix",
      allowed: "one of exact and prefix",
      repairs: [{ say: "correct the list in the stack file" }],
    };
  }

  for (const speed of ["fast", "slow"] as const) {
    const { long, short } = objectives?.[speed] ?? {};
    if (long === undefined || short === undefined) continue;
    if (short >= long) {
      yield {
        path: at("objectives", speed),
        found: `short ${short} s, long ${long} s`,
        allowed: "a short window that is shorter than the long one",
        repairs: [{ at: at("objectives", speed, "long"), set: `${short * 12}s` }],
      };
    }
    const interval = prometheus?.interval;
    if (interval !== undefined && short < 4 * interval) {
      yield {
        path: at("objectives", speed, "short"),
        found: `${short} s with an interval of ${interval} s`,
        allowed: `at least ${4 * interval} s`,
        hint: "a rate needs several samples within its window",
        repairs: [
          { set: `${4 * interval}s` },
          ...(short >= 4 ? [{ at: at("prometheus", "interval"), set: `${Math.floor(short / 4)}s` }] : []),
        ],
      };
    }
  }
  if (installs(grafana) && !installs(prometheus)) {
    yield {
      path: at("grafana"),
      found: "grafana without prometheus",
      allowed: "grafana where prometheus is installed",
      repairs: [{ at: at("prometheus", "enabled"), set: true }, { remove: at("grafana") }],
    };
  }
}

function* tagFindings(
  path: Path,
  sampled:
    { readonly tags?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> } | undefined,
): Generator<Finding> {
  for (const [name, tag] of Object.entries(sampled?.tags ?? {})) {
    if (tag === undefined) continue;
    const kinds = ["value", "header", "environment"].filter((kind) => kind in tag);
    if (kinds.length === 1 && !("value" in tag && "default" in tag)) continue;
    yield {
      path: [...path, "tags", name],
      found:
        kinds.length === 1
          ? "value with default"
          : kinds.length === 0
            ? "none of value, header and environment"
            : kinds.join(" and "),
      allowed: "one of value, header and environment; default with header and environment",
    };
  }
}
