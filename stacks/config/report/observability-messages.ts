/** Messages of problems between the settings of observability. */
import { message } from "../../../components/traffic/problem";

const stores = {
  traceStores: message("SM0801", (p: { given: readonly string[] }) => ({
    found: p.given.join(" and "),
    allowed: "one store for traces",
  })),
  storeAuthorityUnused: message("SM0802", (p: { url: string }) => ({
    found: `ca with ${p.url}`,
    allowed: "ca with an https URL",
  })),
  keepNotHours: message("SM0803", (p: { seconds: number }) => ({
    found: `${p.seconds} seconds`,
    allowed: "whole hours",
  })),
  grafanaWithoutPrometheus: message("SM0804", () => ({
    found: "grafana without prometheus",
    allowed: "grafana where prometheus is installed",
  })),
  ownObjectivesWithoutPrometheus: message("SM0806", () => ({
    found: "objectives of your own, and no Prometheus that has their counters",
    allowed: "these where this stack installs Prometheus, or where gate.prometheus names one",
  })),
  gateWithoutPrometheus: message("SM0805", () => ({
    found: "a gate, and no Prometheus that counts requests",
    allowed: "a gate where this stack installs Prometheus, or where gate.prometheus names one",
  })),
};

const tracing = {
  collectorMissing: message("SM0811", (p: { provider: string; jaegerWouldDo: boolean }) => ({
    found: "nothing",
    allowed: `the address of a collector, because provider is ${p.provider}${p.jaegerWouldDo ? " and Jaeger is not installed" : ""}`,
  })),
  tokenMissing: message("SM0812", () => ({
    found: "nothing",
    allowed: "the Secret with the access token, because provider is lightstep",
  })),
  tokenUnused: message("SM0813", (p: { provider: string }) => ({
    found: `a token with provider ${p.provider}`,
    allowed: "a token with provider lightstep or otlp",
  })),
  tracingOfMesh: message("SM0814", () => ({
    found: "the namespace whose telemetry holds for the whole mesh",
    allowed: "other namespaces",
    hint: "that is tracing.sampling and tracing.tags themselves; of two Telemetry objects there Istio takes only one",
  })),
  tagKinds: message("SM0815", (p: { kinds: readonly string[] }) => ({
    found:
      p.kinds.length === 1
        ? "value with default"
        : p.kinds.length === 0
          ? "none of value, header and environment"
          : p.kinds.join(" and "),
    allowed: "one of value, header and environment; default with header and environment",
  })),
  collectorTlsUnused: message("SM0816", (p: { key: string; host: string }) => ({
    found: `${p.key} for ${p.host}`,
    allowed: `${p.key} for a host outside the cluster only`,
    hint: "to a Service of the cluster proxies speak mutual TLS by themselves where it has a sidecar",
  })),
  collectorAuthorityUnused: message("SM0817", () => ({
    found: "ca with tls: false",
    allowed: "ca where proxies speak TLS",
  })),
  collectorTlsToAddress: message("SM0818", (p: { host: string }) => ({
    found: `TLS to ${p.host}`,
    allowed: "false, because the host is an IP address",
    hint: "proxies check a certificate by the name of its host; without TLS anyone on the network path sees spans, log lines and the token",
  })),
  collectorsDiffer: message("SM0819", () => ({
    found: "another tls or ca than tracing.collector, of the same host and port",
    allowed: "the same tls and ca for the same host and port",
    advice: "write the same in both, in the stack file",
  })),
  loggedVersionUnknown: message("SM0820", (p: { version: string; declared: readonly string[] }) => ({
    found: `the unknown version ${JSON.stringify(p.version)}`,
    allowed: p.declared.join(", "),
    advice: "correct the list in the stack file",
  })),
};

const metrics = {
  metricsUnchangeable: message("SM0831", (p: { changes: readonly string[] }) => ({
    found: `${p.changes.join(", ")} with source envoy`,
    allowed: "changes of Istio's metrics with source istio",
    hint: "a proxy without Istio's filters refuses every listener that has one",
  })),
  metricTagTwice: message("SM0832", (p: { tag: string }) => ({
    found: `${p.tag}, which tags sets`,
    allowed: "a tag is set or removed",
  })),
  metricNeeded: message(
    "SM0833",
    (p: { name: string; change: "tags" | "remove" | "disable"; needed: readonly string[] }) => ({
      found: `${p.name}, which rules and dashboards read`,
      allowed: `${p.change === "disable" ? "metrics" : "tags"} other than ${p.needed.join(", ")}`,
      hint: "alerts would see nothing, and not fire",
      advice: p.change === "tags" ? undefined : `take ${p.name} out of the list in the stack file`,
    }),
  ),
  operationPaths: message("SM0834", (p: { both: boolean }) => ({
    found: p.both ? "both exact and prefix" : "neither exact nor prefix",
    allowed: "one of exact and prefix",
    advice: "correct the list in the stack file",
  })),
  windowsSwapped: message("SM0835", (p: { short: number; long: number }) => ({
    found: `short ${p.short} s, long ${p.long} s`,
    allowed: "a short window that is shorter than the long one",
  })),
  windowTooShort: message("SM0836", (p: { short: number; interval: number; least: number }) => ({
    found: `${p.short} s with an interval of ${p.interval} s`,
    allowed: `at least ${p.least} s`,
    hint: "a rate needs several samples within its window",
  })),
};

export const OBSERVABILITY_MESSAGES = { ...stores, ...tracing, ...metrics };
