import { istioObject } from "./custom-resource";

export interface LoadBalancerSettings {
  readonly simple?: string;
  readonly consistentHash?: {
    readonly httpHeaderName?: string;
    readonly httpCookie?: { readonly name: string; readonly path?: string; readonly ttl?: string };
    readonly useSourceIp?: boolean;
    readonly httpQueryParameterName?: string;
    readonly ringHash?: { readonly minimumRingSize?: number };
    readonly maglev?: { readonly tableSize: number };
  };
  readonly warmup?: {
    readonly duration: string;
    readonly aggression?: number;
    readonly minimumPercent?: number;
  };
  readonly localityLbSetting?: {
    readonly enabled?: boolean;
    readonly distribute?: readonly {
      readonly from: string;
      readonly to: Readonly<Record<string, number>>;
    }[];
    readonly failover?: readonly { readonly from: string; readonly to: string }[];
  };
}

/** Limits of connections and requests. Istio reads 0 as no limit. */
export interface ConnectionPoolSettings {
  readonly tcp?: { readonly maxConnections?: number };
  readonly http?: {
    readonly http1MaxPendingRequests?: number;
    /** Applies to HTTP/1.1 too. */
    readonly http2MaxRequests?: number;
    readonly maxRequestsPerConnection?: number;
    readonly maxRetries?: number;
  };
}

export interface OutlierDetectionSettings {
  readonly consecutive5xxErrors?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly interval?: string;
  readonly baseEjectionTime?: string;
  readonly maxEjectionPercent?: number;
}

export interface RetryBudgetSettings {
  readonly percent: number;
  readonly minRetryConcurrency: number;
}

/** A block of a subset replaces the rule's block of the same name as a whole. Blocks that it leaves out are inherited. */
export interface TrafficPolicy {
  /** TLS from the proxies to a host outside the mesh, by port. */
  readonly portLevelSettings?: readonly {
    readonly port: { readonly number: number };
    readonly tls: {
      readonly mode: "SIMPLE";
      readonly sni: string;
      /** The certificate must have one of these names. With `sni` and without these names, any name is accepted. */
      readonly subjectAltNames: readonly string[];
      /** `configmap://namespace/name` with the root certificates in key `ca.crt`. Default: the public ones of the proxy. */
      readonly credentialName?: string;
    };
  }[];
  readonly loadBalancer?: LoadBalancerSettings;
  readonly connectionPool?: ConnectionPoolSettings;
  readonly outlierDetection?: OutlierDetectionSettings;
  readonly retryBudget?: RetryBudgetSettings;
}

/** A version of a service, as the labels of its pods. */
export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly trafficPolicy?: TrafficPolicy;
}

/** networking.istio.io/v1 DestinationRuleSpec, the part that we write. */
export interface DestinationRuleSpec {
  readonly host: string;
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets?: readonly Subset[];
}

/** Policies for requests to a service after routing (Istio: DestinationRule). */
export class DestinationRule extends istioObject<DestinationRuleSpec>(
  "networking.istio.io/v1",
  "DestinationRule",
) {}
