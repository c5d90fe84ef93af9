/** Checks between the settings of observability, except tracing and access logs. */
import { ISTIO_QUERIED } from "../../../components/observability/queries";
import { problem, type Problem } from "../report/catalogue";
import { check, checkEach, type Check } from "./check";

const at = (...path: PropertyKey[]): PropertyKey[] => ["observability", ...path];

const STORES = ["memory", "badger", "elasticsearch", "opensearch"];

const jaeger = [
  check({ keys: "keys of observability.jaeger" }, function* ({ keys }) {
    const given = STORES.filter((store) => keys.includes(store));
    if (given.length < 2) return;
    yield problem(
      "traceStores",
      at("jaeger"),
      { given },
      ...given.map((store) => ({ remove: at("jaeger", store) })),
    );
  }),
  ...(["elasticsearch", "opensearch"] as const).map((kind) =>
    check(
      { url: `observability.jaeger.${kind}.url`, ca: `observability.jaeger.${kind}.ca` },
      function* ({ url, ca }) {
        if (ca === undefined || !url?.startsWith("http:")) return;
        const encrypted = { at: at("jaeger", kind, "url"), set: url.replace("http:", "https:") };
        const path = at("jaeger", kind, "ca");
        yield problem("storeAuthorityUnused", path, { url }, encrypted, { remove: path });
      },
    ),
  ),
  check({ keep: "observability.jaeger.badger.keep" }, function* ({ keep }) {
    if (keep === undefined || keep % 3600 === 0) return;
    const set = `${Math.ceil(keep / 3600)}h`;
    yield problem("keepNotHours", at("jaeger", "badger", "keep"), { seconds: keep }, { set });
  }),
];

const CHANGES = ["tags", "remove", "disable", "operations"];

const metrics = [
  check(
    { keys: "keys of observability.metrics", source: "observability.metrics.source" },
    function* ({ keys, source }) {
      const changes = CHANGES.filter((key) => keys.includes(key));
      if (source !== "envoy" || changes.length === 0) return;
      const removed = changes.map((key) => ({ remove: at("metrics", key) }));
      yield problem("metricsUnchangeable", at("metrics"), { changes }, ...removed);
    },
  ),
  check(
    { removed: "observability.metrics.remove.*?", tags: "keys of observability.metrics.tags" },
    function* ({ removed, tags }) {
      const [, tag] = removed.find(([, name]) => tags.includes(name)) ?? [];
      if (tag === undefined) return;
      yield problem(
        "metricTagTwice",
        at("metrics", "remove"),
        { tag },
        { remove: at("metrics", "tags", tag) },
      );
    },
  ),
  check(
    {
      source: "observability.metrics.source",
      prometheus: "observability.prometheus.enabled",
      grafana: "observability.grafana.enabled",
      dashboards: "observability.dashboards",
      tags: "keys of observability.metrics.tags",
      removed: "observability.metrics.remove.*?",
      disabled: "observability.metrics.disable.*?",
    },
    function* ({ source, prometheus, grafana, dashboards, ...c }) {
      if (source === "envoy" || ![prometheus, grafana, dashboards].includes(true)) return;
      for (const name of ISTIO_QUERIED.tags) {
        const params = { name, needed: ISTIO_QUERIED.tags };
        const path = at("metrics", "tags", name);
        if (c.tags.includes(name))
          yield problem("metricNeeded", path, { ...params, change: "tags" }, { remove: path });
        else if (c.removed.some(([, removed]) => removed === name))
          yield problem("metricNeeded", at("metrics", "remove"), { ...params, change: "remove" });
      }
      for (const name of ISTIO_QUERIED.metrics) {
        if (!c.disabled.some(([, disabled]) => disabled === name)) continue;
        const params = { name, needed: ISTIO_QUERIED.metrics, change: "disable" } as const;
        yield problem("metricNeeded", at("metrics", "disable"), params);
      }
    },
  ),
  checkEach(
    "observability.metrics.operations",
    { exact: "exact", prefix: "prefix" },
    {},
    function* (path, { exact, prefix }) {
      if ((exact === undefined) === (prefix === undefined))
        yield problem("operationPaths", path, { both: exact !== undefined });
    },
  ),
];

const windows = (["fast", "slow"] as const).flatMap((speed) => [
  check(
    { long: `observability.objectives.${speed}.long`, short: `observability.objectives.${speed}.short` },
    function* ({ long, short }) {
      if (short < long) return;
      const longer = { at: at("objectives", speed, "long"), set: `${short * 12}s` };
      yield problem("windowsSwapped", at("objectives", speed), { short, long }, longer);
    },
  ),
  check(
    { short: `observability.objectives.${speed}.short`, interval: "observability.prometheus.interval" },
    function* ({ short, interval }) {
      if (interval === undefined || short >= 4 * interval) return;
      const least = 4 * interval;
      const oftener = { at: at("prometheus", "interval"), set: `${Math.floor(short / 4)}s` };
      yield problem(
        "windowTooShort",
        at("objectives", speed, "short"),
        { short, interval, least },
        { set: `${least}s` },
        ...(short >= 4 ? [oftener] : []),
      );
    },
  ),
]);

/** What counts nothing without a Prometheus. */
const counted = (["gate", "observability.objectives.own"] as const).map((block) =>
  check(
    { keys: `keys of ${block}`, own: "observability.prometheus.enabled", gate: "gate.prometheus" },
    function* ({ keys, own, gate }) {
      if (keys.length === 0 || own || gate !== undefined) return;
      yield problem(
        block === "gate" ? "gateWithoutPrometheus" : "ownObjectivesWithoutPrometheus",
        block.split("."),
        {},
        { at: at("prometheus", "enabled"), set: true },
        { at: ["gate", "prometheus"], set: "monitoring/prometheus:9090", example: true },
      );
    },
  ),
);

const grafana = check(
  { prometheus: "observability.prometheus.enabled", grafana: "observability.grafana.enabled" },
  (c): Problem[] =>
    c.grafana && !c.prometheus
      ? [
          problem(
            "grafanaWithoutPrometheus",
            at("grafana"),
            {},
            { at: at("prometheus", "enabled"), set: true },
            { remove: at("grafana") },
          ),
        ]
      : [],
);

export const OBSERVABILITY_CHECKS: readonly Check[] = [
  ...jaeger,
  ...metrics,
  ...windows,
  grafana,
  ...counted,
];
