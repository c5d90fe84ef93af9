/**
 * A split by which a client keeps its version.
 *
 * Envoy chooses the version of each request by a random number, which it takes from a request header if its route says so
 * (WeightedCluster.header_name). A Lua filter of the gateway makes that number of a cookie or a header, so the same client has the
 * same number in every gateway pod and for every rule. The versions share the range of numbers in their order: while one version
 * grows at the expense of the next one, nobody leaves it.
 */
import { CONNECTION_MANAGER } from "../istio/connection-manager";
import type { EnvoyConfigPatch } from "../istio/envoy-filter";

/** What tells clients apart. */
export type Sticky =
  | {
      /** Name of a cookie. A client without it gets one for {@link COOKIE_SECONDS}. */
      readonly cookie: string;
    }
  | {
      /** Name of a request header. Requests without it are split at random. */
      readonly header: string;
    };

/** Lifetime of the cookie: 30 days, longer than a shift. */
export const COOKIE_SECONDS = 2_592_000;

const NUMBER = "x-shopzier-mesh-sticky";
const SUFFIX = ".sticky";

/**
 * Name of a sticky rule. The patches select routes by name. A split that becomes a lone destination loses the name in the same
 * write, and Envoy refuses the patch for a lone destination.
 */
export const stickyName = (name: string): string => name + SUFFIX;

/** Name of a rule, whether it is sticky or not. */
export const plainName = (name: string): string =>
  name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;

export const isSticky = (name = ""): boolean => name.endsWith(SUFFIX);

export interface StickySplit {
  readonly service: { readonly name: string; readonly namespace: string };
  readonly hosts: readonly string[];
  /** Names of the sticky rules, see {@link stickyName}. */
  readonly rules: readonly string[];
  readonly sticky: Sticky;
}

/** The patches for the gateway, also before there is a split. They change nothing for routes of other services. */
export function stickyPatches({ service, hosts, rules, sticky }: StickySplit): EnvoyConfigPatch[] {
  const filter = `shopzier-mesh.${service.namespace}.${service.name}.sticky`;
  const lua = "type.googleapis.com/envoy.extensions.filters.http.lua.v3";
  const context = "GATEWAY";
  const manager = { name: CONNECTION_MANAGER };
  return [
    {
      applyTo: "HTTP_FILTER",
      match: { context, listener: { filterChain: { filter: manager } } },
      patch: {
        // Before filters that read the route, since the number may change it.
        operation: "INSERT_FIRST",
        value: {
          name: filter,
          // Without a code of its own the filter does nothing where a route has none. Code in the listener would be that of before for
          // connections that were open when it changed.
          typed_config: { "@type": `${lua}.Lua` },
        },
      },
    },
    ...hosts.flatMap((host) =>
      [...new Set(rules)].map((name): EnvoyConfigPatch => ({
        applyTo: "HTTP_ROUTE",
        match: { context, routeConfiguration: { vhost: { domainName: host, route: { name } } } },
        patch: {
          operation: "MERGE",
          value: {
            route: { weighted_clusters: { header_name: NUMBER } },
            request_headers_to_remove: [NUMBER],
            typed_per_filter_config: {
              [filter]: { "@type": `${lua}.LuaPerRoute`, source_code: { inline_string: luaCode(sticky) } },
            },
          },
        },
      })),
    ),
  ];
}

/** What `patches` tell clients apart by, in words; undefined where no split is sticky. */
export function stickyWords(code: string): string | undefined {
  const [, kind, name] = /^-- sticky by (cookie|header) "(.*)"$/m.exec(code) ?? [];
  return kind === undefined || name === undefined ? undefined : `by ${kind} ${name}`;
}

/**
 * The number is Jenkins' one-at-a-time hash, which takes only additions and shifts: numbers of Lua have 53 bits.
 *
 * The identity of a new client is the request ID that the gateway made. A client may write a cookie of its own, so it may choose its
 * version; the number itself is always replaced.
 */
const luaCode = (
  sticky: Sticky,
): string => `${"cookie" in sticky ? byCookie(sticky.cookie) : byHeader(sticky.header)}
local function number(id)
  local h = 0
  for i = 1, #id do
    h = bit.tobit(h + string.byte(id, i))
    h = bit.tobit(h + bit.lshift(h, 10))
    h = bit.bxor(h, bit.rshift(h, 6))
  end
  h = bit.tobit(h + bit.lshift(h, 3))
  h = bit.bxor(h, bit.rshift(h, 11))
  h = bit.tobit(h + bit.lshift(h, 15))
  return string.format("%d", h % 4294967296)
end
function envoy_on_request(handle)
  local headers = handle:headers()
  local id = identity(handle, headers)
  headers:remove("${NUMBER}")
  if id == nil then return end
  headers:add("${NUMBER}", number(id))
  handle:clearRouteCache()
end
`;

const byHeader = (name: string): string => `-- sticky by header "${name}"
local function identity(_, headers)
  return headers:get("${name.toLowerCase()}")
end`;

const byCookie = (name: string): string => `-- sticky by cookie "${name}"
local METADATA = "shopzier-mesh.sticky"
local function identity(handle, headers)
  for key, value in string.gmatch(headers:get("cookie") or "", "([^=;,%s]+)=([^;,%s]+)") do
    if key == "${name}" then return value end
  end
  local id = string.sub(string.gsub(headers:get("x-request-id") or "", "[^%w-]", ""), 1, 64)
  if id == "" then return nil end
  local secure = headers:get("x-forwarded-proto") == "https" and "; Secure" or ""
  handle:streamInfo():dynamicMetadata():set(METADATA, "cookie",
    "${name}=" .. id .. "; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax" .. secure)
  return id
end
function envoy_on_response(handle)
  local own = handle:streamInfo():dynamicMetadata():get(METADATA)
  if own ~= nil and own["cookie"] ~= nil then handle:headers():add("set-cookie", own["cookie"]) end
end`;
