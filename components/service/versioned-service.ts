import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { minimumReplicas, type Scale } from "../kubernetes/scale";
import { EnvoyFilter } from "../istio/envoy-filter";
import { podRateLimit, type RateLimit } from "../traffic/rate-limit";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { podLabels, PORT_NAME, servicePod, type ServiceProbes } from "./pod";
import { rolledOut } from "../readiness/rollout";
import {
  isCreated,
  namespaceFor,
  namespaceName,
  REVISION_LABEL,
  sidecarLabels,
  type NamespaceArgs,
} from "../kubernetes/namespace";
import { guarded } from "../kubernetes/ownership";

/** One version of a service. */
export interface ServiceVersion {
  /** Its pods. The first container serves; port, probes, security and stop are filled in where the spec leaves them out. */
  readonly pod: pulumi.Input<k8s.types.input.core.v1.PodSpec>;
  /** Default: one replica. With an autoscaler `replicas` stays out of the Deployment, so that the two do not fight. */
  readonly scale?: Scale;
  /** Default: those of the service. */
  readonly probes?: ServiceProbes;
  /** For each of its pods, whoever asks: twice the pods let twice as much through. Default: no limit. */
  readonly rateLimit?: RateLimit;
  /**
   * What its Deployment changes after: for a version that gets no requests, `routed` of its routes. A shift away from it
   * then comes before its pods go, and is not held up by pods that fail. Default: nothing, and the routes wait for it.
   */
  readonly after?: pulumi.Input<pulumi.Resource>;
}

/** An HTTP endpoint for Prometheus that is no port of the Service. */
export interface ServiceMetrics {
  readonly port: number;
  readonly path: string;
}

export interface VersionedServiceArgs {
  /** Name of the Kubernetes Service and prefix of everything else; the component's name by default. */
  readonly serviceName?: string;
  /**
   * Where it runs. In one that is somebody else's the pods themselves opt in to sidecars, and must not be kept from it by
   * the namespace.
   */
  readonly namespace: NamespaceArgs;
  /** Labels by which the namespace gets sidecars: `injectionLabels` of the control plane. */
  readonly injectionLabels: pulumi.Input<Record<string, string>>;
  /** Port of the Service and of the first container of every version. */
  readonly port: number;
  readonly probes: ServiceProbes;
  /** Version name (a DNS label) → what runs. At least one. */
  readonly versions: Readonly<Record<string, ServiceVersion>>;
  /** Where the pods answer Prometheus, as annotations that scrapers read; the proxy adds its own to them. Default: nowhere. */
  readonly metrics?: ServiceMetrics;
  /** Requests in flight when a pod ends have this long, in seconds. Default 25. */
  readonly graceSeconds?: number;
  /** Run as a user other than root with a read-only root file system. Default true. */
  readonly restricted?: boolean;
  /** How long the pods of a version may take to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /** Where rollouts are checked. Default: the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * A service that runs in several versions: a namespace with sidecar injection, one Service over all versions, and for
 * each version a ServiceAccount, a Deployment and, where there is more than one replica, a disruption budget.
 *
 * Selectors hold the service and the version only and never change; names are fixed, since Istio matches them.
 */
export class VersionedService extends pulumi.ComponentResource {
  readonly serviceName: pulumi.Output<string>;
  readonly namespace: pulumi.Output<string>;
  /** Version names, in the order given. */
  readonly versions: pulumi.Output<string[]>;
  /**
   * What the routes need, once its pods run what was written: the Service and every version that does not come `after`
   * something. What shifts traffic depends on this, and not on the component, which has the other versions too.
   */
  readonly rolledOut: pulumi.Output<pulumi.Resource[]>;

  constructor(name: string, args: VersionedServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    // Component inputs are kept in the state: a kubeconfig may not be among them. And the component waits for them, so that
    // nothing that comes after a part of it may be.
    const { cluster, ...inputs } = args;
    const versions = Object.fromEntries(
      Object.entries(args.versions).map(([version, { after: _, ...of }]) => [version, of]),
    );
    super("shopzier-mesh:index:VersionedService", name, { ...inputs, versions }, guarded(cluster, opts));
    const service = args.serviceName ?? name;
    const timeout = args.timeoutSeconds ?? 180;

    const namespace = namespaceName(args.namespace);
    const { name: ownNamespace, ready } = namespaceFor(name, args.namespace, {
      parent: this,
      labels: args.injectionLabels,
      injectionLabels: args.injectionLabels,
      cluster,
    });
    const inNamespace = { parent: this, dependsOn: ready };

    const entrance = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: {
          name: service,
          namespace,
          labels: { app: service },
          // Whether it has endpoints is what the Deployments wait for; waiting here again takes ten seconds.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          selector: { app: service },
          ports: [{ name: PORT_NAME, port: args.port, targetPort: PORT_NAME, appProtocol: "http" }],
        },
      },
      inNamespace,
    );

    const rollouts: pulumi.Output<pulumi.Resource>[] = [];
    for (const [version, of] of Object.entries(args.versions)) {
      const { pod, scale = { replicas: 1 }, probes = args.probes, rateLimit, after } = of;
      const child = `${name}-${version}`;
      const labels = podLabels(service, version);
      const metadata = { name: `${service}-${version}`, namespace, labels };
      const account = new k8s.core.v1.ServiceAccount(
        `${child}-account`,
        { metadata, automountServiceAccountToken: false },
        inNamespace,
      );
      const deployment = new k8s.apps.v1.Deployment(
        `${child}-deployment`,
        {
          metadata,
          spec: {
            ...("replicas" in scale && { replicas: scale.replicas }),
            selector: { matchLabels: labels },
            // A new pod takes traffic before an old one ends.
            strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
            progressDeadlineSeconds: timeout,
            template: {
              metadata: {
                // Another revision of the control plane takes new pods, not those that run.
                labels: sidecarLabels(args.injectionLabels).apply(
                  ({ [REVISION_LABEL]: revision, ...inject }) => ({
                    ...labels,
                    ...(revision && { [REVISION_LABEL]: revision }),
                    ...(!isCreated(args.namespace) && inject),
                  }),
                ),
                ...(args.metrics && {
                  annotations: {
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": String(args.metrics.port),
                    "prometheus.io/path": args.metrics.path,
                  },
                }),
              },
              spec: pulumi.output(pod).apply((spec) =>
                servicePod(
                  {
                    topologySpreadConstraints: [
                      {
                        maxSkew: 1,
                        topologyKey: "kubernetes.io/hostname",
                        whenUnsatisfiable: "ScheduleAnyway",
                        labelSelector: { matchLabels: labels },
                      },
                    ],
                    ...spec,
                  },
                  {
                    port: args.port,
                    probes,
                    serviceAccount: metadata.name,
                    graceSeconds: args.graceSeconds,
                    restricted: args.restricted,
                  },
                ),
              ),
            },
          },
        },
        {
          parent: this,
          dependsOn: [account, ...(after === undefined ? [] : [after])],
          customTimeouts: { create: `${timeout}s`, update: `${timeout}s` },
        },
      );
      const rollout = rolledOut(deployment, {
        cluster,
        timeoutSeconds: timeout,
        ...("autoscaler" in scale && { minReplicas: minimumReplicas(scale) }),
      });
      if (after === undefined) rollouts.push(rollout.apply(() => deployment));
      if (rateLimit) {
        new EnvoyFilter(
          `${child}-rate-limit`,
          { metadata, spec: podRateLimit(rateLimit, labels, args.port) },
          inNamespace,
        );
      }
      if ("autoscaler" in scale) {
        const { minReplicas, maxReplicas, targetCpuPercent = 80 } = scale.autoscaler;
        new k8s.autoscaling.v2.HorizontalPodAutoscaler(
          `${child}-autoscaler`,
          {
            metadata,
            spec: {
              scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: metadata.name },
              minReplicas,
              maxReplicas,
              metrics: [
                {
                  type: "Resource",
                  resource: {
                    name: "cpu",
                    target: { type: "Utilization", averageUtilization: targetCpuPercent },
                  },
                },
              ],
            },
          },
          { parent: this, dependsOn: [deployment] },
        );
      }
      if (minimumReplicas(scale) > 1) {
        new k8s.policy.v1.PodDisruptionBudget(
          `${child}-budget`,
          { metadata, spec: { maxUnavailable: 1, selector: { matchLabels: labels } } },
          inNamespace,
        );
      }
    }

    this.serviceName = pulumi.output(service);
    this.namespace = ownNamespace;
    this.versions = pulumi.output(Object.keys(args.versions));
    this.rolledOut = pulumi.all([entrance, ...rollouts]);
    this.registerOutputs({
      serviceName: this.serviceName,
      namespace: this.namespace,
      versions: this.versions,
    });
  }
}
