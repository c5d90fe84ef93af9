/** Checks between the settings of tracing and of access logs. */
import { isIP } from "node:net";
import { TRACING_PORTS } from "../../../components/observability/tracing";
import { isClusterService } from "../../../components/traffic/outside-host";
import { problem, type Path, type Problem } from "../report/catalogue";
import { check, checkEach, type Check } from "./check";

const at = (...path: PropertyKey[]): PropertyKey[] => ["observability", ...path];
const PROVIDER = { provider: "observability.tracing.provider" } as const;

const provider = [
  check(
    {
      ...PROVIDER,
      keys: "keys of observability.tracing",
      jaeger: "observability.jaeger.enabled",
    },
    function* ({ provider, keys, jaeger = false }) {
      if (provider === undefined || provider === "none" || provider === "lightstep") return;
      const toJaeger = provider === "jaeger" || provider === "zipkin";
      if (keys.includes("collector") || (toJaeger && jaeger)) return;
      yield problem(
        "collectorMissing",
        at("tracing", "collector"),
        { provider, jaegerWouldDo: toJaeger },
        ...(toJaeger ? [{ at: at("jaeger", "enabled"), set: true }] : []),
        { at: at("tracing", "collector", "host"), set: "collector.example.com", example: true },
      );
    },
  ),
  check({ ...PROVIDER, keys: "keys of observability.tracing" }, function* ({ provider, keys }) {
    if (provider !== "lightstep" || keys.includes("token")) return;
    const secret = { at: at("tracing", "token", "secret"), set: "tracing-token", example: true } as const;
    yield problem("tokenMissing", at("tracing", "token"), {}, secret);
  }),
  check({ ...PROVIDER, token: "keys of observability.tracing.token" }, function* ({ provider, token }) {
    if (token.length === 0 || provider === undefined) return;
    if (["none", "lightstep", "otlp"].includes(provider)) return;
    const path = at("tracing", "token");
    yield problem("tokenUnused", path, { provider }, { remove: path });
  }),
];

const ofMesh = check({ namespaces: "keys of observability.tracing.namespaces" }, function* ({ namespaces }) {
  const path = at("tracing", "namespaces", "istio-system");
  if (namespaces.includes("istio-system")) yield problem("tracingOfMesh", path, {}, { remove: path });
});

function* tagProblems(path: Path, tag: Readonly<Record<string, string | undefined>>): Generator<Problem> {
  const kinds = ["value", "header", "environment"].filter((kind) => tag[kind] !== undefined);
  if (kinds.length === 1 && (tag.value === undefined || tag.default === undefined)) return;
  yield problem("tagKinds", path, { kinds });
}

const tags = [
  checkEach(
    "observability.tracing.tags",
    { value: "value", header: "header", environment: "environment", default: "default" },
    {},
    tagProblems,
  ),
  check({ tags: "observability.tracing.namespaces.*?.tags" }, function* ({ tags }) {
    for (const [namespace, own] of tags)
      for (const [name, tag] of Object.entries(own ?? {}))
        yield* tagProblems(at("tracing", "namespaces", namespace, "tags", name), tag);
  }),
];

const collectors = (["tracing", "accessLogs"] as const).flatMap((part) => {
  const path = at(part, "collector");
  const to = `observability.${part}.collector` as const;
  return [
    ...(["tls", "ca"] as const).map((key) =>
      check({ host: `${to}.host`, value: `${to}.${key}` }, function* ({ host, value }) {
        if (host === undefined || value === undefined || !isClusterService(host)) return;
        const own = [...path, key];
        yield problem("collectorTlsUnused", own, { key, host }, { remove: own });
      }),
    ),
    check({ tls: `${to}.tls`, ca: `${to}.ca` }, function* ({ tls, ca }) {
      if (ca === undefined || tls !== false) return;
      const either = [{ remove: [...path, "tls"] }, { remove: [...path, "ca"] }];
      yield problem("collectorAuthorityUnused", [...path, "ca"], {}, ...either);
    }),
    check({ host: `${to}.host`, tls: `${to}.tls` }, function* ({ host, tls }) {
      if (host === undefined || tls === false || isIP(host) === 0) return;
      const named = { at: [...path, "host"], set: "collector.example.com", example: true } as const;
      const plain = { at: [...path, "tls"], set: false };
      yield problem("collectorTlsToAddress", [...path, "tls"], { host }, named, plain);
    }),
  ];
});

const sameCollector = check(
  {
    ...PROVIDER,
    traces: "observability.tracing.collector",
    logs: "observability.accessLogs.collector",
  },
  function* ({ provider, traces, logs }) {
    if (traces === undefined || traces.host !== logs?.host) return;
    const port = provider === undefined || provider === "none" ? undefined : TRACING_PORTS[provider];
    if ((traces.port ?? port) !== (logs.port ?? TRACING_PORTS.otlp)) return;
    if ((traces.tls ?? true) === (logs.tls ?? true) && traces.ca === logs.ca) return;
    yield problem("collectorsDiffer", at("accessLogs", "collector"), {});
  },
);

const logged = check(
  { declared: "keys of category.versions", versions: "observability.accessLogs.versions.*?" },
  function* ({ declared, versions }) {
    if (declared.length === 0) return;
    for (const [i, version] of versions) {
      if (declared.includes(version)) continue;
      yield problem("loggedVersionUnknown", at("accessLogs", "versions", i), { version, declared });
    }
  },
);

export const TRACING_CHECKS: readonly Check[] = [
  ...provider,
  ofMesh,
  ...tags,
  ...collectors,
  sameCollector,
  logged,
];
