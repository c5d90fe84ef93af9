import type { HelmValues } from "./helm-chart";

/** A horizontal autoscaler by CPU (Kubernetes: HorizontalPodAutoscaler). */
export interface Autoscaler {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Mean CPU use in percent of the request. Default 80. */
  readonly targetCpuPercent?: number;
}

/** How many pods: a fixed number, or what the autoscaler decides. */
export type Scale = { readonly replicas: number } | { readonly autoscaler: Autoscaler };

/** Pods that there are at any time. */
export function minimumReplicas(scale: Scale): number {
  return "replicas" in scale ? scale.replicas : scale.autoscaler.minReplicas;
}

/** The scale in the words of Istio's charts, which have two dialects. */
export function scaleValues(scale: Scale, dialect: "istiod" | "gateway"): HelmValues {
  const auto = "autoscaler" in scale ? scale.autoscaler : undefined;
  if (dialect === "istiod") {
    return auto
      ? {
          autoscaleEnabled: true,
          autoscaleMin: auto.minReplicas,
          autoscaleMax: auto.maxReplicas,
          cpu: { targetAverageUtilization: auto.targetCpuPercent ?? 80 },
        }
      : { autoscaleEnabled: false, replicaCount: minimumReplicas(scale) };
  }
  return auto
    ? {
        autoscaling: {
          enabled: true,
          minReplicas: auto.minReplicas,
          maxReplicas: auto.maxReplicas,
          targetCPUUtilizationPercentage: auto.targetCpuPercent ?? 80,
        },
      }
    : { autoscaling: { enabled: false }, replicaCount: minimumReplicas(scale) };
}
