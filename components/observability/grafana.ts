import * as pulumi from "@pulumi/pulumi";
import type { HelmValues } from "../kubernetes/helm-chart";
import {
  chartNamespace,
  chartRelease,
  type Chart,
  type ChartReleaseArgs,
  type ContainerImage,
} from "./chart-release";
import { DASHBOARD_LABEL } from "./dashboard-config-maps";
import { located, withoutCluster } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface GrafanaArgs extends ChartReleaseArgs {
  /** URL of Prometheus within the cluster. Default: that of the component `Prometheus`. */
  readonly prometheusUrl?: pulumi.Input<string>;
  /** URL of the Jaeger with the traces, such as `url` of the component `Jaeger`. Default: none. */
  readonly jaegerUrl?: pulumi.Input<string>;
}

/** Grafana 12.0, installed by its chart. */
const CHART: Chart = {
  name: "grafana",
  version: "9.2.2",
  charts: { repository: "https://grafana.github.io/helm-charts" },
};

/**
 * Grafana, installed by its chart, with Prometheus and Jaeger as data sources and all labelled dashboards of the cluster. The
 * chart generates a password for `admin` and stores it in Secret `grafana`. There is no other user.
 */
export class Grafana extends pulumi.ComponentResource {
  /** URL within the cluster. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: GrafanaArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:Grafana", name, withoutCluster(args), guarded(args.cluster, opts));
    const namespace = chartNamespace(name, CHART, args, this);
    const source = (type: string, url: pulumi.Input<string>) => ({
      name: type,
      type,
      uid: type,
      access: "proxy",
      url,
    });
    const release = chartRelease(
      name,
      CHART,
      args,
      {
        fullnameOverride: CHART.name,
        ...(args.image && { image: imageValues(args.image) }),
        resources: args.resources,
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
              ...(args.jaegerUrl === undefined ? [] : [source("jaeger", args.jaegerUrl)]),
            ],
          },
        },
        sidecar: {
          dashboards: { enabled: true, label: DASHBOARD_LABEL, labelValue: "1", searchNamespace: "ALL" },
        },
      },
      { parent: this, dependsOn: namespace.ready },
    );
    this.url = pulumi.interpolate`http://${CHART.name}.${release.status.namespace}.svc.cluster.local`;
    this.registerOutputs({ url: this.url });
  }
}

/** Registry and name of an image, which the chart has as separate values. The first part is a registry by Docker's rules. */
function imageValues({ repository: name, tag }: ContainerImage): HelmValues {
  const [, registry = "docker.io", repository = name] = /^([^/]*[.:][^/]*|localhost)\/(.+)$/.exec(name) ?? [];
  return { registry, repository, tag };
}
