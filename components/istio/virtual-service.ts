import type * as pulumi from "@pulumi/pulumi";
import { IstioObject, type IstioObjectArgs } from "./custom-resource";

/** Matches a URI or a header value: exactly one of the three. */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

export interface HttpMatchRequest {
  readonly name?: string;
  readonly uri?: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
}

export interface Destination {
  /** Fully qualified service name: short names resolve in the namespace of the rule, not of the service. */
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number: number };
}

export interface HttpRouteDestination {
  readonly destination: Destination;
  /** Relative integer weight; left out for a lone destination, for which Istio ignores it. */
  readonly weight?: number;
}

export interface HttpRoute {
  readonly name?: string;
  readonly match?: readonly HttpMatchRequest[];
  readonly route: readonly HttpRouteDestination[];
}

/** networking.istio.io/v1 VirtualServiceSpec, the part that we write. */
export interface VirtualServiceSpec {
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly http: readonly HttpRoute[];
}

/** Which requests to a host go where (Istio: VirtualService). */
export class VirtualService extends IstioObject<VirtualServiceSpec> {
  constructor(name: string, args: IstioObjectArgs<VirtualServiceSpec>, opts?: pulumi.CustomResourceOptions) {
    super(name, "networking.istio.io/v1", "VirtualService", args, opts);
  }
}
