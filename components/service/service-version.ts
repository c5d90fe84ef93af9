import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { EnvoyFilter } from "../istio/envoy-filter";
import {
  isCreated,
  namespaceName,
  REVISION_LABEL,
  sidecarLabels,
  type NamespaceArgs,
} from "../kubernetes/namespace";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";
import { minimumReplicas, type Autoscaler, type Scale } from "../kubernetes/scale";
import { rolledOut } from "../readiness/rollout";
import { podRateLimit, type RateLimit } from "../traffic/rate-limit";
import { autoscalerPreview, beforeUpdate, workloadPreview } from "./preview";
import { podLabels, servicePod, type ServiceProbes } from "./pod";

/** An HTTP endpoint for Prometheus. Its port is not a port of the Service. */
export interface ServiceMetrics {
  readonly port: number;
  readonly path: string;
}

/** Arguments that the versions of a service share. */
export interface SharedVersionArgs {
  /** Namespace of the versions. If it exists already, the pods have the labels that ask for sidecars. */
  readonly namespace: NamespaceArgs;
  /** Labels with which the namespace asks for sidecars: `injectionLabels` of the control plane. */
  readonly injectionLabels: pulumi.Input<Record<string, string>>;
  /** Port of the Service and of the first container of every version. */
  readonly port: number;
  readonly probes: ServiceProbes;
  /** Endpoint of the pods' metrics, written as annotations for scrapers; the proxy adds its own metrics. Default: none. */
  readonly metrics?: ServiceMetrics;
  /** Time limit for requests in flight when a pod terminates, in seconds. Default 25. */
  readonly drainSeconds?: number;
  /** Run as a user other than root with a read-only root file system. Default true. */
  readonly restricted?: boolean;
  /** Time limit for the pods of a version to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /** The cluster in which rollouts are checked. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/** Arguments of one version of a service. */
export interface VersionArgs {
  /** Spec of the pods. The first container serves requests. Port, probes, security context and stop have defaults ({@link servicePod}). */
  readonly pod: pulumi.Input<k8s.types.input.core.v1.PodSpec>;
  /** Default: one replica. With an autoscaler, the Deployment has no `replicas`, since an update would reset the autoscaler's number. */
  readonly scale?: Scale;
  /** Default: those of the service. */
  readonly probes?: ServiceProbes;
  /** Limit of each pod for the requests of all callers together. Default: no limit. */
  readonly rateLimit?: RateLimit;
}

export interface ServiceVersionArgs extends SharedVersionArgs, Omit<VersionArgs, "probes"> {
  /** Name of the Kubernetes Service that the version belongs to. */
  readonly serviceName: string;
  /** Name of the version, a DNS label. */
  readonly version: string;
}

/**
 * One version of a service: a ServiceAccount, a Deployment and, if the arguments ask for them, a rate limit, an autoscaler and
 * a disruption budget. The selector consists of service and version only, since Kubernetes does not allow it to change.
 */
export class ServiceVersion extends pulumi.ComponentResource {
  /** The Deployment, once its pods run the spec that was written. */
  readonly rolledOut: pulumi.Output<pulumi.Resource>;

  /** @param opts `dependsOn` applies to each object of the version too. */
  constructor(name: string, args: ServiceVersionArgs, opts: pulumi.ComponentResourceOptions = {}) {
    args = located(args, opts);
    // The state stores a component's inputs, so these do not repeat what its objects contain.
    super("shopzier-mesh:index:ServiceVersion", name, { version: args.version }, guarded(args.cluster, opts));
    const { serviceName, version, port, rateLimit, cluster } = args;
    const scale = args.scale ?? { replicas: 1 };
    const timeoutSeconds = args.timeoutSeconds ?? 180;
    const labels = podLabels(serviceName, version);
    const namespace = namespaceName(args.namespace);
    const metadata = { name: `${serviceName}-${version}`, namespace, labels };
    const child = {
      parent: this,
      dependsOn: opts.dependsOn,
      // Older states have the objects of a version as children of the VersionedService itself.
      aliases: [{ parent: opts.parent ?? pulumi.rootStackResource }],
    };

    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      child,
    );
    const deployment = new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas: "replicas" in scale ? scale.replicas : undefined,
          selector: { matchLabels: labels },
          // A new pod is ready before an old one terminates.
          strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
          progressDeadlineSeconds: timeoutSeconds,
          template: {
            metadata: { labels: meshLabels(args, labels), annotations: scrapeAnnotations(args.metrics) },
            spec: pulumi
              .output(args.pod)
              .apply((pod) =>
                servicePod(
                  { ...spreadOverNodes(labels), ...pod },
                  { ...args, serviceAccount: metadata.name },
                ),
              ),
          },
        },
      },
      {
        ...child,
        dependsOn: [account],
        customTimeouts: { create: `${timeoutSeconds}s`, update: `${timeoutSeconds}s` },
        hooks: beforeUpdate(
          workloadPreview(
            `${name}-deployment`,
            { name: serviceName, namespace },
            version,
            minimumReplicas(scale),
            this,
          ),
        ),
      },
    );
    if (rateLimit) {
      const spec = podRateLimit(rateLimit, labels, port);
      new EnvoyFilter(`${name}-rate-limit`, { metadata, spec }, child);
    }
    if ("autoscaler" in scale) {
      const spec = autoscalerSpec(scale.autoscaler, metadata.name);
      new k8s.autoscaling.v2.HorizontalPodAutoscaler(
        `${name}-autoscaler`,
        { metadata, spec },
        {
          ...child,
          dependsOn: [deployment],
          hooks: beforeUpdate(
            autoscalerPreview(`${name}-autoscaler`, { name: serviceName, namespace }, version, this),
          ),
        },
      );
    }
    if (minimumReplicas(scale) > 1) {
      const spec = { maxUnavailable: 1, selector: { matchLabels: labels } };
      new k8s.policy.v1.PodDisruptionBudget(`${name}-budget`, { metadata, spec }, child);
    }

    const minReplicas = "autoscaler" in scale ? minimumReplicas(scale) : undefined;
    this.rolledOut = rolledOut(deployment, { cluster, timeoutSeconds, minReplicas }).apply(
      (): pulumi.Resource => deployment,
    );
    this.registerOutputs({});
  }
}

/** Label of the revision on the pod template, so that a change of the revision replaces the pods. */
function meshLabels(
  { namespace, injectionLabels }: SharedVersionArgs,
  labels: Record<string, string>,
): pulumi.Output<Record<string, string>> {
  return sidecarLabels(injectionLabels).apply(
    ({ [REVISION_LABEL]: revision, ...inject }): Record<string, string> => ({
      ...labels,
      ...(revision && { [REVISION_LABEL]: revision }),
      ...(!isCreated(namespace) && inject),
    }),
  );
}

/** Annotations that scrapers read by convention (Prometheus' chart: job `kubernetes-pods`). */
function scrapeAnnotations(metrics: ServiceMetrics | undefined): Record<string, string> | undefined {
  return (
    metrics && {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(metrics.port),
      "prometheus.io/path": metrics.path,
    }
  );
}

const spreadOverNodes = (
  labels: Record<string, string>,
): Pick<k8s.types.input.core.v1.PodSpec, "topologySpreadConstraints"> => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: labels },
    },
  ],
});

function autoscalerSpec(
  { minReplicas, maxReplicas, targetCpuPercent = 80 }: Autoscaler,
  name: string,
): k8s.types.input.autoscaling.v2.HorizontalPodAutoscalerSpec {
  const target = { type: "Utilization", averageUtilization: targetCpuPercent };
  return {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
    minReplicas,
    maxReplicas,
    metrics: [{ type: "Resource", resource: { name: "cpu", target } }],
  };
}
