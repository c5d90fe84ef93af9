import type * as k8s from "@pulumi/kubernetes";
import { VERSION_LABEL } from "../traffic/route-plan";

type PodSpec = k8s.types.input.core.v1.PodSpec;
type Container = k8s.types.input.core.v1.Container;
type Probe = k8s.types.input.core.v1.Probe;

/** How the kubelet asks a container whether it lives and takes traffic. */
export interface ServiceProbes {
  /** HTTP path that answers 200 when the container takes traffic. */
  readonly readinessPath: string;
  /** HTTP path that answers 200 while the container works. Default: none asked. */
  readonly livenessPath?: string;
  /** How long the first start may take, in seconds. Default 60. */
  readonly startupSeconds?: number;
}

export interface ServicePodArgs {
  /** Port on which the first container serves HTTP. */
  readonly port: number;
  readonly probes: ServiceProbes;
  readonly serviceAccount: string;
  /**
   * How long a pod that ends goes on serving, in seconds: longer than the gateways need to learn that it goes.
   * Default 10.
   */
  readonly lingerSeconds?: number;
  /** How long requests in flight may take after that, in seconds. Default 25. */
  readonly drainSeconds?: number;
  /** Run as a user other than root with a read-only root file system. Default true; an image that needs root says false. */
  readonly restricted?: boolean;
}

/** Name by which Istio and the probes know the serving port: the prefix tells Istio the protocol. */
export const PORT_NAME = "http";

/**
 * Completes a pod spec for a service in the mesh; what the spec already says stays as it is.
 *
 * Adds to the first container the port, probes and a stop that lets the gateways go first; to every container and the
 * pod what Pod Security "restricted" asks for.
 */
export function servicePod(spec: PodSpec, args: ServicePodArgs): PodSpec {
  const [serving, ...others] = spec.containers as Container[];
  if (!serving) throw new RangeError("a pod spec without containers; the first container serves the port");
  const linger = args.lingerSeconds ?? 10;
  const restricted = args.restricted ?? true;
  const secure = (container: Container): Container => ({
    ...container,
    securityContext: container.securityContext ?? {
      allowPrivilegeEscalation: false,
      ...(restricted && { capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true }),
    },
  });
  const probe = (path: string): Probe => ({ httpGet: { path, port: PORT_NAME } });
  const { readinessPath, livenessPath, startupSeconds = 60 } = args.probes;
  return {
    ...spec,
    serviceAccountName: args.serviceAccount,
    // Nothing in a service talks to the API server; the proxy brings a token of its own.
    automountServiceAccountToken: spec.automountServiceAccountToken ?? false,
    enableServiceLinks: spec.enableServiceLinks ?? false,
    terminationGracePeriodSeconds:
      spec.terminationGracePeriodSeconds ?? linger + (args.drainSeconds ?? 25) + 5,
    securityContext: spec.securityContext ?? {
      ...(restricted && { runAsNonRoot: true }),
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        // Probes that answer within a second find a slow start without delaying a quick one.
        startupProbe: { ...probe(readinessPath), periodSeconds: 1, failureThreshold: startupSeconds },
        readinessProbe: { ...probe(readinessPath), periodSeconds: 5 },
        ...(livenessPath !== undefined && { livenessProbe: { ...probe(livenessPath), periodSeconds: 10 } }),
        // Kubernetes' own sleep: images without a shell have it too.
        lifecycle: { preStop: { sleep: { seconds: linger } } },
        ...secure(serving),
        ...(!hasPorts(serving) && { ports: [{ name: PORT_NAME, containerPort: args.port }] }),
      },
      ...others.map(secure),
    ],
  };
}

/** Labels of the pods of one version; Istio's telemetry reads `app` and `version` (Istio docs, "Pod and service requirements"). */
export function podLabels(service: string, version: string): Record<string, string> {
  return { app: service, [VERSION_LABEL]: version };
}

const hasPorts = (container: Container): boolean =>
  Array.isArray(container.ports) && container.ports.length > 0;
