import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import type { HelmValues } from "../kubernetes/helm-chart";
import { chartNamespace, chartRelease, type Chart, type ChartReleaseArgs } from "./chart-release";
import { BADGER_FOLDER, JAEGER_NAME, jaegerConfig, type JaegerStorage } from "./jaeger-config";
import { located, withoutCluster } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface JaegerArgs extends ChartReleaseArgs {
  /** Default: 50,000 traces in memory. */
  readonly storage?: JaegerStorage;
}

/** Jaeger 2, installed by the chart of its project. Chart versions before 4.0 have Jaeger 1. */
const CHART: Chart = {
  name: JAEGER_NAME,
  version: "4.11.1",
  charts: { repository: "https://jaegertracing.github.io/helm-charts" },
};
const VOLUME = "badger";

/**
 * Jaeger 2, installed by the chart of its project: one pod that receives OTLP and Zipkin spans, stores them and shows them. It
 * has no sidecar and no login. Use port forwarding, or a proxy with a login in front of it.
 */
export class Jaeger extends pulumi.ComponentResource {
  /** URL of the user interface and the query API within the cluster. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: JaegerArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:Jaeger", name, withoutCluster(args), guarded(args.cluster, opts));
    const storage = args.storage ?? { memory: { maxTraces: 50_000 } };
    const namespace = chartNamespace(name, CHART, args, this);
    const claim =
      "badger" in storage
        ? new k8s.core.v1.PersistentVolumeClaim(
            `${name}-volume`,
            {
              metadata: {
                name: "jaeger-badger",
                namespace: namespace.name,
                // Most storage classes bind a volume only with its first pod, which is created later.
                annotations: { "pulumi.com/skipAwait": "true" },
              },
              spec: {
                accessModes: ["ReadWriteOnce"],
                resources: { requests: { storage: storage.badger.size } },
                storageClassName: storage.badger.storageClass,
              },
            },
            { parent: this, dependsOn: namespace.ready },
          )
        : undefined;
    const release = chartRelease(name, CHART, args, jaegerValues(args, storage), {
      parent: this,
      dependsOn: claim ? [claim] : namespace.ready,
    });
    this.url = pulumi.interpolate`http://${CHART.name}.${release.status.namespace}.svc.cluster.local:16686`;
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
      resources: args.resources,
      podLabels: { "sidecar.istio.io/inject": "false" },
      extraEnv: [
        // The pod does not see a change of the mounted configuration; a changed variable replaces the pod.
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
