import assert from "node:assert/strict";
import { compareRequests } from "../cli/requests/compare";
import { parseRequests } from "../cli/requests/read";
import type { Side } from "../cli/side";
import { CATEGORY_PATHS } from "../components/category/category-paths";
import { planAuthentication } from "../components/security/authentication";
import type { Claims } from "../components/traffic/claims";
import { planAccess, type AccessLists } from "../components/security/access-lists";
import { planRoutes } from "../components/traffic/route-plan";
import { ruleProblems } from "../components/traffic/rule-problems";
import { trafficProblemText } from "../components/traffic/traffic-messages";
import type { TrafficRule } from "../components/traffic/traffic-rules";
import type { Shares } from "../components/traffic/weights";
import type { SimulatedPlan, SimulatedRequest } from "../components/simulator/decision";
import { compile } from "../components/simulator/simulator";
import { atMost, median, type Result } from "./measure";

const HOST = "shop.example.com";

/** Rules of a large shop: cohorts, markets, teams, partners. */
function rules(count: number): TrafficRule[] {
  return Array.from({ length: count }, (_, i): TrafficRule => {
    const name = `rule-${i}`;
    switch (i % 4) {
      case 0:
        return { name, match: [{ cookies: { cohort: { exact: `c${i}` } } }], action: { to: "v2" } };
      case 1:
        return {
          name,
          match: [{ path: { prefix: `/api/v1/category/${i}` }, method: ["GET", "HEAD"] }],
          action: { weights: { v1: 90, v2: 10 } },
        };
      case 2:
        return { name, match: [{ headers: { "x-partner": { prefix: `p${i}-` } } }], action: { to: "v1" } };
      default:
        return {
          name,
          match: [{ path: { exact: `/old/${i}` } }],
          action: { redirect: { path: "/api/v1/category" } },
        };
    }
  });
}

const plan = (all: readonly TrafficRule[], weights: Shares = { v1: 80, v2: 20 }) =>
  planRoutes({
    service: { name: "category", namespace: "category", port: 8080 },
    hosts: [HOST],
    gateways: ["istio-ingress/shop"],
    paths: CATEGORY_PATHS,
    weights,
    loadBalancer: "LEAST_REQUEST",
    rules: all,
  }).virtualService;

/** CPU time in seconds, so that other load does not count. */
function processorTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** A thousand rules, checked against each other and planned. */
export function plannerTime(): Result {
  const all = rules(1000);
  const times = Array.from({ length: 15 }, () =>
    processorTime(() => {
      const context = { service: "category", versions: ["v1", "v2"], hosts: [HOST], paths: CATEGORY_PATHS };
      const problems = ruleProblems(all, context);
      if (problems.length > 0)
        throw new Error(problems.map((problem) => trafficProblemText(problem)).join("\n"));
      plan(all);
    }),
  );
  return atMost("1,000 rules checked and planned (median)", median(times), 0.1);
}

const ISSUER = "https://id.example.com/";
const LISTS: AccessLists = {
  deny: [
    { addresses: ["192.0.2.0/24", "198.51.100.66", "2001:db8:bad::/48"] },
    { paths: [{ prefix: "/api/v1/private" }, { exact: "/actuator/env" }], methods: ["PUT", "DELETE"] },
    { claims: { groups: ["banned", "suspended"] } },
  ],
  allow: [
    { paths: [{ prefix: "/api" }, { prefix: "/old" }] },
    { addresses: ["203.0.113.0/24"], claims: { "realm_access.roles": ["operator"] } },
  ],
};

/** The lists, and tokens where something is written, behind one proxy. */
function guarded(): Pick<
  SimulatedPlan,
  "authorizationPolicies" | "requestAuthentication" | "trustedProxies"
> {
  const selector = { matchLabels: { istio: "ingressgateway" } };
  const lists = planAccess(LISTS, { selector, trustedProxies: 1 });
  const jwt = [{ issuer: ISSUER, audiences: ["shop"], jwksUri: `${ISSUER}jwks` }];
  const { requestAuthentication, required } = planAuthentication(
    { jwt, required: [{ methods: ["POST", "PUT", "DELETE"] }] },
    selector,
  );
  return {
    requestAuthentication,
    authorizationPolicies: Object.entries({ ...lists, required }).map(([name, spec]) => ({
      metadata: { name },
      spec,
    })),
    trustedProxies: 1,
  };
}

/** Decisions per second on requests of every kind, with twenty rules, and with access lists beside them. */
export function simulatorRates(): Result[] {
  const routes = { virtualServices: [plan(rules(20))] };
  return [
    rate("Simulator, decisions per second on one core with twenty rules", routes),
    rate("Simulator, the same with access lists and tokens", { ...routes, ...guarded() }),
  ];
}

/** A log of 100,000 requests, read, and decided before and after a shift. */
export function requestsTime(): Result {
  const log = Array.from({ length: 100_000 }, (_, i) =>
    JSON.stringify({
      ...{
        method: i % 9 === 0 ? "POST" : "GET",
        authority: HOST,
        path: `/api/v${i % 3}/category/${i}?page=${i % 7}`,
      },
      ...{
        response_code: 200,
        user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
        x_forwarded_for: `203.0.113.${i % 256}`,
      },
    }),
  ).join("\n");
  const side = (shares: Shares): Side => ({
    title: "bench",
    notShown: [],
    objects: [
      {
        ...{ apiVersion: "networking.istio.io/v1", kind: "Gateway" },
        metadata: { name: "shop", namespace: "istio-ingress" },
        spec: {
          selector: { istio: "ingressgateway" },
          servers: [
            {
              port: { number: 443, name: "https", protocol: "HTTPS" },
              hosts: [HOST],
              tls: { mode: "SIMPLE" },
            },
          ],
        },
      },
      {
        ...{ apiVersion: "networking.istio.io/v1", kind: "VirtualService" },
        metadata: { name: "category", namespace: "category" },
        spec: { ...plan(rules(20), shares), gateways: ["istio-ingress/shop"] },
      },
    ],
  });
  const [before, after] = [side({ v1: 80, v2: 20 }), side({ v1: 70, v2: 30 })];
  const seconds = processorTime(() => {
    const { total } = compareRequests(parseRequests(log, "log").requests, before, after);
    assert.equal(total, 100_000);
  });
  return atMost("100,000 requests of a log, read and decided before and after", seconds, 2);
}

function rate(name: string, simulated: SimulatedPlan): Result {
  const decide = compile(simulated);
  const paths = [
    "/api/v1/category",
    "/api/v1/category/9/tree?lang=en",
    "/old/7",
    "/api/v2/category",
    "/favicon.ico",
  ];
  const headers: NonNullable<SimulatedRequest["headers"]>[] = [
    { accept: "application/json" },
    { cookie: "session=4f1c; cohort=c8; theme=dark", "x-request-id": "1" },
    { "x-partner": "p6-north" },
    { cookie: "session=4f1c; consent=all" },
  ];
  const claims = (held: readonly string[]): Claims => ({
    ...{ iss: ISSUER, sub: "somebody", aud: "shop", realm_access: { roles: held } },
  });
  const roles = ["user", "operator", "editor"];
  const requests = paths.flatMap((path, i) =>
    headers.map((h, j): SimulatedRequest => ({
      method: j === 3 ? "PUT" : "GET",
      scheme: "https",
      host: HOST,
      path,
      headers: { ...h, "x-forwarded-for": `10.0.0.1, 203.0.113.${10 * i + j}` },
      address: "10.0.0.7",
      ...(j > 1 && { token: claims(roles.slice(i % 3)) }),
    })),
  );
  const rounds = 5000;
  const rates = Array.from({ length: 7 }, () => {
    const seconds = processorTime(() => {
      for (let round = 0; round < rounds; round++) for (const request of requests) decide(request);
    });
    return (rounds * requests.length) / seconds;
  });
  const perSecond = median(rates);
  return {
    name,
    ours: Math.round(perSecond).toLocaleString("en-US"),
    against: "-",
    ratio: "-",
    target: "≥ 200,000",
    met: perSecond >= 200_000,
  };
}
