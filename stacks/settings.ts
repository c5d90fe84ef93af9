import type { LoadBalancer } from "../components/traffic/load-balancer";
import type { Shares, Weights } from "../components/traffic/weights";

/** CPU and memory as Kubernetes quantities ("100m", "256Mi"). */
export interface ResourceAmounts {
  readonly cpu?: string;
  readonly memory?: string;
}

/** Container resources as Kubernetes takes them. */
export interface Resources {
  readonly requests?: ResourceAmounts;
  readonly limits?: ResourceAmounts;
}

/** Bounds of a HorizontalPodAutoscaler on CPU; `minReplicas` is at least 1. */
export interface Autoscaler {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Utilization to hold, in percent of the CPU request. Default 80. */
  readonly targetCpuPercent: number;
}

/** A fixed number of pods or an autoscaler: exactly one is there. */
export type Scale =
  | { readonly replicas: number; readonly autoscaler?: never }
  | { readonly autoscaler: Autoscaler; readonly replicas?: never };

/** Helm values of one chart: free-form. */
export type HelmValues = Readonly<Record<string, unknown>>;

/** Where the Istio charts come from: the URL of a chart repository, or a folder (relative to the project) with `base`, `istiod` and `gateway`. */
export type ChartSource =
  | { readonly repository: string; readonly directory?: never }
  | { readonly directory: string; readonly repository?: never };

/** The Istio installation. */
export interface IstioSettings {
  /** Version of charts and images, without a leading "v". Default "1.31.0". */
  readonly version: string;
  /** Image hub and tag; the charts' own when absent. */
  readonly hub?: string;
  readonly tag?: string;
  readonly charts: ChartSource;
  /** Istio revision; the default revision when absent. */
  readonly revision?: string;
  /** Neither `replicas` nor `autoscaler` is there when the chart's own default shall apply. */
  readonly controlPlane: {
    readonly replicas?: number;
    readonly autoscaler?: Autoscaler;
    readonly resources?: Resources;
  };
  /** Values merged last into the three releases. */
  readonly values: {
    readonly base?: HelmValues;
    readonly istiod?: HelmValues;
    readonly gateway?: HelmValues;
  };
}

/** The ingress gateway. */
export type GatewaySettings = Scale & {
  readonly serviceType: "LoadBalancer" | "NodePort" | "ClusterIP";
  /** Host name or address by which clients reach a NodePort gateway; always there for NodePort, never otherwise. */
  readonly address?: string;
  readonly nodePorts?: { readonly http?: number; readonly https?: number };
  readonly resources?: Resources;
  /** Whether port 80 is open (to serve, or to redirect to HTTPS). */
  readonly http: boolean;
  /** HTTPS with the named TLS secret; `redirect` sends HTTP requests to HTTPS. */
  readonly tls?: { readonly credentialName: string; readonly redirect: boolean };
  /** How long a stopping gateway pod finishes its requests, in whole seconds. Default 30. */
  readonly drainSeconds: number;
  readonly imagePullPolicy?: "IfNotPresent" | "Always" | "Never";
};

/** One workload version of the category API. */
export type VersionSettings = Scale & {
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly resources?: Resources;
  /** HTTP paths of the probes; the profile's when absent. */
  readonly readinessPath?: string;
  readonly livenessPath?: string;
};

/** The category API and its versions. */
export interface CategorySettings {
  /** Host name that clients ask for; "*" and "*.example.com" outside production only. */
  readonly host: string;
  /** Kubernetes namespace of the workloads. Default "category". */
  readonly namespace: string;
  /** Container port. Default 8080. */
  readonly port: number;
  /** Whose defaults (probes, resources) apply: our category API or the real Shopizer image. Default "category-api". */
  readonly profile: "category-api" | "shopizer";
  /** Version name (a DNS-1123 label) → workload; at least one; sorted by name. */
  readonly versions: Readonly<Record<string, VersionSettings>>;
  /** How long a stopping pod may take, in whole seconds; the component's default when absent. */
  readonly terminationGraceSeconds?: number;
}

/** The configuration of a stack, checked, with every default filled in. Deeply frozen. */
export interface Settings {
  /** Whether the rules for production hold (HTTPS, no wildcard host, two replicas, fixed image tags). Default false. */
  readonly production: boolean;
  readonly istio: IstioSettings;
  readonly gateway: GatewaySettings;
  readonly category: CategorySettings;
  readonly traffic: {
    /** As written. */
    readonly weights: Weights;
    /** Percent per version, "rest" worked out. */
    readonly shares: Shares;
  };
  /** Default LEAST_REQUEST. */
  readonly loadBalancer: LoadBalancer;
  /** The barrier that holds deletions until every gateway pod has the new routes. */
  readonly propagation: {
    /** Default true. */
    readonly wait: boolean;
    /** Limit in whole seconds. Default 60. */
    readonly timeoutSeconds: number;
  };
  /** For the user's eyes; none of them stops an update. */
  readonly warnings: readonly string[];
}

/** One thing that is wrong with a stack's configuration. */
export interface Problem {
  /** Where, in the path syntax of `pulumi config`: `shopzier:traffic.weights.v2`. */
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
  /** Why, or what was probably meant. */
  readonly hint?: string;
  /** Commands that repair it; alternatives when there are several. */
  readonly repairs: readonly string[];
}

/** Everything that is wrong with a stack's configuration; `message` is the whole report. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  constructor(
    stack: string,
    readonly problems: readonly Problem[],
  ) {
    super(`Pulumi.${stack}.yaml: ${problems.length} problems`);
  }
}

/**
 * Checks the configuration of a stack and fills in the defaults.
 *
 * @param config key without namespace → value as Pulumi gives it; objects may still be JSON text.
 * @throws SettingsError with all problems.
 */
export function parseSettings(_config: Record<string, unknown>, stack: string): Settings {
  throw new SettingsError(stack, []);
}
