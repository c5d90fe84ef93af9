/* eslint-disable @typescript-eslint/no-deprecated -- the schema that Grafana reads from ConfigMaps; it does not read the second one there. */
/** Grafana dashboards of the versions of a service and of the mesh, with the same queries as the Prometheus rules. */
import { DashboardBuilder, RowBuilder, type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { gatewayUp, VersionQueries, type MetricsSource, type ObservedService } from "./queries";

/** Uid of the Prometheus data source that panels read. */
export const PROMETHEUS_DATA_SOURCE = "prometheus";

/** The unit of a panel's values, with Grafana's names. */
type Unit = "reqps" | "percentunit" | "ms" | "short" | "s" | "bytes";

/** Window of a rate in a panel: Grafana's variable, which is at least four scrape intervals. */
const WINDOW = "$__rate_interval";

const source = { type: "prometheus", uid: PROMETHEUS_DATA_SOURCE };

function timeseries(
  title: string,
  unit: Unit,
  queries: readonly (readonly [string, string])[],
): TimeseriesBuilder {
  return queries.reduce(
    (panel, [legend, expr]) =>
      panel.withTarget(new DataqueryBuilder().expr(expr).legendFormat(legend).datasource(source)),
    new TimeseriesBuilder().title(title).unit(unit).min(0).height(8).span(12).datasource(source),
  );
}

function stat(title: string, unit: Unit, legend: string, expr: string): StatBuilder {
  return new StatBuilder()
    .title(title)
    .unit(unit)
    .height(8)
    .span(12)
    .datasource(source)
    .withTarget(new DataqueryBuilder().expr(expr).legendFormat(legend).instant().datasource(source));
}

function dashboard(uid: string, title: string): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .tags(["shopzier-mesh"])
    .refresh("30s")
    .time({ from: "now-1h", to: "now" })
    .timezone("browser");
}

/** File name → dashboard: the golden signals and shares of a service by version, and the health of the mesh. */
export function dashboards(
  service: ObservedService,
  metrics: MetricsSource,
  gatewayNamespace = "istio-ingress",
  gatewayLabels?: Readonly<Record<string, string>>,
): Readonly<Record<string, Dashboard>> {
  const queries = new VersionQueries(service, metrics);
  const byVersion = "{{version}}";
  const own = `service="${service.name}",namespace="${service.namespace}"`;
  const requests = queries.requests("caller", WINDOW);
  const latencies = [0.5, 0.95, 0.99].map(
    (q) => [`p${q * 100} {{version}}`, queries.latency("caller", WINDOW, q)] as const,
  );
  const versions = dashboard(`${service.name}-versions`, `${service.name}: versions`)
    .withRow(new RowBuilder("Golden signals, seen from the caller"))
    .withPanel(timeseries("Requests", "reqps", [[byVersion, requests]]))
    .withPanel(
      timeseries("Failed requests", "percentunit", [[byVersion, queries.errorRatio("caller", WINDOW)]]),
    )
    .withPanel(timeseries("Latency", "ms", latencies))
    .withPanel(
      timeseries("Requests by status", "reqps", [
        ["{{version}} {{response_code}}", queries.codes("caller", WINDOW)],
      ]),
    )
    .withRow(new RowBuilder("Seen from the version itself"))
    .withPanel(timeseries("Requests", "reqps", [[byVersion, queries.requests("callee", WINDOW)]]))
    .withPanel(timeseries("Latency, 99 %", "ms", [[byVersion, queries.latency("callee", WINDOW, 0.99)]]));
  const canary = dashboard(`${service.name}-canary`, `${service.name}: canary`)
    .withPanel(stat("Configured share", "percentunit", byVersion, `version:configured_share:ratio{${own}}`))
    .withPanel(stat("Measured share", "percentunit", byVersion, `${requests} / scalar(sum(${requests}))`))
    .withPanel(
      timeseries("Shares", "percentunit", [
        ["measured {{version}}", `${requests} / scalar(sum(${requests}))`],
        ["configured {{version}}", `version:configured_share:ratio{${own}}`],
      ]),
    )
    .withPanel(
      timeseries("Failed requests", "percentunit", [[byVersion, queries.errorRatio("caller", WINDOW)]]),
    )
    .withPanel(timeseries("Latency", "ms", latencies))
    .withPanel(
      timeseries("Alerts", "short", [
        [
          "{{alertname}} {{version}}",
          'count by (alertname, version) (ALERTS{alertstate="firing"}) or vector(0)',
        ],
      ]),
    );
  const mesh = dashboard("mesh-health", "Mesh health")
    .withPanel(
      timeseries("Answering Prometheus", "short", [
        ["istiod", 'sum(up{app="istiod"}) or vector(0)'],
        ["ingress gateway", `sum(${gatewayUp(gatewayNamespace, gatewayLabels)}) or vector(0)`],
      ]),
    )
    .withPanel(timeseries("Connected proxies", "short", [["{{version}}", "sum by (version) (pilot_xds)"]]))
    .withPanel(
      timeseries("Configuration pushes", "short", [
        ["{{type}}", `sum by (type) (rate(pilot_xds_pushes[${WINDOW}]))`],
      ]),
    )
    .withPanel(
      timeseries("Time until a proxy has its configuration, 99 %", "s", [
        [
          "all proxies",
          `histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_convergence_time_bucket[${WINDOW}])))`,
        ],
      ]),
    )
    .withPanel(
      timeseries("Refused configuration", "short", [
        ["{{type}}", `sum by (type) (increase(pilot_total_xds_rejects[${WINDOW}])) or vector(0)`],
      ]),
    )
    .withPanel(
      timeseries("Root certificate ends in", "s", [
        ["mesh", "min(citadel_server_root_cert_expiry_timestamp) - time()"],
      ]),
    )
    .withPanel(
      timeseries("Memory of the proxies", "bytes", [
        ["{{namespace}}/{{pod}}", "sum by (namespace, pod) (envoy_server_memory_allocated)"],
      ]),
    );
  return {
    [`${service.name}-versions.json`]: versions.build(),
    [`${service.name}-canary.json`]: canary.build(),
    "mesh-health.json": mesh.build(),
  };
}
