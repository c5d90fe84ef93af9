/** Rules, plans and requests from small pools of values, so that they often match each other. */
import fc from "fast-check";
import type { FieldMatch, FieldMatches, PathMatch, RequestMatch } from "../../components/traffic/matches";
import { CATEGORY_PATHS } from "../../components/category/category-paths";
import type { RouteRequest } from "../../components/traffic/route-plan";
import { ruleProblems } from "../../components/traffic/rule-problems";
import type { RuleAction, TrafficRule } from "../../components/traffic/traffic-rules";
import type { SimulatedRequest } from "../../components/simulator/decision";
import type { Weights } from "../../components/traffic/weights";
import { claimValues, forwardedFor, token } from "./access-arbitraries";

const VALUES = ["beta", "beta-1", "Beta", "stable", "a.b", "1", "42"] as const;
const REGEXES = ["beta.*", "[a-z]+", "beta-[0-9]+|stable", "^b.*a$", "\\d+", "(?:a|b)\\.b", ".*"] as const;
const HEADERS = ["x-user", "x-cohort", "accept-language"] as const;
const COOKIES = ["cohort", "session", "co"] as const;
const PARAMETERS = ["lang", "page", "a.b"] as const;
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] as const;
const PATHS = [
  ...["/api/v1/category", "/api/v1/category/tree", "/api/v1/category/42", "/api/v1/category/tree/a.b"],
  ...[
    "/api/v2/category",
    "/api/v1/private/category/1",
    "/api/v1/private/product/1/category/2",
    "/actuator/health/ping",
    "/actuator/env",
    "/old",
    "/old/a",
  ],
  ...["/api/v1/categoryx", "/api/v1", "/", "/API/v1/category"],
] as const;
const PATH_REGEXES = [
  ...["/api/v1/category/[0-9]+", "/api/v1/category/(tree|list).*", "/api/v2/category/.+"],
  ...["/old/[a-z]*", ".*\\.html", "/[^/]+"],
] as const;

const CONDITIONS = ["host", "path", "method", "headers", "cookies", "query", "without", "claims"] as const;

const pick = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const fieldMatch = (regexes: readonly string[]): fc.Arbitrary<FieldMatch> =>
  fc.oneof(
    pick(VALUES).map((exact) => ({ exact })),
    pick(["b", "beta", "st", "4"]).map((prefix) => ({ prefix })),
    pick(regexes).map((regex) => ({ regex })),
    fc.constant({ present: true } as const),
  );

const fields = (names: readonly string[], regexes: readonly string[] = REGEXES): fc.Arbitrary<FieldMatches> =>
  fc.dictionary(pick(names), fieldMatch(regexes), { minKeys: 1, maxKeys: 2 });

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  pick(PATHS).map((exact) => ({ exact })),
  pick(PATHS).map((prefix) => ({ prefix })),
  pick(PATH_REGEXES).map((regex) => ({ regex })),
);

/** A match with some conditions, mostly few. */
export const requestMatch = (hosts: readonly string[]): fc.Arbitrary<RequestMatch> =>
  fc
    .tuple(
      fc.record({
        host: pick(hosts),
        path: pathMatch,
        method: fc.oneof(pick(METHODS), fc.uniqueArray(pick(METHODS), { minLength: 2, maxLength: 3 })),
        headers: fields(HEADERS),
        cookies: fields(COOKIES),
        query: fields(PARAMETERS),
        without: fc.record({ headers: fields(HEADERS), cookies: fields(COOKIES) }, { requiredKeys: [] }),
        claims: claimValues,
      }),
      fc.oneof(
        { weight: 3, arbitrary: fc.subarray([...CONDITIONS], { minLength: 1, maxLength: 2 }) },
        fc.subarray([...CONDITIONS]),
      ),
    )
    .map(([all, kept]) => Object.fromEntries(kept.map((condition) => [condition, all[condition]])));

const split: fc.Arbitrary<Weights> = fc
  .integer({ min: 0, max: 10_000 })
  .map((v2) => ({ v1: "rest", v2: v2 / 100 }));

const action: fc.Arbitrary<RuleAction> = fc.oneof(
  { weight: 4, arbitrary: pick(["v1", "v2"]).map((to) => ({ to })) },
  { weight: 3, arbitrary: split.map((weights) => ({ weights })) },
  {
    weight: 3,
    arbitrary: fc
      .record(
        {
          status: pick([301, 302, 303, 307, 308]),
          path: pick(["/new", "/api/v2/category"]),
          host: pick(["other.example.com"]),
          scheme: pick(["https", "http"] as const),
          port: pick([80, 443, 8443]),
        },
        { requiredKeys: [] },
      )
      .map((redirect) => ({ redirect })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record(
        { status: pick([200, 403, 410, 503]), body: pick(["gone", "closed for maintenance"]) },
        { requiredKeys: ["status"] },
      )
      .map((respond) => ({ respond })),
  },
);

const rule = (hosts: readonly string[]): fc.Arbitrary<Omit<TrafficRule, "name">> =>
  fc.record(
    {
      match: fc.array(requestMatch(hosts), { minLength: 1, maxLength: 3 }),
      action,
      rewrite: fc.record(
        { path: pick(["/api/v2/category", "/api/v1/category/tree/"]), host: pick(["inner.example.com"]) },
        { requiredKeys: [] },
      ),
      policies: fc.record(
        {
          cors: fc.constant({
            origins: ["https://shop.example.com", "https://*.example.org"],
            credentials: true,
          }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ["match", "action"] },
  );

/** Routes for `host` and the hosts below it, with valid rules. */
export function routeRequest(host: string): fc.Arbitrary<RouteRequest> {
  const hosts = [host, `*.${host}`];
  return fc
    .record({
      rules: fc.array(rule([...hosts, `a.${host}`]), { minLength: 6, maxLength: 20 }),
      weights: split,
      paths: fc.option(fc.constant(CATEGORY_PATHS), { nil: undefined, freq: 3 }),
      cors: fc.boolean(),
      meshCallers: fc.boolean(),
    })
    .map(({ rules, weights, paths, cors, meshCallers }) => ({
      meshCallers,
      service: { name: "category", namespace: "category", port: 8080 },
      hosts,
      gateways: ["agreement/agreement"],
      weights,
      loadBalancer: "LEAST_REQUEST",
      ...(paths && { paths }),
      rules: withoutProblems(
        rules.map((r, i) => ({ ...r, name: `rule-${i}` })),
        hosts,
        paths,
      ),
      ...(cors && { policies: { cors: { origins: ["https://shop.example.com"] } } }),
    }));
}

/** Removes wrong rules until no problem is left. */
function withoutProblems(
  rules: readonly TrafficRule[],
  hosts: readonly string[],
  paths: RouteRequest["paths"],
): readonly TrafficRule[] {
  const context = { service: "category", versions: ["v1", "v2"], hosts, ...(paths && { paths }) };
  const problems = new Map(
    ruleProblems(rules, context).map(({ path: [rule, ...path] }) => [Number(rule), path]),
  );
  if (problems.size === 0) return rules;
  const repaired = rules.flatMap((rule, i): TrafficRule[] => {
    const path = problems.get(i);
    if (!path) return [rule];
    const { rewrite, policies, ...rest } = rule;
    if (path[0] === "rewrite") return [{ ...rest, ...(policies && { policies }) }];
    if (path[0] === "cors") return [{ ...rest, ...(rewrite && { rewrite }) }];
    const [, at, key] = typeof path[1] === "number" ? path : ["match", 0, path[1]];
    if (path[0] !== "match" || key === undefined) return [];
    const match = rule.match.map((m, j) =>
      j === at ? Object.fromEntries(Object.entries(m).filter(([name]) => name !== key)) : m,
    );
    return [{ ...rule, match }];
  });
  return withoutProblems(repaired, hosts, paths);
}

const value = fc.oneof(
  { weight: 5, arbitrary: pick(VALUES) },
  pick(["", "b", "x", "beta beta", "BETA", "stable;v=1"]),
);
const cookieValue = pick([...VALUES, "x", "betax", "b;session=1", ""]);

const cookieHeader = fc
  .array(fc.tuple(pick([...COOKIES, "xcohort", "Cohort"]), cookieValue, pick(["; ", ";", ";  ", " ; "])), {
    minLength: 1,
    maxLength: 4,
  })
  .map((cookies) =>
    cookies.map(([name, v, end], i) => `${name}=${v}${i < cookies.length - 1 ? end : ""}`).join(""),
  );

/** Changes of a path that give a near miss or an attack. */
const BENT: readonly ((path: string) => string)[] = [
  ...[
    "/",
    "//",
    "/.",
    "/..",
    "/a",
    "x",
    "/%2e%2e",
    "/..;/a",
    "%2f",
    ".html",
    ";v=1",
    "/%41",
    "/../../actuator/env",
    "%00",
    "#/..",
    "%00#",
  ].map((end) => (path: string) => path + end),
  (path) => path.replace("/", "//"),
  (path) => path.replace("/api", "/api/."),
  (path) => path.replace("/v1", "/v1/x/.."),
  (path) => path.replace("/category", "%2Fcategory"),
  (path) => path.replace("category", "%63ategory"),
  (path) => path.replace("/v1", "\\v1"),
  (path) => path.replace("/v1", "/v%001"),
  (path) => path.toUpperCase(),
  (path) => `/x/..${path}`,
  (path) => path.slice(0, -1),
];

const path = fc
  .tuple(
    pick(PATHS),
    fc.option(pick(BENT), { nil: (p: string) => p, freq: 2 }),
    fc.array(fc.tuple(pick([...PARAMETERS, "x"]), value), { maxLength: 3 }),
  )
  .map(([plain, bend, query]) => {
    const bent = bend(plain);
    const search = query.map(([name, v]) => `${name}=${encodeURIComponent(v)}`).join("&");
    return (bent.startsWith("/") ? bent : `/${bent}`) + (query.length > 0 ? `?${search}` : "");
  });

/** A request to `host`, or to one that is like it. */
export const simulatedRequest = (host: string): fc.Arbitrary<SimulatedRequest> =>
  fc
    .record({
      method: pick([...METHODS, "PATCH"]),
      host: fc.oneof(
        { weight: 8, arbitrary: fc.constant(host) },
        pick([
          `${host}:30080`,
          `${host}:80`,
          host.toUpperCase(),
          `${host}.`,
          `${host}.:8080`,
          `a.${host}`,
          `A.${host}:8080`,
          `b.a.${host}`,
          `x${host}`,
        ]),
      ),
      path,
      headers: fc.dictionary(
        pick(HEADERS),
        fc.oneof({ weight: 5, arbitrary: value }, fc.array(value, { minLength: 2, maxLength: 2 })),
        { maxKeys: 2 },
      ),
      cookie: fc.option(cookieHeader, { nil: undefined, freq: 2 }),
      preflight: fc.option(
        fc.record(
          {
            origin: pick(["https://shop.example.com", "https://a.example.org", "https://evil.example.net"]),
            "access-control-request-method": pick(["PUT", "GET"]),
          },
          { requiredKeys: [] },
        ),
        { nil: undefined, freq: 3 },
      ),
      token,
      forwarded: forwardedFor,
      proto: fc.option(pick(["http", "https"]), { nil: undefined }),
    })
    .map(({ method, host: asked, path: p, headers, cookie, preflight, token: shown, forwarded, proto }) => ({
      method,
      scheme: "http",
      host: asked,
      path: p,
      headers: {
        ...headers,
        ...(cookie !== undefined && { cookie }),
        ...(method === "OPTIONS" && preflight),
        ...(forwarded !== undefined && { "x-forwarded-for": forwarded }),
        ...(proto !== undefined && { "x-forwarded-proto": proto }),
      },
      address: "10.88.0.254",
      ...(shown !== undefined && { token: shown }),
    }));
