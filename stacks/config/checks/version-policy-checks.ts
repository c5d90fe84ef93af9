/** Checks of the policies of each version: circuit breakers and load balancers. */
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

/** Declared versions with their own part of a policy, except versions whose part was not read. */
function versionsWith<T>(
  { declared, own }: Versions,
  parts: Entries<T>,
): (readonly [string, T | undefined])[] {
  const read = new Map(parts);
  return declared.flatMap((version) =>
    read.has(version) || !own.includes(version) ? [[version, read.get(version)] as const] : [],
  );
}

/** The circuit breaker of each version, and the path of its problems. */
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
    /** Largest number of the version's pods; undefined if it was not read. */
    const pods = (version: string): number | undefined =>
      fixed.has(version) && scaled.has(version)
        ? (scaled.get(version)?.maxReplicas ?? fixed.get(version) ?? 1)
        : undefined;
    // The smallest number comes first, since a repair for it also works for the others.
    const all = breakersOf(c).sort((a, b) => (pods(a.version) ?? 0) - (pods(b.version) ?? 0));
    for (const { version, breaker, at } of all)
      for (const found of circuitBreakerProblems(breaker, pods(version))) yield located(found, at);
  },
);

/** Inputs: the load balancer of a version, and those of all versions. */
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
/** Versions without their own load balancer. */
const sharing = ({ declared, balancers }: Shared): readonly string[] =>
  declared.filter((version) => !balancers.some(([name, own]) => name === version && own !== undefined));

/** The problems of a load balancer. All are at the load balancer; a circuit breaker's problems have their own check. */
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
  // The shared load balancer is written even if each version has its own, so it must be correct in any case.
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

/** Inputs: the version of Istio, which the settings have only if this stack installs it. */
const OF_ISTIO = { version: "istio.version", install: "istio.install" } as const;
const ofIstio = [
  check({ ...BREAKERS, ...OF_ISTIO }, function* (c) {
    if (!c.install) return;
    const path = ["circuitBreaker", "retryBudget"];
    for (const { breaker, at } of breakersOf(c)) {
      if (!breaker.retryBudget || !istioIsOlder(c.version, "1.30")) continue;
      const place = [...at(path), ...path];
      yield problem("istioWithoutBudget", place, { version: c.version }, { remove: place });
    }
  }),
  checkEach("traffic.versions", OWN, OF_ISTIO, (at, { balancer }, { version, install }) =>
    install ? gentle(at, balancer, version) : [],
  ),
  check({ ...SHARED, ...OF_ISTIO }, (c) =>
    c.install && sharing(c).length > 0 ? gentle([], c.balancer, c.version) : [],
  ),
];

/** Whether the load balancer is PASSTHROUGH, which at a gateway would send requests to the gateway's own address. */
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
