import { flag, object, withDefault } from "./fields";
import { accessLogs } from "./access-logs-settings";
import { installed } from "./chart-settings";
import { jaeger } from "./jaeger-settings";
import { metrics } from "./metrics-settings";
import { objectives } from "./objectives-settings";
import { prometheus } from "./prometheus-settings";
import { tracing } from "./tracing-settings";

/** The block `observability` of a stack file. */
export const observability = object(
  {
    prometheus: prometheus.exactOptional(),
    jaeger: jaeger.exactOptional(),
    tracing: tracing.exactOptional(),
    accessLogs: accessLogs.exactOptional(),
    metrics: metrics.prefault({}),
    objectives: objectives.prefault({}),
    dashboards: withDefault(
      flag({
        description:
          "Whether Grafana dashboards are written as ConfigMaps labelled grafana_dashboard, in namespace `grafana-dashboards`.",
      }),
      false,
    ),
    grafana: object(
      installed("grafana"),
      "Grafana with the dashboards; not installed when absent. Needs `prometheus`.",
    ).exactOptional(),
  },
  "Metrics, traces, access logs, alerts and dashboards. Nothing of it is on unless its block is there.",
);
