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

/** Istio reads a 0 as no limit. */
export interface ConnectionPoolSettings {
  readonly tcp?: { readonly maxConnections?: number };
  readonly http?: {
    readonly http1MaxPendingRequests?: number;
    /** Of HTTP/1.1 too. */
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

/** A subset's block replaces the rule's block of the same name as a whole; what it leaves out it inherits. */
export interface TrafficPolicy {
  /** TLS that proxies originate towards a host outside the mesh, by port. */
  readonly portLevelSettings?: readonly {
    readonly port: { readonly number: number };
    readonly tls: {
      readonly mode: "SIMPLE";
      readonly sni: string;
      /** Names of which the certificate must have one; with a `sni` and without them it may have any. */
      readonly subjectAltNames: readonly string[];
      /** `configmap://namespace/name` with the roots in key `ca.crt`; the proxy's own, which are the public ones, when absent. */
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

/** What a client does with the endpoints of a service once a route chose it (Istio: DestinationRule). */
export class DestinationRule extends istioObject<DestinationRuleSpec>(
  "networking.istio.io/v1",
  "DestinationRule",
) {}
