import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { HelmValues } from "../kubernetes/helm-chart";
import { amount } from "../kubernetes/quantity";
import { SCRAPE_INTERVAL_SECONDS } from "./queries";
import { chartNamespace, chartRelease, type Chart, type ChartReleaseArgs } from "./chart-release";
import { ruleFiles, type RuleGroup } from "./prometheus-rules";
import { located, withoutCluster } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

/** A persistent volume. */
export interface Storage {
  /** A Kubernetes quantity, such as `10Gi`. */
  readonly size: string;
  /** Default: the default storage class of the cluster. */
  readonly storageClass?: string;
}

export interface PrometheusArgs extends ChartReleaseArgs {
  /** Retention time of samples in Prometheus' format. Default `15d`. */
  readonly retention?: string;
  /** Volume of the samples, of which at most 80 percent are used. Default: none, so that samples are lost with the pod. */
  readonly storage?: Storage;
  /** Seconds between two scrapes of a target and two evaluations of a rule. Default {@link SCRAPE_INTERVAL_SECONDS}. */
  readonly intervalSeconds?: number;
  readonly rules?: readonly RuleGroup[];
}

/** Prometheus 3.14, installed by the chart of its community. */
const CHART: Chart = {
  name: "prometheus",
  version: "29.27.0",
  charts: { repository: "https://prometheus-community.github.io/helm-charts" },
};
const PORT = 9090;
const RULES = { configMap: "prometheus-rules", folder: "/etc/prometheus-rules" };

/**
 * Prometheus, installed by the chart of its community, for a mesh with strict mutual TLS.
 *
 * It has no sidecar and no certificate. The chart's jobs find pods by their `prometheus.io` annotations, which the injector
 * sets to the merged metrics of proxy and application on port 15020. That port serves plain HTTP in every mutual TLS mode,
 * and authorization policies do not apply to it. Rules are in a separate ConfigMap, with a file for each group, so that a
 * preview shows only the groups that change. Prometheus reloads them itself.
 */
export class Prometheus extends pulumi.ComponentResource {
  /** URL within the cluster. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: PrometheusArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    // The state stores a component's inputs, so these do not repeat what the ConfigMap contains.
    const inputs = { ...withoutCluster(args), rules: args.rules?.map((group) => group.name) };
    super("shopzier-mesh:index:Prometheus", name, inputs, guarded(args.cluster, opts));
    const namespace = chartNamespace(name, CHART, args, this);
    const rules = new k8s.core.v1.ConfigMap(
      `${name}-rules`,
      {
        metadata: { name: RULES.configMap, namespace: namespace.name },
        data: ruleFiles(args.rules ?? []),
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
    // Other parts of the chart: alert manager, metrics of nodes and of Kubernetes objects, a gateway for batch jobs.
    alertmanager: { enabled: false },
    "kube-state-metrics": { enabled: false },
    "prometheus-node-exporter": { enabled: false },
    "prometheus-pushgateway": { enabled: false },
    // Not needed, since Prometheus checks for changed files itself.
    configmapReload: { prometheus: { enabled: false } },
    server: {
      // The Service name and port that Istio's documentation, Kiali and Grafana expect.
      fullnameOverride: CHART.name,
      service: { servicePort: PORT },
      image: args.image,
      retention: args.retention ?? "15d",
      // Prometheus needs free space to remove old samples, so a full volume would stay full (Prometheus docs, "Storage").
      ...(storage && { retentionSize: `${Math.floor(amount(storage.size) * 0.8)}B` }),
      resources: args.resources,
      global: {
        scrape_interval: `${interval}s`,
        // Prometheus refuses a time-out longer than the interval.
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
