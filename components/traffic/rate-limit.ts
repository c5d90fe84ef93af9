/**
 * Rate limits in Envoy's words: local ones, counted in each proxy, and global ones, decided by a service.
 *
 * Istio has no setting of its own for them ("Enabling Rate Limits using Envoy"), so they are EnvoyFilters. Sources:
 * Envoy's filters `local_ratelimit` and `ratelimit`, and its token bucket, which fills continuously.
 */
import type { EnvoyConfigPatch, EnvoyFilterSpec, EnvoyPatchMatch } from "../istio/envoy-filter";
import type { ServiceEntrySpec } from "../istio/service-entry";
import { duration } from "../istio/duration";
import { isClusterService, meshHost, outsideHost } from "./outside-host";
import { clusterName } from "../istio/cluster-name";

/** A token bucket: it fills evenly, every request takes a token, and a request that finds none is answered 429. */
export interface RateLimit {
  /** Tokens that come in per `perMs`: the requests that go through in the long run. */
  readonly requests: number;
  /** In milliseconds. */
  readonly perMs: number;
  /** Tokens that the bucket holds: the requests that may come at once. Default: `requests`. */
  readonly burst?: number;
}

/** What tells clients apart: their address as the gateway trusts it, or the value of a header. */
export type ClientKey = "clientAddress" | { readonly header: string };

/** A service that speaks Envoy's `envoy.service.ratelimit.v3.RateLimitService` and decides about every request. */
export interface GlobalRateLimit {
  /** A name in the cluster that ends in `.svc.cluster.local`, a host name outside, or an address. */
  readonly host: string;
  readonly port: number;
  /** The service's name for this set of limits. */
  readonly domain: string;
  /** How long a request waits for the decision, in milliseconds. */
  readonly timeoutMs: number;
  /** What happens to a request when the service does not decide: `open` lets it through, `closed` answers 503. */
  readonly failure: "open" | "closed";
  /** Beside the rule alone, each of these together with the rule is a descriptor of its own. Default: none. */
  readonly clients?: readonly ClientKey[];
}

export interface GatewayRateLimits {
  readonly service: { readonly name: string; readonly namespace: string };
  /** Hosts by which clients ask for the service. */
  readonly hosts: readonly string[];
  /** Rules that send requests to the service, each with its own limit where it has one. */
  readonly rules: readonly { readonly name: string; readonly rateLimit?: RateLimit }[];
  readonly global?: GlobalRateLimit;
}

/**
 * The limits at the gateway, for an EnvoyFilter of its pods; empty when there is none.
 *
 * A rule may be several Envoy routes (one for each match), and a limit that is attached to a route counts for that route
 * alone. So the routes only carry the name of their rule, as metadata, and the filter looks up the rule's bucket. Buckets
 * in the filter also survive every change of a route.
 *
 * A patch finds routes by host and name, those of other services too: each route says itself of which VirtualService it is.
 *
 * The filters stand last, before the router: what authentication or an access policy refuses takes no token, so that
 * nobody uses up a limit with requests that would not have been served. The local limit comes first and so protects the
 * rate limit service.
 */
export function gatewayRateLimits({ service, hosts, rules, global }: GatewayRateLimits): EnvoyConfigPatch[] {
  const limited = rules.filter((r) => global !== undefined || r.rateLimit !== undefined);
  if (limited.length === 0) return [];
  const metadata = metadataKey(service);
  const own = `'/apis/networking.istio.io/v1/namespaces/${service.namespace}/virtual-service/${service.name}'`;
  const rule = {
    extension: {
      name: "envoy.rate_limit_descriptors.expr",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor",
        descriptor_key: "rule",
        // Looked up in a map of one entry, the route of another service is an error.
        skip_if_error: true,
        text: `{${own}: ${routeMetadata(metadata, "rule")}}[${OWNER}]`,
      },
    },
  };
  const buckets = limited.flatMap(({ name, rateLimit }) =>
    rateLimit === undefined
      ? []
      : [{ entries: [{ key: "rule", value: name }], token_bucket: tokenBucket(rateLimit) }],
  );
  const context = "GATEWAY";
  // Two filters would each add their own headers: those of the service are the ones that a client can plan by.
  const localHeaders = global === undefined ? xRateLimitHeaders : {};
  return [
    ...(buckets.length === 0
      ? []
      : [
          insertFilter({ context }, "local_ratelimit", {
            ...localLimit,
            ...localHeaders,
            rate_limits: [{ actions: [rule] }],
            descriptors: buckets,
          }),
        ]),
    ...(global === undefined
      ? []
      : [
          insertFilter({ context }, "ratelimit", {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
            domain: global.domain,
            timeout: duration(global.timeoutMs),
            failure_mode_deny: global.failure === "closed",
            status_on_error: { code: 503 },
            ...xRateLimitHeaders,
            rate_limits: [
              { actions: [rule] },
              ...(global.clients ?? []).map((client) => ({ actions: [rule, clientAction(client)] })),
            ],
            rate_limit_service: {
              // The default authority is the name of the cluster, which HTTP/2 servers refuse for its bars.
              grpc_service: {
                envoy_grpc: { cluster_name: rateLimitCluster(global), authority: global.host },
              },
              transport_api_version: "V3",
            },
          }),
        ]),
    answers({ context }, `%METADATA(ROUTE:${metadata}:retry-after)%`, `${OWNER} == ${own}`),
    ...hosts.flatMap((host) =>
      limited.map(({ name, rateLimit }): EnvoyConfigPatch => ({
        applyTo: "HTTP_ROUTE",
        match: { context, routeConfiguration: { vhost: { domainName: host, route: { name } } } },
        patch: {
          operation: "MERGE",
          value: {
            metadata: {
              filter_metadata: {
                [metadata]: { rule: name, ...(rateLimit && { "retry-after": retryAfter(rateLimit) }) },
              },
            },
            // Those of a pod's own limit: the gateway adds its own.
            response_headers_to_remove: ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
          },
        },
      })),
    ),
  ];
}

const metadataKey = ({ namespace, name }: GatewayRateLimits["service"]): string =>
  `shopzier-mesh.${namespace}.${name}`;
const routeMetadata = (filter: string, key: string): string =>
  `xds.route_metadata.filter_metadata['${filter}']['${key}']`;
/** The VirtualService of a route, as istiod writes it there. */
const OWNER = routeMetadata("istio", "config");

/** Which rules `patches` limit: those that carry their name as metadata of the service, whose name in the cluster is `to`. */
export function isLimited(
  patches: readonly EnvoyConfigPatch[],
): (host: string, rule: string, to: string) => boolean {
  const marked = new Set(
    patches.flatMap(({ applyTo, match: { routeConfiguration }, patch: { value } }) => {
      const vhost = routeConfiguration?.vhost;
      return applyTo === "HTTP_ROUTE" && vhost?.route && "metadata" in value
        ? Object.keys((value.metadata as { filter_metadata: object }).filter_metadata).map(
            (key) => `${vhost.domainName} ${vhost.route?.name} ${key}`,
          )
        : [];
    }),
  );
  return (host, rule, to) => {
    const [name = "", namespace = ""] = to.split(".");
    return marked.has(`${host} ${rule} ${metadataKey({ name, namespace })}`);
  };
}

/**
 * A limit in the sidecar of each pod with `labels`, for the requests to its container port.
 *
 * It holds whoever asks, the gateway or another service, and the more pods a version has, the more it lets through.
 */
export function podRateLimit(
  limit: RateLimit,
  labels: Readonly<Record<string, string>>,
  port: number,
): EnvoyFilterSpec {
  const match = { context: "SIDECAR_INBOUND", listener: { portNumber: port } } as const;
  return {
    workloadSelector: { labels },
    configPatches: [
      insertFilter(match, "local_ratelimit", {
        ...localLimit,
        ...xRateLimitHeaders,
        token_bucket: tokenBucket(limit),
      }),
      answers(match, retryAfter(limit)),
    ],
  };
}

/** The ServiceEntry by which the gateway knows the rate limit service; a service in the cluster needs none. */
export function rateLimitServiceEntry({ host, port }: GlobalRateLimit): ServiceEntrySpec | undefined {
  if (isClusterService(host)) return undefined;
  return { ...outsideHost(host, PURPOSE, [{ port, protocol: "GRPC" }]), exportTo: ["."] };
}

/** Seconds until a token comes into an empty bucket, at least one: the value of `retry-after`. */
function retryAfter({ requests, perMs }: RateLimit): string {
  return String(Math.ceil(perMs / requests / 1000));
}

const always = { default_value: { numerator: 100, denominator: "HUNDRED" } };
/** Envoy's defaults are to limit nothing and to say nothing. */
const localLimit = {
  "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
  stat_prefix: "rate_limit",
  filter_enabled: always,
  filter_enforced: always,
};
const xRateLimitHeaders = { enable_x_ratelimit_headers: "DRAFT_VERSION_03" };

const tokenBucket = ({ requests, perMs, burst }: RateLimit): Record<string, unknown> => ({
  max_tokens: burst ?? requests,
  tokens_per_fill: requests,
  fill_interval: duration(perMs),
});

const clientAction = (client: ClientKey): Record<string, unknown> =>
  client === "clientAddress"
    ? { remote_address: {} }
    : { request_headers: { header_name: client.header, descriptor_key: client.header } };

const CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";

/** Where a patch applies: a context, and a port for sidecars. */
type Place = Pick<EnvoyPatchMatch, "context" | "listener">;

function insertFilter(place: Place, name: string, config: Record<string, unknown>): EnvoyConfigPatch {
  const filter = { name: CONNECTION_MANAGER, subFilter: { name: "envoy.filters.http.router" } };
  return {
    applyTo: "HTTP_FILTER",
    match: { ...place, listener: { ...place.listener, filterChain: { filter } } },
    patch: {
      operation: "INSERT_BEFORE",
      value: { name: `envoy.filters.http.${name}`, typed_config: config },
    },
  };
}

/**
 * The answers to requests that are refused, in the shape of the category API's own errors.
 *
 * They are told by Envoy's response code details: the response flag is set only after the answer is made, and the
 * status 429 may be the direct response of a rule. `retryAfterSeconds` is for routes of which all of `where` is true.
 */
function answers(place: Place, retryAfterSeconds: string, ...where: string[]): EnvoyConfigPatch {
  const mapper = (
    details: string,
    status: number,
    message: string,
    ...conditions: string[]
  ): Record<string, unknown> => ({
    filter: {
      extension_filter: {
        name: "envoy.access_loggers.extension_filters.cel",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
          expression: [`response.code_details == "${details}"`, ...conditions].join(" && "),
        },
      },
    },
    body_format_override: { json_format: { errorCode: String(status), message } },
  });
  const tooMany = "Too many requests";
  return {
    applyTo: "NETWORK_FILTER",
    match: {
      ...place,
      listener: { ...place.listener, filterChain: { filter: { name: CONNECTION_MANAGER } } },
    },
    patch: {
      operation: "MERGE",
      value: {
        name: CONNECTION_MANAGER,
        typed_config: {
          "@type": `type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
          local_reply_config: {
            mappers: [
              {
                ...mapper("local_rate_limited", 429, tooMany, ...where),
                headers_to_add: [{ header: { key: "retry-after", value: retryAfterSeconds } }],
              },
              mapper("request_rate_limited", 429, tooMany),
              mapper("rate_limiter_error", 503, "The rate limit service does not answer"),
            ],
          },
        },
      },
    },
  };
}

const PURPOSE = "rate-limit";
const rateLimitCluster = ({ host, port }: GlobalRateLimit): string =>
  clusterName(meshHost(host, PURPOSE), port, undefined);
