import { CATEGORY_PATHS } from "../components/category/category-paths";
import { planRoutes } from "../components/traffic/route-plan";
import { ruleProblems } from "../components/traffic/rule-problems";
import type { TrafficRule } from "../components/traffic/rules";
import { compile, type SimulatedRequest } from "../components/traffic/simulator";
import { atMost, median, type Result } from "./measure";

const HOST = "shop.example.com";

/** Rules as a large shop would have them: cohorts, markets, teams, partners. */
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

const plan = (all: readonly TrafficRule[]) =>
  planRoutes({
    service: { name: "category", namespace: "category", port: 8080 },
    hosts: [HOST],
    gateways: ["istio-ingress/shop"],
    paths: CATEGORY_PATHS,
    weights: { v1: 80, v2: 20 },
    loadBalancer: "LEAST_REQUEST",
    rules: all,
  }).virtualService;

/** Time on the processor in seconds: other work of the machine does not count. */
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
      if (problems.length > 0) throw new Error(problems.map(({ found }) => found).join("\n"));
      plan(all);
    }),
  );
  return atMost("1,000 rules checked and planned (median)", median(times), 0.1);
}

/** Decisions per second on requests of every kind, with twenty rules. */
export function simulatorRate(): Result {
  const decide = compile({ virtualServices: [plan(rules(20))] });
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
  const requests = paths.flatMap((path) =>
    headers.map((h): SimulatedRequest => ({ method: "GET", scheme: "https", host: HOST, path, headers: h })),
  );
  const rounds = 5000;
  const rates = Array.from({ length: 7 }, () => {
    const seconds = processorTime(() => {
      for (let round = 0; round < rounds; round++) for (const request of requests) decide(request);
    });
    return (rounds * requests.length) / seconds;
  });
  const rate = median(rates);
  return {
    name: "Simulator, decisions per second on one core with twenty rules",
    ours: Math.round(rate).toLocaleString("en-US"),
    against: "-",
    ratio: "-",
    target: "≥ 200,000",
    met: rate >= 200_000,
  };
}
