import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { MetricsSource, ObservedService } from "./queries";
import { namespaceFor, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";
import { located, withoutCluster, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface DashboardsArgs {
  readonly service: ObservedService;
  /** The series that the panels query. Default `istio`. */
  readonly source?: MetricsSource;
  /** Namespace of the ingress gateway. Default `istio-ingress`. */
  readonly gatewayNamespace?: string;
  /** Labels of the gateway's pods. Default `istio: ingressgateway`. */
  readonly gatewayLabels?: Readonly<Record<string, string>>;
  /** Default `grafana-dashboards`. */
  readonly namespace?: NamespaceArgs;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/** Label by which the sidecar of Grafana's chart finds dashboards in any namespace. */
export const DASHBOARD_LABEL = "grafana_dashboard";

/** Grafana dashboards as labelled ConfigMaps, for each Grafana in the cluster whose sidecar finds them by the label. */
export class Dashboards extends pulumi.ComponentResource {
  constructor(name: string, args: DashboardsArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:Dashboards", name, withoutCluster(args), guarded(args.cluster, opts));
    const { namespace = "grafana-dashboards" } = args;
    const { ready } = namespaceFor(name, namespace, { parent: this, cluster: args.cluster });
    // Loaded only if it is needed, since Grafana's library takes 0.1 s.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { dashboards } = require("./dashboards") as typeof import("./dashboards");
    const data = Object.fromEntries(
      Object.entries(
        dashboards(args.service, args.source ?? "istio", args.gatewayNamespace, args.gatewayLabels),
      ).map(([file, dashboard]) => [file, JSON.stringify(dashboard, undefined, 2)]),
    );
    new k8s.core.v1.ConfigMap(
      `${name}-configmap`,
      {
        metadata: {
          name: `${args.service.name}-dashboards`,
          namespace: namespaceName(namespace),
          labels: { [DASHBOARD_LABEL]: "1" },
        },
        data,
      },
      { parent: this, dependsOn: ready },
    );
    this.registerOutputs({});
  }
}
