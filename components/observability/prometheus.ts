import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { HelmValues } from "../kubernetes/helm-chart";
import { amount } from "../kubernetes/quantity";
import { SCRAPE_INTERVAL_SECONDS } from "./queries";
import { chartNamespace, chartRelease, type Chart, type ChartReleaseArgs } from "./chart-release";
import type { RuleGroup } from "./prometheus-rules";
import { guarded, withoutCluster } from "../kubernetes/ownership";

/** A persistent volume. */
export interface Storage {
  /** Kubernetes quantity, such as `10Gi`. */
  readonly size: string;
  /** Default: the cluster's default class. */
  readonly storageClass?: string;
}

export interface PrometheusArgs extends ChartReleaseArgs {
  /** How long samples are kept, as Prometheus writes it. Default `15d`. */
  readonly retention?: string;
  /** Default: none; what was measured is lost with the pod. The oldest samples go before four fifths of it are used. */
  readonly storage?: Storage;
  /** Seconds between two scrapes of a target and two evaluations of a rule. Default {@link SCRAPE_INTERVAL_SECONDS}. */
  readonly intervalSeconds?: number;
  readonly rules?: readonly RuleGroup[];
}

/** Prometheus 3.14, by the chart of its community. */
const CHART: Chart = {
  name: "prometheus",
  version: "29.27.0",
  charts: { repository: "https://prometheus-community.github.io/helm-charts" },
};
const PORT = 9090;
const RULES = { configMap: "prometheus-rules", folder: "/etc/prometheus-rules" };

/**
 * Prometheus, by the chart of its community, for a mesh under strict mutual TLS.
 *
 * It has no sidecar and no certificate: the chart's own jobs read pods by their `prometheus.io` annotations, which the
 * injector points at the merged metrics of proxy and application on port 15020. That port takes plain HTTP whatever the
 * mesh demands, and no authorization policy reaches it. Rules are in a ConfigMap of their own, so that a preview shows
 * which rule changes; Prometheus takes a change up by itself.
 */
export class Prometheus extends pulumi.ComponentResource {
  /** URL within the cluster. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: PrometheusArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:Prometheus", name, withoutCluster(args), guarded(args.cluster, opts));
    const namespace = chartNamespace(name, CHART, args, this);
    const rules = new k8s.core.v1.ConfigMap(
      `${name}-rules`,
      {
        metadata: { name: RULES.configMap, namespace: namespace.name },
        // JSON is YAML; a line for each part, so that a preview shows what changes.
        data: { "rules.yml": JSON.stringify({ groups: args.rules ?? [] }, undefined, 2) },
      },
      { parent: this, dependsOn: namespace.ready },
    );
    const release = chartRelease(name, CHART, args, prometheusValues(args), {
      parent: this,
      dependsOn: [rules],
    });
    this.url = pulumi.interpolate`http://${CHART.name}.${release.status.namespace}.svc.cluster.local:${PORT}`;
    this.registerOutputs({ url: this.url });
  }
}

function prometheusValues(args: PrometheusArgs): HelmValues {
  const { storage, intervalSeconds: interval = SCRAPE_INTERVAL_SECONDS } = args;
  return {
    // What else the chart brings: pages, metrics of nodes and of Kubernetes objects, a gateway for batch jobs.
    alertmanager: { enabled: false },
    "kube-state-metrics": { enabled: false },
    "prometheus-node-exporter": { enabled: false },
    "prometheus-pushgateway": { enabled: false },
    // Prometheus looks for changed files itself.
    configmapReload: { prometheus: { enabled: false } },
    server: {
      // Service names and ports that Istio's documents, Kiali and Grafana expect.
      fullnameOverride: CHART.name,
      service: { servicePort: PORT },
      image: args.image,
      retention: args.retention ?? "15d",
      // A full volume does not free itself: what is too old is found only where there is room to write (Prometheus docs, "Storage").
      ...(storage && { retentionSize: `${Math.floor(amount(storage.size) * 0.8)}B` }),
      resources: args.resources,
      global: {
        scrape_interval: `${interval}s`,
        // Prometheus refuses a time-out that is longer than the interval.
        scrape_timeout: `${Math.min(interval, 10)}s`,
        evaluation_interval: `${interval}s`,
      },
      persistentVolume: storage
        ? {
            enabled: true,
            size: storage.size,
            storageClass: storage.storageClass,
          }
        : { enabled: false },
      readinessProbeInitialDelay: 0,
      extraFlags: [
        "web.enable-lifecycle",
        "enable-feature=auto-reload-config",
        `config.auto-reload-interval=${interval}s`,
      ],
      podLabels: { "sidecar.istio.io/inject": "false" },
      extraConfigmapMounts: [
        { name: "rules", configMap: RULES.configMap, mountPath: RULES.folder, readOnly: true },
      ],
    },
    serverFiles: {
      "prometheus.yml": {
        rule_files: [
          "/etc/config/recording_rules.yml",
          "/etc/config/alerting_rules.yml",
          `${RULES.folder}/*.yml`,
        ],
      },
    },
  };
}
