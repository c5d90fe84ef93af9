import type * as pulumi from "@pulumi/pulumi";
import {
  type AccessLogs,
  type Autoscaler,
  type CategoryApi,
  type ExistingControlPlane,
  type ExistingGateway,
  type ClusterAccess,
  Dashboards,
  DEFAULT_ACCESS_LOG_FIELDS,
  ENVOY_REQUEST_STATS,
  GATEWAY_CERTIFICATE_STATS,
  Grafana,
  type IngressGateway,
  Jaeger,
  MeshTelemetry,
  meshRules,
  namespaceName,
  type NamespaceArgs,
  planAccessLogs,
  planMetrics,
  planTracing,
  Prometheus,
  versionRules,
  type IstioControlPlane,
  type IstioControlPlaneArgs,
  type MeshTelemetryArgs,
  type ObservedService,
} from "../components/index";
import type { Settings } from "./config/settings";

type Telemetry = Pick<MeshTelemetryArgs, "tracing" | "accessLogs" | "metrics">;

/** The telemetry of the proxies. */
export function telemetryOf({ observability: o, security, gate }: Settings): Telemetry {
  const tracing = o.tracing && planTracing(o.tracing);
  const metrics = planMetrics({
    ...o.metrics.customization,
    upstreamCluster:
      o.metrics.source === "istio" &&
      (o.prometheus !== undefined || o.dashboards || gate?.prometheus !== undefined),
  });
  return {
    ...(tracing && { tracing }),
    ...(o.accessLogs && { accessLogs: planAccessLogs({ ...dryRunFields(security), ...o.accessLogs }) }),
    ...(metrics && { metrics }),
  };
}

/** Adds the fields of the dry run to the default fields, so that access logs show its result. */
function dryRunFields({ access }: Settings["security"]): Pick<AccessLogs, "fields"> {
  if (!access?.dryRun) return {};
  return { fields: [...DEFAULT_ACCESS_LOG_FIELDS, "rbac_dry_run_deny", "rbac_dry_run_allow"] };
}

/** The arguments of the control plane for the telemetry. */
export function controlPlaneTelemetry(
  { observability: o }: Settings,
  { tracing, accessLogs }: Telemetry,
): Pick<IstioControlPlaneArgs, "extensionProviders" | "proxyStats" | "secretVariables"> {
  const providers = [tracing, accessLogs].flatMap((plan) => (plan ? [plan.extensionProvider] : []));
  return {
    ...(providers.length > 0 && { extensionProviders: providers }),
    ...(tracing && tracing.variables.length > 0 && { secretVariables: tracing.variables }),
    // Also without a Prometheus of this stack, since a pod reads its list of statistics only when it starts.
    proxyStats: [...GATEWAY_CERTIFICATE_STATS, ...(o.metrics.source === "envoy" ? ENVOY_REQUEST_STATS : [])],
  };
}

/** Prometheus, Jaeger, Grafana and the telemetry of the mesh, if the settings have them. */
export function observability(
  settings: Settings,
  telemetry: Telemetry,
  parts: {
    readonly controlPlane: IstioControlPlane | ExistingControlPlane;
    readonly namespaces: readonly [IngressGateway | ExistingGateway, CategoryApi];
    readonly cluster: ClusterAccess;
  },
): void {
  const { istio, gateway, observability: o, category, traffic } = settings;
  const { cluster } = parts;
  if (istio.install && Object.keys(telemetry).length > 0) {
    // The part that runs in a namespace creates it.
    const own: readonly pulumi.Resource[] =
      Object.keys(telemetry.tracing?.namespaces ?? {}).length > 0 ? parts.namespaces : [];
    new MeshTelemetry(
      "telemetry",
      { ...telemetry, rootNamespace: istio.namespace.name, cluster },
      {
        dependsOn: [parts.controlPlane, parts.controlPlane.ready, ...own],
      },
    );
  }
  const service: ObservedService = {
    name: "category",
    namespace: category.namespace.name,
    port: category.port,
    versions: Object.keys(category.versions),
  };
  const { source } = o.metrics;
  const { namespace: gatewayNamespace, labels } = parts.namespaces[0].pods;
  const gatewayLabels = gateway.existing && { gatewayLabels: labels };
  if (o.prometheus) {
    const { weights: shares, rules, policies } = traffic;
    new Prometheus("prometheus", {
      ...o.prometheus,
      cluster,
      rules: [
        ...versionRules({
          service,
          source,
          ...o.objectives,
          shares,
          rules,
          ...(policies.mirror && { mirror: policies.mirror }),
        }),
        meshRules({
          istiodPods: podsOf(istio.controlPlane),
          gatewayPods: podsOf(gateway),
          gatewayNamespace,
          ...gatewayLabels,
        }),
      ],
    });
  }
  if (o.jaeger) new Jaeger("jaeger", { ...o.jaeger, cluster });
  if (o.dashboards)
    new Dashboards("dashboards", { service, source, gatewayNamespace, ...gatewayLabels, cluster });
  if (o.grafana) {
    const url = (app: string, namespace: NamespaceArgs = app, port: number): string =>
      `http://${app}.${namespaceName(namespace)}.svc.cluster.local:${port}`;
    new Grafana("grafana", {
      ...o.grafana,
      prometheusUrl: url("prometheus", o.prometheus?.namespace, 9090),
      ...(o.jaeger && { jaegerUrl: url("jaeger", o.jaeger.namespace, 16686) }),
      cluster,
    });
  }
}

/** Lowest number of pods. */
function podsOf({
  replicas = 1,
  autoscaler,
}: {
  readonly replicas?: number;
  readonly autoscaler?: Autoscaler;
}): number {
  return autoscaler?.minReplicas ?? replicas;
}
