import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../mesh/helm-chart";
import { DASHBOARD_LABEL } from "./dashboard-config-maps";
import type { ContainerImage } from "./prometheus";

/** Grafana's own chart repository. */
export const GRAFANA_CHARTS: ChartSource = { repository: "https://grafana.github.io/helm-charts" };

export interface GrafanaArgs {
  /** Version of chart `grafana`. Default 9.2.2 (Grafana 12.0). */
  readonly version?: string;
  /** Where the chart comes from; default: Grafana's chart repository. */
  readonly charts?: ChartSource;
  /** Default: the chart's. */
  readonly image?: ContainerImage;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** URL of Prometheus within the cluster. Default: that of component `Prometheus`. */
  readonly prometheusUrl?: string;
  /** Whether traces can be looked up in a Jaeger of component `Jaeger`. Default false. */
  readonly jaeger?: boolean;
  /** Helm values of the chart, merged last over ours. */
  readonly values?: HelmValues;
  /** Made by this component. Default `grafana`. */
  readonly namespace?: string;
  /** How long the release may take to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
}

const NAME = "grafana";

/**
 * Grafana, by its own chart, with Prometheus and Jaeger as data sources and every dashboard of the cluster that is
 * labelled as one. The chart makes up a password for `admin` and keeps it in Secret `grafana`; nobody else gets in.
 */
export class Grafana extends pulumi.ComponentResource {
  /** URL within the cluster. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: GrafanaArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:Grafana", name, args, opts);
    const namespace = new k8s.core.v1.Namespace(
      `${name}-namespace`,
      { metadata: { name: args.namespace ?? NAME } },
      { parent: this },
    );
    const source = (type: string, url: string) => ({ name: type, type, uid: type, access: "proxy", url });
    const release = new k8s.helm.v3.Release(
      `${name}-release`,
      {
        name: NAME,
        namespace: namespace.metadata.name,
        timeout: args.timeoutSeconds ?? 180,
        cleanupOnFail: true,
        ...chart("grafana", args.version ?? "9.2.2", args.charts ?? GRAFANA_CHARTS),
        values: mergeValues(
          {
            fullnameOverride: NAME,
            ...(args.image && { image: { registry: "", ...args.image } }),
            ...(args.resources && { resources: args.resources }),
            podLabels: { "sidecar.istio.io/inject": "false" },
            testFramework: { enabled: false },
            datasources: {
              "datasources.yaml": {
                apiVersion: 1,
                datasources: [
                  source(
                    "prometheus",
                    args.prometheusUrl ?? "http://prometheus.prometheus.svc.cluster.local:9090",
                  ),
                  ...(args.jaeger === true
                    ? [source("jaeger", "http://jaeger.jaeger.svc.cluster.local:16686")]
                    : []),
                ],
              },
            },
            sidecar: {
              dashboards: { enabled: true, label: DASHBOARD_LABEL, labelValue: "1", searchNamespace: "ALL" },
            },
          },
          args.values,
        ),
      },
      { parent: this, dependsOn: [namespace] },
    );
    this.url = pulumi.interpolate`http://${NAME}.${release.status.namespace}.svc.cluster.local`;
    this.registerOutputs({ url: this.url });
  }
}
