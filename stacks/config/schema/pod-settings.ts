import { object, withDefault } from "./fields";
import { integer, quantity } from "./number-fields";

export const resources = object(
  {
    requests: object(
      {
        cpu: quantity("cpu", { description: "CPU to reserve.", example: "100m" }).exactOptional(),
        memory: quantity("memory", { description: "Memory to reserve.", example: "256Mi" }).exactOptional(),
      },
      "What the scheduler reserves.",
    ).exactOptional(),
    limits: object(
      {
        cpu: quantity("cpu", { description: "Most CPU.", example: "1" }).exactOptional(),
        memory: quantity("memory", { description: "Most memory.", example: "512Mi" }).exactOptional(),
      },
      "What a container may use at most.",
    ).exactOptional(),
  },
  "CPU and memory, as Kubernetes quantities.",
);

export const autoscaler = object(
  {
    minReplicas: integer(1, 1000, { description: "Fewest pods.", example: 2 }),
    maxReplicas: integer(1, 1000, { description: "Most pods.", example: 5 }),
    targetCpuPercent: withDefault(
      integer(1, 100, {
        description: "Target of the CPU utilization, in percent of the CPU request.",
        example: 80,
      }),
      80,
    ),
  },
  "A HorizontalPodAutoscaler on CPU, instead of `replicas`.",
);
