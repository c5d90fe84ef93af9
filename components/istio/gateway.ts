import { istioObject } from "./custom-resource";

export interface Server {
  readonly port: { readonly number: number; readonly name: string; readonly protocol: "HTTP" | "HTTPS" };
  readonly hosts: readonly string[];
  readonly tls?: {
    readonly mode?: "SIMPLE" | "MUTUAL";
    readonly credentialName?: string;
    readonly minProtocolVersion?: string;
    readonly httpsRedirect?: boolean;
  };
}

/** networking.istio.io/v1 GatewaySpec, the part that we write. */
export interface GatewaySpec {
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly Server[];
}

/** The ports, hosts and certificates of an ingress gateway (Istio: Gateway). */
export class Gateway extends istioObject<GatewaySpec>("networking.istio.io/v1", "Gateway") {}
