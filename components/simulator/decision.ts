/** What the simulator is asked, and what it says. */
import type { EnvoyConfigPatch } from "../istio/envoy-filter";
import type { Shares } from "../traffic/weights";
import type { Refusal, WrittenPolicy } from "./authorization";
import type { PathNormalization } from "./path-normalization";
import type { Token } from "./token";
import type { AnyVirtualService } from "./virtual-services";
import type { WrittenGateway } from "./written-objects";
import type { WrittenRequestAuthenticationSpec } from "./written-policies";

/** A request as a client sends it. */
export interface SimulatedRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** With the port, where the client sends one. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
  /** Names in lowercase; several values are several lines of one name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Of the Gateway's server, or of the service that a sidecar calls. Default: 80, or 443 for `https`. */
  readonly port?: number;
  /** From where it comes to the gateway. Default: from nowhere that a policy names. */
  readonly address?: string;
  /** Default: none. */
  readonly token?: Token;
  /** Identity in the certificate that the client shows, without `spiffe://`. Default: none. */
  readonly principal?: string;
}

/** The proxy that decides. */
export interface SimulatedProxy {
  /** Of its pod. */
  readonly namespace: string;
  /** Of its pod. Without them every Gateway counts, and no match with `sourceLabels` does. */
  readonly labels?: Readonly<Record<string, string>>;
  /** All there are: those count whose selector has these labels. Without this field the proxy is a sidecar. */
  readonly gateways?: readonly WrittenGateway[];
}

/** What is written to the cluster, as far as it decides about requests at a proxy. */
export interface SimulatedPlan {
  /** Objects in any order, or specs alone: of one host the older ones first. */
  readonly virtualServices: readonly AnyVirtualService[];
  /**
   * Default: a gateway to which every VirtualService is bound, with every host, on one port. There, what matches say of
   * ports, gateways and callers does not count, and is named; `exportTo` does not count.
   */
  readonly proxy?: SimulatedProxy;
  /** Default: Istio's BASE. */
  readonly pathNormalization?: PathNormalization;
  /** Without `proxy`: whether what came by HTTP to a proxy before the gateway is sent to HTTPS (Istio: `httpsRedirect`). */
  readonly forwardedHttps?: boolean;
  /** Without `proxy`: what answers plain HTTP, where it is not served but sent to HTTPS. */
  readonly httpsRedirect?: readonly AnyVirtualService[];
  /** For the gateway's pods. */
  readonly authorizationPolicies?: readonly WrittenPolicy[];
  /** For the gateway's pods. Default: tokens are not looked at. */
  readonly requestAuthentication?: WrittenRequestAuthenticationSpec;
  /** Proxies in front of the gateway. Default 0. */
  readonly trustedProxies?: number;
  /** Of the gateway's EnvoyFilters: which rules have rate limits. */
  readonly gatewayPatches?: readonly EnvoyConfigPatch[];
}

/** Why a request is refused: by the policies, or for its token. */
export type Denial =
  ({ readonly status: 403 } & Refusal) | { readonly status: 401 | 403; readonly reason: "token" };

/** Where a part of the requests goes. */
export interface RoutedDestination {
  /** In full, where the namespace of the VirtualService is known. */
  readonly host: string;
  readonly subset?: string;
  /** Default: the service's only port, or else that of the request. */
  readonly port?: number;
  /** More than 0. All of a decision sum to 100. */
  readonly percent: number;
}

/** What becomes of a request. `rule` is the name of the rule that decides, as access logs have it. */
export type Outcome =
  | {
      readonly kind: "routed";
      readonly rule: string;
      /** In the order of the rule. None where the rule has none, or only weights of 0, which Istio refuses. */
      readonly destinations: readonly RoutedDestination[];
      /** Path and host as the destinations get them. */
      readonly path: string;
      readonly host: string;
      /** Whether the rule has a limit, which refuses the request (429) when those before it have used it up. */
      readonly limited: boolean;
    }
  | {
      readonly kind: "redirected";
      readonly rule: string;
      readonly status: number;
      readonly location: string;
    }
  | { readonly kind: "answered"; readonly rule: string; readonly status: number; readonly body: string }
  /** A CORS preflight, answered by the gateway. */
  | { readonly kind: "preflight"; readonly rule: string; readonly allowed: boolean }
  | ({ readonly kind: "denied" } & Denial)
  | { readonly kind: "not found" }
  /** No server of a Gateway takes the connection: none has the port, or for `https` the host. */
  | { readonly kind: "no listener" }
  /** A path that no server should be shown. */
  | { readonly kind: "bad request" };

export type Decision = Outcome & {
  /** What may decide otherwise and was not looked at, in words. Absent where that is nothing. */
  readonly notLookedAt?: readonly string[];
};

/** Destinations of one service by version: percent by subset, "" for the service as a whole. */
export function sharesBySubset(destinations: readonly RoutedDestination[]): Shares {
  const shares: Record<string, number> = {};
  for (const { subset = "", percent } of destinations) shares[subset] = (shares[subset] ?? 0) + percent;
  return shares;
}
