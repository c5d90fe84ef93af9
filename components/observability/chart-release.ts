import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ClusterAccess } from "../kubernetes/cluster";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../kubernetes/helm-chart";
import { namespaceFor, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";

/** An image by name and tag. */
export interface ContainerImage {
  readonly repository: string;
  readonly tag: string;
}

/** Arguments of the installation of a chart. */
export interface ChartReleaseArgs {
  /** Version of the chart. Default: a version that these components are tested with. */
  readonly version?: string;
  /** Source of the chart. Default: the chart repository of its project. */
  readonly charts?: ChartSource;
  /** Default: the image of the chart. */
  readonly image?: ContainerImage;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Helm values of the chart, which replace those of this component. */
  readonly values?: HelmValues;
  /** Default: the name of the chart. */
  readonly namespace?: NamespaceArgs;
  /** Time limit for the release to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /** The cluster that is asked whether an object exists. Default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/** A chart, whose name is also that of the release, of the Service and, by default, of the namespace. */
export interface Chart {
  readonly name: string;
  readonly version: string;
  readonly charts: ChartSource;
}

/** The namespace of a chart, and the resource that creates it. */
export function chartNamespace(
  name: string,
  { name: chartName }: Chart,
  { namespace = chartName, cluster }: ChartReleaseArgs,
  parent: pulumi.Resource,
): { readonly name: string; readonly ready: pulumi.Input<pulumi.Resource[]> } {
  return { name: namespaceName(namespace), ready: namespaceFor(name, namespace, { parent, cluster }).ready };
}

/** Installs a chart with `values`, which the values of the user replace. */
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
