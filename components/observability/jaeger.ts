import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../mesh/helm-chart";
import { BADGER_FOLDER, JAEGER_NAME, jaegerConfig, type JaegerStorage } from "./jaeger-config";
import type { ContainerImage } from "./prometheus";

/** The chart repository of the Jaeger project. */
export const JAEGER_CHARTS: ChartSource = { repository: "https://jaegertracing.github.io/helm-charts" };

export interface JaegerArgs {
  /** Version of chart `jaeger`, 4.0 or later (Jaeger 2). Default 4.11.1. */
  readonly version?: string;
  /** Where the chart comes from; default: the project's chart repository. */
  readonly charts?: ChartSource;
  /** Default: the chart's. */
  readonly image?: ContainerImage;
  /** Default: 50,000 traces in memory. */
  readonly storage?: JaegerStorage;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Helm values of the chart, merged last over ours. */
  readonly values?: HelmValues;
  /** Made by this component. Default `jaeger`. */
  readonly namespace?: string;
  /** How long the release may take to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
}

const NAME = JAEGER_NAME;
const VOLUME = "badger";

/**
 * Jaeger 2, by the chart of its project: one pod that takes OTLP and Zipkin spans, keeps them and shows them. It has no
 * sidecar and no login: reach it by port forwarding, or put something that asks for one in front.
 */
export class Jaeger extends pulumi.ComponentResource {
  /** URL of the user interface and the query API within the cluster. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: JaegerArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:Jaeger", name, args, opts);
    const namespaceName = args.namespace ?? NAME;
    const storage = args.storage ?? { memory: { maxTraces: 50_000 } };
    const namespace = new k8s.core.v1.Namespace(
      `${name}-namespace`,
      { metadata: { name: namespaceName } },
      { parent: this },
    );
    const claim =
      "badger" in storage
        ? new k8s.core.v1.PersistentVolumeClaim(
            `${name}-volume`,
            {
              metadata: {
                name: "jaeger-badger",
                namespace: namespaceName,
                // Most classes bind a volume with its first pod, which comes after.
                annotations: { "pulumi.com/skipAwait": "true" },
              },
              spec: {
                accessModes: ["ReadWriteOnce"],
                resources: { requests: { storage: storage.badger.size } },
                ...(storage.badger.storageClass !== undefined && {
                  storageClassName: storage.badger.storageClass,
                }),
              },
            },
            { parent: this, dependsOn: [namespace] },
          )
        : undefined;
    const release = new k8s.helm.v3.Release(
      `${name}-release`,
      {
        name: NAME,
        namespace: namespace.metadata.name,
        timeout: args.timeoutSeconds ?? 180,
        cleanupOnFail: true,
        ...chart("jaeger", args.version ?? "4.11.1", args.charts ?? JAEGER_CHARTS),
        values: mergeValues(jaegerValues(args, storage), args.values),
      },
      { parent: this, dependsOn: claim ? [claim] : [namespace] },
    );
    this.url = pulumi.interpolate`http://${NAME}.${release.status.namespace}.svc.cluster.local:16686`;
    this.registerOutputs({ url: this.url });
  }
}

function jaegerValues(args: JaegerArgs, storage: JaegerStorage): HelmValues {
  const config = jaegerConfig(storage);
  const search =
    "elasticsearch" in storage
      ? storage.elasticsearch
      : "opensearch" in storage
        ? storage.opensearch
        : undefined;
  const credentials = search?.credentials;
  const variable = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: credentials ?? "", key } },
  });
  return {
    jaeger: {
      ...(args.image && { image: { registry: "", ...args.image } }),
      ...(args.resources && { resources: args.resources }),
      podLabels: { "sidecar.istio.io/inject": "false" },
      extraEnv: [
        // The chart mounts the configuration in a way that no change of it reaches the pod; this makes a new pod.
        {
          name: "CONFIG_HASH",
          value: createHash("sha256").update(JSON.stringify(config)).digest("hex").slice(0, 16),
        },
        ...(credentials === undefined
          ? []
          : [variable("STORE_USERNAME", "username"), variable("STORE_PASSWORD", "password")]),
      ],
      ...("badger" in storage && {
        extraVolumes: [{ name: VOLUME, persistentVolumeClaim: { claimName: "jaeger-badger" } }],
        extraVolumeMounts: [{ name: VOLUME, mountPath: BADGER_FOLDER }],
      }),
    },
    userconfig: config,
  };
}
