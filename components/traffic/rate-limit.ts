/**
 * Rate limits as Envoy's filters: local ones, which each proxy counts, and global ones, which a service decides.
 *
 * Istio has no field for them ("Enabling Rate Limits using Envoy"), so they are EnvoyFilters. Sources: Envoy's filters
 * `local_ratelimit` and `ratelimit`, and its token bucket, which fills continuously.
 */
import { CONNECTION_MANAGER } from "../istio/connection-manager";
import type { EnvoyConfigPatch, EnvoyFilterSpec, EnvoyPatchMatch } from "../istio/envoy-filter";
import type { ServiceEntrySpec } from "../istio/service-entry";
import { duration } from "../istio/duration";
import { isClusterService, meshHost, outsideHost } from "./outside-host";
import { clusterName } from "../istio/cluster-name";

/** A token bucket: it fills evenly, and each request takes a token. A request without a token gets 429. */
export interface RateLimit {
  /** Tokens that are added per `perMs`: the rate of requests that pass in the long run. */
  readonly requests: number;
  /** Milliseconds. */
  readonly perMs: number;
  /** Capacity of the bucket: the number of requests that may come at once. Default: `requests`. */
  readonly burst?: number;
}

/** What distinguishes clients: their address as the gateway determines it, or the value of a header. */
export type ClientKey = "clientAddress" | { readonly header: string };

/** A service with the API `envoy.service.ratelimit.v3.RateLimitService`, which decides about every request. */
export interface GlobalRateLimit {
  /** A name in the cluster that ends in `.svc.cluster.local`, a host name outside the cluster, or an address. */
  readonly host: string;
  readonly port: number;
  /** Domain of the limits in the service's configuration. */
  readonly domain: string;
  /** Time limit for the decision, in milliseconds. */
  readonly timeoutMs: number;
  /** Result for a request if the service does not decide: `open` lets it pass, `closed` answers 503. */
  readonly failure: "open" | "closed";
  /** Each key, together with the rule, is a descriptor in addition to that of the rule alone. Default: none. */
  readonly clients?: readonly ClientKey[];
}

export interface GatewayRateLimits {
  readonly service: { readonly name: string; readonly namespace: string };
  /** Hosts of the service at the gateway. */
  readonly hosts: readonly string[];
  /** Rules that send requests to the service, with their limits. */
  readonly rules: readonly { readonly name: string; readonly rateLimit?: RateLimit }[];
  readonly global?: GlobalRateLimit;
}

/**
 * The limits at the gateway, for an EnvoyFilter of its pods; empty where there are none.
 *
 * A rule leads to one Envoy route for each match, and a limit on a route counts only the requests of that route. For that
 * reason, routes carry the name of their rule as metadata, and the filter selects the bucket by this name. Buckets in the
 * filter also keep their tokens when a route changes.
 *
 * A patch selects routes by host and name, which matches routes of other services too. The metadata of a route names its
 * VirtualService, which distinguishes them.
 *
 * The filters come last, before the router. A request that authentication or an access policy refuses takes no token, so
 * clients cannot use up a limit with such requests. The local limit comes before the global one and protects its service.
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
        // A lookup in a map of one entry fails for routes of other services, which then have no descriptor.
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
  // Each filter would add its own headers. Clients plan by those of the service, so the local filter adds none beside it.
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
              // The default authority is the name of the cluster, whose "|" HTTP/2 servers refuse.
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
            // Removes the headers of a pod's limit, since the gateway adds its own.
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
/** CEL for the VirtualService of a route, which istiod writes into the route's metadata. */
const OWNER = routeMetadata("istio", "config");

/** The names of the rules that `patches` limit; `to` is the DNS name of the service in the cluster. */
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
 * It counts the requests of all callers. Each pod has its own bucket, so a version with more pods serves more requests.
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

/** The ServiceEntry of the rate limit service; undefined for a service in the cluster, which needs none. */
export function rateLimitServiceEntry({ host, port }: GlobalRateLimit): ServiceEntrySpec | undefined {
  if (isClusterService(host)) return undefined;
  return { ...outsideHost(host, PURPOSE, [{ port, protocol: "GRPC" }]), exportTo: ["."] };
}

/** Seconds until an empty bucket gets a token, at least 1: the value of `retry-after`. */
function retryAfter({ requests, perMs }: RateLimit): string {
  return String(Math.ceil(perMs / requests / 1000));
}

const always = { default_value: { numerator: 100, denominator: "HUNDRED" } };
/** Without these fields, Envoy enforces no limit and adds no headers. */
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

/** The place of a patch: a context, and for sidecars a port. */
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
 * The answers to refused requests, in the form of the category API's errors.
 *
 * They are selected by Envoy's response code details. The response flag is set too late, after the answer is made, and a
 * direct response of a rule may have the status 429 too. `retryAfterSeconds` applies to routes that meet all of `where`.
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
