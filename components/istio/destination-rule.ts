import type * as pulumi from "@pulumi/pulumi";
import { IstioObject, type IstioObjectArgs } from "./custom-resource";

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
}

export interface TrafficPolicy {
  /** TLS that proxies originate towards a host outside the mesh. */
  readonly tls?: { readonly mode: "SIMPLE"; readonly sni?: string };
  readonly loadBalancer?: LoadBalancerSettings;
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
export class DestinationRule extends IstioObject<DestinationRuleSpec> {
  constructor(name: string, args: IstioObjectArgs<DestinationRuleSpec>, opts?: pulumi.CustomResourceOptions) {
    super(name, "networking.istio.io/v1", "DestinationRule", args, opts);
  }
}
