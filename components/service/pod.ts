import type * as k8s from "@pulumi/kubernetes";
import { VERSION_LABEL } from "../traffic/route-plan";

type PodSpec = k8s.types.input.core.v1.PodSpec;
type Container = k8s.types.input.core.v1.Container;
type Probe = k8s.types.input.core.v1.Probe;

/** The probes of a container. */
export interface ServiceProbes {
  /** HTTP path that answers 200 when the container is ready. */
  readonly readinessPath: string;
  /** HTTP path that answers 200 while the container works. Default: no liveness probe. */
  readonly livenessPath?: string;
  /** Time limit for the start, in seconds. Default 60. */
  readonly startupSeconds?: number;
}

export interface ServicePodArgs {
  /** Port on which the first container serves HTTP. */
  readonly port: number;
  readonly probes: ServiceProbes;
  readonly serviceAccount: string;
  /**
   * Time for which a terminating pod still serves, in seconds. It must be longer than the gateways need to remove the pod's
   * endpoint. Default 10.
   */
  readonly lingerSeconds?: number;
  /** Time limit for requests in flight after that, in seconds. Default 25. */
  readonly drainSeconds?: number;
  /** Run as a user other than root with a read-only root file system. False for an image that needs root. Default true. */
  readonly restricted?: boolean;
}

/** Name of the port that serves requests. Its prefix names the protocol for Istio. */
export const PORT_NAME = "http";

/**
 * Completes a pod spec for a service in the mesh. Fields that the spec already has are not changed.
 *
 * The first container gets the port, the probes and a delay before its stop, in which the gateways remove its endpoint. The
 * pod and all containers get the fields that the Pod Security level "restricted" requires.
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
    // The services do not use the API server, and the proxy has its own token.
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
        // With a period of one second, a quick start is not delayed.
        startupProbe: { ...probe(readinessPath), periodSeconds: 1, failureThreshold: startupSeconds },
        readinessProbe: { ...probe(readinessPath), periodSeconds: 5 },
        ...(livenessPath !== undefined && { livenessProbe: { ...probe(livenessPath), periodSeconds: 10 } }),
        // Kubernetes' sleep action works for images without a shell too.
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
