import type { HelmValues } from "./helm-chart";

/** A horizontal autoscaler by CPU use (Kubernetes: HorizontalPodAutoscaler). */
export interface Autoscaler {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Mean CPU use in percent of the request. Default 80. */
  readonly targetCpuPercent?: number;
}

/** The number of pods: fixed, or set by an autoscaler. */
export type Scale = { readonly replicas: number } | { readonly autoscaler: Autoscaler };

/** The lowest number of pods. */
export function minimumReplicas(scale: Scale): number {
  return "replicas" in scale ? scale.replicas : scale.autoscaler.minReplicas;
}

/** The scale as values of an Istio chart. The charts `istiod` and `gateway` name the same values differently. */
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
