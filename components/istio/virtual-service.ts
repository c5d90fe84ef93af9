import { istioObject } from "./custom-resource";

/** Exactly one of the three. A regex is RE2, has at most 1024 characters, and must match the whole value. */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

/** All conditions of one match must hold (Istio: HTTPMatchRequest). */
export interface HttpMatchRequest {
  readonly name?: string;
  readonly uri?: StringMatch;
  readonly method?: StringMatch;
  /** Includes the port if the client sends one. */
  readonly authority?: StringMatch;
  /** Header name in lowercase → match. An empty match requires only presence. */
  readonly headers?: Readonly<Record<string, StringMatch>>;
  /** Header name → excluded values. An empty match requires absence. */
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>;
  /** An empty match requires only presence. */
  readonly queryParams?: Readonly<Record<string, StringMatch>>;
  /** Namespace of the calling proxy. At a gateway it is the gateway's namespace. */
  readonly sourceNamespace?: string;
  /** Port of the listener. */
  readonly port?: number;
}

export interface Destination {
  /** Fully qualified service name, since short names resolve in the namespace of the rule and not of the service. */
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number: number };
}

export interface HttpRouteDestination {
  readonly destination: Destination;
  /** Relative integer weight. Istio ignores it for a single destination, which has none here. */
  readonly weight?: number;
}

/** Istio: HTTPRedirect. */
export interface HttpRedirect {
  readonly uri?: string;
  readonly authority?: string;
  readonly scheme?: "http" | "https";
  readonly port?: number;
  readonly redirectCode?: number;
}

/** Istio: HTTPDirectResponse. */
export interface HttpDirectResponse {
  readonly status: number;
  readonly body?: { readonly string: string };
}

/** Istio: HTTPRewrite. `uri` replaces the matched part of the path: the prefix, or the whole path. */
export interface HttpRewrite {
  readonly uri?: string;
  readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
  readonly authority?: string;
}

/** Istio: Headers.HeaderOperations. */
export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** Istio: CorsPolicy. */
export interface CorsPolicySpec {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAge?: string;
  readonly allowCredentials?: boolean;
  readonly unmatchedPreflights?: "FORWARD" | "IGNORE";
}

/** Istio: Percent, 0.0001 to 100. */
export interface Percent {
  readonly value: number;
}

/** Istio: HTTPRetry. */
export interface HttpRetry {
  readonly attempts: number;
  readonly perTryTimeout?: string;
  readonly retryOn?: string;
  readonly retryRemoteLocalities?: boolean;
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: string;
}

/** Istio: HTTPFaultInjection. */
export interface HttpFault {
  readonly delay?: { readonly fixedDelay: string; readonly percentage: Percent };
  readonly abort?: {
    readonly httpStatus?: number;
    readonly grpcStatus?: string;
    readonly percentage: Percent;
  };
}

/** Istio: HTTPMirrorPolicy. */
export interface HttpMirror {
  readonly destination: Destination;
  readonly percentage?: Percent;
}

/** One rule: exactly one of `route`, `redirect` and `directResponse` for the requests that match. */
export interface HttpRoute {
  readonly name?: string;
  readonly match?: readonly HttpMatchRequest[];
  readonly route?: readonly HttpRouteDestination[];
  readonly redirect?: HttpRedirect;
  readonly directResponse?: HttpDirectResponse;
  readonly rewrite?: HttpRewrite;
  readonly headers?: { readonly request?: HeaderOperations; readonly response?: HeaderOperations };
  readonly corsPolicy?: CorsPolicySpec;
  readonly timeout?: string;
  readonly retries?: HttpRetry;
  readonly fault?: HttpFault;
  readonly mirrors?: readonly HttpMirror[];
}

/** networking.istio.io/v1 VirtualServiceSpec, the part that we write. */
export interface VirtualServiceSpec {
  readonly hosts: readonly string[];
  /** Gateways as `namespace/name`. Default: the mesh, which is every sidecar and no gateway. */
  readonly gateways?: readonly string[];
  readonly http: readonly HttpRoute[];
}

/** The routes of a host (Istio: VirtualService). */
export class VirtualService extends istioObject<VirtualServiceSpec>(
  "networking.istio.io/v1",
  "VirtualService",
) {}
