import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { DestinationRule } from "../istio/destination-rule";
import { ServiceEntry } from "../istio/service-entry";
import { Telemetry, type TelemetrySpec } from "../istio/telemetry";
import type { AccessLogPlan } from "./access-logs";
import { collectorHosts } from "./collector";
import type { Metrics } from "../istio/telemetry";
import type { TracingPlan } from "./tracing";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface MeshTelemetryArgs {
  /** Result of `planTracing`. Its extension provider and variables are arguments of the control plane. */
  readonly tracing?: TracingPlan;
  /** Result of `planAccessLogs`. Its extension provider is an argument of the control plane. */
  readonly accessLogs?: AccessLogPlan;
  /** Result of `planMetrics`. */
  readonly metrics?: Metrics;
  /** Istio's root namespace, which is that of the control plane. Default `istio-system`. */
  readonly rootNamespace?: string;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * The telemetry of the proxies of a mesh: one Telemetry object for the mesh, one for each namespace that differs, and the
 * objects for collectors outside the cluster. Make it depend on the control plane.
 *
 * Istio allows one object without selector in a namespace. With a second one, it is undefined which of them applies
 * (analyzer message IST0160).
 */
export class MeshTelemetry extends pulumi.ComponentResource {
  constructor(name: string, args: MeshTelemetryArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { tracing, accessLogs, metrics, rootNamespace = "istio-system" } = args;
    super("shopzier-mesh:index:MeshTelemetry", name, { rootNamespace }, guarded(args.cluster, opts));
    const inThis = { parent: this };
    const mesh: TelemetrySpec = {
      ...(tracing && { tracing: [tracing.mesh] }),
      ...(accessLogs && { accessLogging: [accessLogs.mesh] }),
      ...(metrics && { metrics: [metrics] }),
    };
    const collectors = [tracing?.access, accessLogs?.access].filter((access) => access !== undefined);
    for (const collector of collectorHosts(collectors, rootNamespace)) {
      const { host, serviceEntry, destinationRule, authorities } = collector;
      const metadata = { name: collector.name, namespace: rootNamespace };
      new ServiceEntry(`${name}-${host}`, { metadata, spec: serviceEntry }, inThis);
      const roots = Object.entries(authorities).map(
        ([configMap, ca]) =>
          new k8s.core.v1.ConfigMap(
            `${name}-${configMap}`,
            { metadata: { name: configMap, namespace: rootNamespace }, data: { "ca.crt": ca } },
            inThis,
          ),
      );
      if (destinationRule) {
        // A proxy does not start while the ConfigMap with the authorities is missing.
        const withRoots = { ...inThis, dependsOn: roots };
        new DestinationRule(`${name}-${host}-tls`, { metadata, spec: destinationRule }, withRoots);
      }
    }
    if (Object.keys(mesh).length > 0) {
      new Telemetry(
        `${name}-mesh`,
        { metadata: { name: "mesh-default", namespace: rootNamespace }, spec: mesh },
        inThis,
      );
    }
    for (const [namespace, spec] of Object.entries(tracing?.namespaces ?? {})) {
      new Telemetry(
        `${name}-${namespace}`,
        { metadata: { name: "tracing", namespace }, spec: { tracing: [spec] } },
        inThis,
      );
    }
    this.registerOutputs({});
  }
}
