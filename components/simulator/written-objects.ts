/**
 * Istio objects as anybody writes them: all that Istio's API has of a VirtualService and that decides about HTTP requests.
 * A field that is null counts as absent, as in Kubernetes.
 */
import type {
  CorsPolicySpec,
  Destination,
  HttpMatchRequest,
  HttpRedirect,
  HttpRoute,
  HttpRouteDestination,
  StringMatch,
} from "../istio/virtual-service";

/** Of an object's metadata, what Istio orders and finds objects by. */
export interface WrittenMetadata {
  readonly name: string;
  /** Default: `default`. */
  readonly namespace?: string;
  /** RFC 3339. The older of two objects counts first; one without is the newest, as the cluster has not made it yet. */
  readonly creationTimestamp?: string;
}

/** Istio: HTTPMatchRequest. */
export interface WrittenMatch extends HttpMatchRequest {
  readonly scheme?: StringMatch;
  /** Of the pod whose proxy decides. Does not count beside `gateways`. */
  readonly sourceLabels?: Readonly<Record<string, string>>;
  /** `name`, `namespace/name` or `mesh`: takes the place of `sourceLabels` and `sourceNamespace`. */
  readonly gateways?: readonly string[];
  /** For an exact path and a prefix, not for a regex. */
  readonly ignoreUriCase?: boolean;
  readonly statPrefix?: string;
}

/** Istio: HTTPRoute. */
export interface WrittenRoute extends Omit<
  HttpRoute,
  "match" | "route" | "redirect" | "directResponse" | "corsPolicy"
> {
  readonly match?: readonly WrittenMatch[];
  readonly route?: readonly (HttpRouteDestination & Pick<HttpRoute, "headers">)[];
  readonly redirect?: HttpRedirect & {
    readonly derivePort?: "FROM_PROTOCOL_DEFAULT" | "FROM_REQUEST_PORT";
  };
  readonly directResponse?: {
    readonly status: number;
    /** `bytes` are in Base64. */
    readonly body?: { readonly string?: string; readonly bytes?: string };
  };
  /** A VirtualService without hosts, whose rules stand here. Default namespace: that of the root. */
  readonly delegate?: { readonly name: string; readonly namespace?: string };
  readonly corsPolicy?: Omit<CorsPolicySpec, "allowOrigins"> & {
    readonly allowOrigins?: readonly StringMatch[];
    /** Deprecated. */
    readonly allowOrigin?: readonly string[];
  };
  /** Deprecated. */
  readonly mirror?: Destination;
}

/** Istio: VirtualService. */
export interface WrittenVirtualServiceSpec {
  /** None: a delegate. */
  readonly hosts?: readonly string[];
  /** Default: `mesh`. */
  readonly gateways?: readonly string[];
  readonly http?: readonly WrittenRoute[];
  readonly tcp?: readonly object[];
  readonly tls?: readonly object[];
  /** Namespaces, `.`, `*` or `~`. Default: `*`. */
  readonly exportTo?: readonly string[];
}

/** A VirtualService as it is written to the cluster. */
export interface WrittenVirtualService {
  readonly metadata: WrittenMetadata;
  readonly spec: WrittenVirtualServiceSpec;
}

/** Istio: Server. */
export interface WrittenServer {
  readonly port: { readonly number: number; readonly name?: string; readonly protocol: string };
  /** A name, `*.domain` or `*`; with the namespace of the VirtualServices before it, `namespace/name`. */
  readonly hosts: readonly string[];
  readonly tls?: { readonly mode?: string; readonly httpsRedirect?: boolean };
}

/** A Gateway as it is written to the cluster. */
export interface WrittenGateway {
  readonly metadata: WrittenMetadata;
  readonly spec: {
    /** Default: every proxy. */
    readonly selector?: Readonly<Record<string, string>>;
    readonly servers?: readonly WrittenServer[];
  };
}
