import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../kubernetes/helm-chart";
import { namespaceFor, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";

/** An image by name and tag. */
export interface ContainerImage {
  readonly repository: string;
  readonly tag: string;
}

/** How a chart is installed. */
export interface ChartReleaseArgs {
  /** Version of the chart. Default: one that these components were tested with. */
  readonly version?: string;
  /** Where the chart comes from. Default: the chart repository of its project. */
  readonly charts?: ChartSource;
  /** Default: the chart's. */
  readonly image?: ContainerImage;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Helm values of the chart, merged last over ours. */
  readonly values?: HelmValues;
  /** Default: the name of the chart. */
  readonly namespace?: NamespaceArgs;
  /** How long the release may take to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /** The cluster that is asked whether an object is there already; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/** A chart with a release, a Service and, unless told otherwise, a namespace of its own name. */
export interface Chart {
  readonly name: string;
  readonly version: string;
  readonly charts: ChartSource;
}

/** The namespace of a chart, and what makes it. */
export function chartNamespace(
  name: string,
  { name: chartName }: Chart,
  { namespace = chartName, cluster }: ChartReleaseArgs,
  parent: pulumi.Resource,
): { readonly name: string; readonly ready: pulumi.Input<pulumi.Resource[]> } {
  return { name: namespaceName(namespace), ready: namespaceFor(name, namespace, { parent, cluster }).ready };
}

/** Installs a chart with `values`, and those of the user over them. */
export function chartRelease(
  name: string,
  { name: chartName, version, charts }: Chart,
  args: ChartReleaseArgs,
  values: HelmValues,
  opts: pulumi.CustomResourceOptions,
): k8s.helm.v3.Release {
  return new k8s.helm.v3.Release(
    `${name}-release`,
    {
      name: chartName,
      namespace: namespaceName(args.namespace ?? chartName),
      timeout: args.timeoutSeconds ?? 180,
      cleanupOnFail: true,
      ...chart(chartName, args.version ?? version, args.charts ?? charts),
      values: mergeValues(values, args.values),
    },
    opts,
  );
}
