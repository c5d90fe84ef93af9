/** What holds between the gateway and the pods of each version: circuit breakers and load balancers. */
import {
  circuitBreakerOf,
  circuitBreakerProblems,
  type CircuitBreaker,
} from "../../../components/traffic/circuit-breaker";
import { loadBalancerProblems, type LoadBalancer } from "../../../components/traffic/load-balancer";
import { problem, type Path, type Problem } from "../report/catalogue";
import { istioIsOlder } from "../schema/istio-versions";
import { check, checkEach, type Check } from "./check";
import { located } from "./located";
import { undeclared } from "./policy-checks";

const VERSIONS = ["traffic", "versions"];

const declared = check(
  { declared: "keys of category.versions", own: "keys of traffic.versions" },
  function* ({ declared, own }) {
    if (declared.length === 0) return;
    for (const version of own.filter((name) => !declared.includes(name))) {
      const at = [...VERSIONS, version];
      yield undeclared(at, version, declared, at);
    }
  },
);

const DECLARED = { declared: "keys of category.versions", own: "keys of traffic.versions" } as const;
const BREAKERS = {
  ...DECLARED,
  shared: "traffic.circuitBreaker",
  breakers: "traffic.versions.*?.circuitBreaker",
} as const;

interface Versions {
  readonly declared: readonly string[];
  readonly own: readonly string[];
}
type Entries<T> = readonly (readonly [string, T | undefined])[];

/** Declared versions with their own part of a policy; those whose own part was not read are left out. */
function versionsWith<T>(
  { declared, own }: Versions,
  parts: Entries<T>,
): (readonly [string, T | undefined])[] {
  const read = new Map(parts);
  return declared.flatMap((version) =>
    read.has(version) || !own.includes(version) ? [[version, read.get(version)] as const] : [],
  );
}

/** The breaker of each version, and where a problem of it is written. */
const breakersOf = (
  c: Versions & { readonly shared: CircuitBreaker | undefined; readonly breakers: Entries<CircuitBreaker> },
) =>
  versionsWith(c, c.breakers).map(([version, own]) => ({
    version,
    breaker: circuitBreakerOf(c.shared, own),
    at: ([, key]: Path): Path => {
      const isOwn = key === undefined ? Object.keys(own ?? {}).length > 0 : String(key) in (own ?? {});
      return isOwn ? [...VERSIONS, version] : ["traffic"];
    },
  }));

const breakers = check(
  {
    ...BREAKERS,
    replicas: "category.versions.*?.replicas",
    autoscalers: "category.versions.*?.autoscaler",
  },
  function* (c) {
    const [fixed, scaled] = [new Map(c.replicas), new Map(c.autoscalers)];
    /** Most pods that a version may have; undefined where that was not read. */
    const pods = (version: string): number | undefined =>
      fixed.has(version) && scaled.has(version)
        ? (scaled.get(version)?.maxReplicas ?? fixed.get(version) ?? 1)
        : undefined;
    // The smallest first: what is right for it is right for the others.
    const all = breakersOf(c).sort((a, b) => (pods(a.version) ?? 0) - (pods(b.version) ?? 0));
    for (const { version, breaker, at } of all)
      for (const found of circuitBreakerProblems(breaker, pods(version))) yield located(found, at);
  },
);

/** Inputs of a version's own load balancer, of the one that all share, and of whether a version has that. */
const OWN = { balancer: "loadBalancer" } as const;
const SHARED = {
  balancer: "loadBalancer",
  declared: "keys of category.versions",
  balancers: "traffic.versions.*.loadBalancer",
} as const;

interface Shared {
  readonly declared: readonly string[];
  readonly balancers: Entries<LoadBalancer>;
}
/** Versions without a load balancer of their own. */
const sharing = ({ declared, balancers }: Shared): readonly string[] =>
  declared.filter((version) => !balancers.some(([name, own]) => name === version && own !== undefined));

/** A breaker is never what is wrong: a load balancer that needs one finds none. */
const placed = (at: Path, balancer: LoadBalancer, detects: boolean): Problem[] =>
  loadBalancerProblems(balancer, detects).map((found) =>
    located(found, ([block]) => (block === "loadBalancer" ? at : ["traffic"])),
  );

const DETECTION = { detection: "traffic.circuitBreaker.outlierDetection" } as const;
const balancers = [
  checkEach(
    "traffic.versions",
    { ...OWN, own: "circuitBreaker.outlierDetection" },
    { ...DETECTION, declared: "keys of category.versions" },
    (at, { balancer, own }, { detection, declared }) =>
      balancer && declared.includes(String(at[2]))
        ? placed(at, balancer, (own ?? detection) !== undefined)
        : [],
  ),
  // It is written even where every version has its own.
  check({ balancer: "loadBalancer" }, ({ balancer }) => placed([], balancer, true)),
  check(
    { ...SHARED, ...DETECTION, detections: "traffic.versions.*.circuitBreaker.outlierDetection" },
    (c) => {
      const own = new Map(c.detections);
      const blind = sharing(c).some((version) => (own.get(version) ?? c.detection) === undefined);
      return blind ? placed([], c.balancer, false) : [];
    },
  ),
];

function* gentle(at: Path, balancer: LoadBalancer | undefined, version: string): Generator<Problem> {
  const aggression = typeof balancer === "object" ? balancer.warmup?.aggression : undefined;
  if (aggression === undefined || aggression >= 1 || !istioIsOlder(version, "1.31")) return;
  const place = [...at, "loadBalancer", "warmup", "aggression"];
  yield problem("istioWithoutAggression", place, { version, aggression }, { set: 1 });
}

const ofIstio = [
  check({ ...BREAKERS, version: "istio.version" }, function* (c) {
    const path = ["circuitBreaker", "retryBudget"];
    for (const { breaker, at } of breakersOf(c)) {
      if (!breaker.retryBudget || !istioIsOlder(c.version, "1.30")) continue;
      const place = [...at(path), ...path];
      yield problem("istioWithoutBudget", place, { version: c.version }, { remove: place });
    }
  }),
  checkEach("traffic.versions", OWN, { version: "istio.version" }, (at, { balancer }, { version }) =>
    gentle(at, balancer, version),
  ),
  check({ ...SHARED, version: "istio.version" }, (c) =>
    sharing(c).length > 0 ? gentle([], c.balancer, c.version) : [],
  ),
];

/** Whether the gateway leaves an address to the caller, which asked for the gateway's own. */
export const passesThrough = (balancer: LoadBalancer | undefined): boolean =>
  (typeof balancer === "object" ? balancer.algorithm : balancer) === "PASSTHROUGH";

const picked = (at: Path, balancer: LoadBalancer | undefined): Problem[] =>
  passesThrough(balancer)
    ? [problem("productionPassthrough", [...at, "loadBalancer"], {}, { set: "LEAST_REQUEST" })]
    : [];

const PRODUCTION = { production: "production" } as const;
const passed = [
  checkEach("traffic.versions", OWN, PRODUCTION, (at, { balancer }, { production }) =>
    production ? picked(at, balancer) : [],
  ),
  check({ ...SHARED, ...PRODUCTION }, (c) =>
    c.production && sharing(c).length > 0 ? picked([], c.balancer) : [],
  ),
];

export const VERSION_POLICY_CHECKS: readonly Check[] = [
  declared,
  breakers,
  ...balancers,
  ...ofIstio,
  ...passed,
];
