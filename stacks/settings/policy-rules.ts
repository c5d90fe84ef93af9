/** The rules that span several settings of policies: those of requests, and those towards the pods of a version. */
import {
  circuitBreakerOf,
  circuitBreakerProblems,
  type CircuitBreaker,
} from "../../components/traffic/circuit-breaker";
import { loadBalancerProblems, type LoadBalancer } from "../../components/traffic/load-balancer";
import { mayRead } from "../../components/traffic/methods";
import type { PolicyProblem } from "../../components/traffic/policy-problem";
import { retriesOfWrites, retryProblems } from "../../components/traffic/retries";
import type { VersionPolicies } from "../../components/traffic/version-policies";
import { effectiveShares, type Shares } from "../../components/traffic/weights";
import { istioIsOlder } from "./istio-version";
import type { WrittenPolicies } from "./policies";
import { locatedRepair, didYouMean, type Finding, type Path } from "./problem";
import type { PartialConfiguration } from "./rules";
import type { Configuration } from "./schema";

/** The requests that policies are about. */
interface PolicyScope {
  /** Where the policies are written. */
  readonly path: Path;
  readonly own: WrittenPolicies;
  /** Those that hold for all traffic; none for these themselves. */
  readonly all: WrittenPolicies;
  /** Methods that the rule matches; any when absent. */
  readonly methods?: readonly string[] | undefined;
  /** Whether the gateway answers the requests itself. */
  readonly answered?: boolean;
}

/** What is wrong with the policies of all traffic, of each rule and of each version. */
export function* policyFindings(c: PartialConfiguration): Generator<Finding> {
  const { rules = [], ...traffic } = (c.traffic ?? {}) as WrittenPolicies & {
    rules?: readonly WrittenRule[];
  };
  yield* requestPolicyFindings({ path: ["traffic"], own: traffic, all: {} }, c);
  for (const [index, rule] of rules.entries()) {
    const matches = [rule.match ?? {}].flat();
    const methods = matches.some(({ method }) => method === undefined)
      ? undefined
      : matches.flatMap(({ method }) => method ?? []);
    yield* requestPolicyFindings(
      {
        path: ["traffic", "rules", index],
        own: rule,
        all: traffic,
        methods,
        answered: "redirect" in rule || "respond" in rule,
      },
      c,
    );
  }
  yield* versionPolicyFindings(c);
}

/** What is read of a rule here. */
interface WrittenRule extends WrittenPolicies {
  readonly match?: WrittenMatch | readonly WrittenMatch[];
}
interface WrittenMatch {
  readonly method?: string | readonly string[];
}

/** What is wrong with the policies of some requests. */
function* requestPolicyFindings(scope: PolicyScope, c: PartialConfiguration): Generator<Finding> {
  const { path, own, all, methods, answered = false } = scope;
  if (answered) {
    for (const key of ["timeout", "retries", "mirror", "fault", "rateLimit"] as const) {
      if (own[key] === undefined) continue;
      yield {
        path: [...path, key],
        found: `${key} for requests that the gateway answers itself`,
        allowed: `${key} for requests that are sent to a version`,
        repairs: [{ remove: [...path, key] }],
      };
    }
    return;
  }
  const { retries, timeout } = { ...all, ...own };
  if (own.retries !== undefined || own.timeout !== undefined) {
    const problems = retryProblems(
      retries === "none" ? undefined : retries,
      timeout === "none" ? undefined : timeout,
    );
    const isOwn = (key = ""): boolean => key in own;
    for (const problem of problems) {
      const finding = located(problem, ([key]) => (isOwn(key) ? path : ["traffic"]));
      if (isOwn(problem.path[0])) yield finding;
      // Retries of all traffic are wrong here for the time of this rule only.
      else if (problem.path.length === 1) {
        const repairs = [...(finding.repairs ?? [])].reverse();
        yield { ...finding, path: [...path, "timeout"], repairs };
      }
    }
  }
  if (own.retries && own.retries !== "none" && !mayRead(methods)) {
    if (retriesOfWrites(own.retries)?.attempts === 0) {
      yield writesOnly([...path, "retries"], "tried again under these conditions");
    }
  }
  yield* mirrorFindings(scope, c);
  const { fault } = own;
  if (fault === undefined || fault === "none") return;
  if (fault.delay === undefined && fault.abort === undefined && !("delay" in fault) && !("abort" in fault)) {
    yield {
      path: [...path, "fault"],
      found: "neither delay nor abort",
      missing: true,
      allowed: "at least one of them",
      repairs: [{ remove: [...path, "fault"] }],
    };
  }
  if (c.production === true && fault.allowInProduction !== true) {
    yield {
      path: [...path, "fault"],
      found: "faults in production",
      allowed: "faults in production where allowInProduction is true",
      hint: "shopzier:production is true",
      repairs: [{ remove: [...path, "fault"] }, { at: [...path, "fault", "allowInProduction"], set: true }],
    };
  }
}

function* mirrorFindings({ path, own, methods }: PolicyScope, c: PartialConfiguration): Generator<Finding> {
  const { mirror } = own;
  if (mirror === undefined || mirror === "none") return;
  const at = [...path, "mirror"];
  if (mirror.writes !== true && !mayRead(methods)) yield writesOnly(at, "copied");
  // Absent where it had a problem of its own.
  const to = mirror.to as string | undefined;
  const versions = c.category?.versions;
  if (to === undefined || versions === undefined || Object.keys(versions).length === 0) return;
  if (!Object.hasOwn(versions, to)) {
    yield undeclared([...at, "to"], to, Object.keys(versions));
  }
}

/** For a rule about requests that may all write. */
const writesOnly = (at: Path, done: string): Finding => ({
  path: at,
  found: `only requests that may write, none of which is ${done}`,
  allowed: "writes: true, or a rule that matches GET, HEAD or OPTIONS too",
  repairs: [{ at: [...at, "writes"], set: true }, { remove: at }],
});

function undeclared(path: Path, version: string, declared: readonly string[]): Finding {
  const near = didYouMean(version, declared);
  return {
    path,
    found: `version ${version}, which is not declared`,
    allowed: `one of the declared versions: ${declared.join(", ")}`,
    ...(near !== undefined && { hint: `did you mean ${near}?` }),
    repairs: [near === undefined ? { set: declared[0] ?? "", example: true } : { set: near }],
  };
}

/** What is wrong between the gateway and the pods of each version. */
function* versionPolicyFindings(c: PartialConfiguration): Generator<Finding> {
  // A field that had a problem of its own is absent, for which the checks take its default.
  const shared = c.traffic?.circuitBreaker as CircuitBreaker | undefined;
  const own = (c.traffic?.versions ?? {}) as Readonly<Record<string, VersionPolicies>>;
  const sharedBalancer = c.loadBalancer as LoadBalancer | undefined;
  const declared = c.category?.versions;
  const found = new Map<string, Finding>();
  const pods = (version: string): number | undefined => mostPods(declared?.[version]);
  const names = new Set([...Object.keys(declared ?? {}), ...Object.keys(own)]);
  // The smallest first: what is right for it is right for the others.
  for (const version of [...names].sort((a, b) => (pods(a) ?? 0) - (pods(b) ?? 0))) {
    const at = ["traffic", "versions", version];
    if (declared && Object.keys(declared).length > 0 && !Object.hasOwn(declared, version)) {
      const { hint, ...finding } = undeclared(at, version, Object.keys(declared));
      yield { ...finding, ...(hint !== undefined && { hint }), repairs: [{ remove: at }] };
      continue;
    }
    const breaker = circuitBreakerOf(shared, own[version]?.circuitBreaker);
    const balancer = own[version]?.loadBalancer ?? sharedBalancer;
    const problems = [
      ...circuitBreakerProblems(breaker, pods(version)),
      ...(balancer === undefined
        ? []
        : loadBalancerProblems(balancer, breaker.outlierDetection !== undefined)),
      ...istioProblems(c, breaker, balancer),
      ...(c.production === true && passesThrough(balancer) ? [PASSED_THROUGH] : []),
    ];
    for (const problem of problems) {
      const finding = located(problem, ([block, key]) => {
        if (block === "loadBalancer") return own[version]?.loadBalancer === undefined ? [] : at;
        const ownKeys = own[version]?.circuitBreaker ?? {};
        return key === undefined
          ? Object.keys(ownKeys).length > 0
            ? at
            : ["traffic"]
          : key in ownKeys
            ? at
            : ["traffic"];
      });
      // What all versions share is wrong once.
      const id = JSON.stringify([finding.path, finding.hint ?? finding.allowed]);
      if (!found.has(id)) found.set(id, finding);
    }
  }
  yield* found.values();
  // It is written even where every version has its own.
  if (
    sharedBalancer !== undefined &&
    [...names].every((version) => own[version]?.loadBalancer !== undefined)
  ) {
    yield* loadBalancerProblems(sharedBalancer, true).map((problem) => located(problem, () => []));
  }
}

/** Whether the gateway leaves an address to the caller, which asked for the gateway's own. */
const passesThrough = (balancer: LoadBalancer | undefined): boolean =>
  (typeof balancer === "object" ? balancer.algorithm : balancer) === "PASSTHROUGH";

const PASSED_THROUGH: PolicyProblem = {
  path: ["loadBalancer"],
  found: "PASSTHROUGH",
  allowed: "an algorithm that picks a pod, in production",
  hint: "a gateway has no address to pass on: it answers 503 to every request",
  repairs: [{ path: ["loadBalancer"], set: "LEAST_REQUEST" }],
};

/** What leads to no pod. */
export function passthroughWarnings({ loadBalancer, traffic }: Configuration): string[] {
  const own = Object.entries(traffic.versions ?? {}).map(
    ([version, policies]) => [`traffic.versions.${version}.loadBalancer`, policies.loadBalancer] as const,
  );
  return [["loadBalancer", loadBalancer] as const, ...own]
    .filter(([, balancer]) => passesThrough(balancer))
    .map(
      ([at]) =>
        `shopzier:${at} is PASSTHROUGH: a gateway has no address to pass on and answers 503. Only callers with a sidecar have.`,
    );
}

/** What the version of Istio cannot do. */
function istioProblems(
  c: PartialConfiguration,
  breaker: CircuitBreaker,
  balancer: LoadBalancer | undefined,
): PolicyProblem[] {
  const version = c.istio?.version;
  if (version === undefined) return [];
  const problems: PolicyProblem[] = [];
  if (breaker.retryBudget && istioIsOlder(version, "1.30")) {
    problems.push({
      path: ["circuitBreaker", "retryBudget"],
      found: `a retry budget with Istio ${version}`,
      allowed: "a retry budget from Istio 1.30 on",
      hint: "older ones lose it as soon as a version has a policy of its own (istio/istio 59667)",
      repairs: [{ remove: ["circuitBreaker", "retryBudget"] }],
    });
  }
  const aggression = typeof balancer === "object" ? balancer.warmup?.aggression : undefined;
  if (aggression !== undefined && aggression < 1 && istioIsOlder(version, "1.31")) {
    problems.push({
      path: ["loadBalancer", "warmup", "aggression"],
      found: `${aggression} with Istio ${version}`,
      allowed: "at least 1 before Istio 1.31",
      repairs: [{ path: ["loadBalancer", "warmup", "aggression"], set: 1 }],
    });
  }
  return problems;
}

/** Most pods that a version may have; undefined when it cannot be told. */
function mostPods(
  scale:
    | { readonly replicas?: number; readonly autoscaler?: { readonly maxReplicas?: number } | undefined }
    | undefined,
): number | undefined {
  if (scale === undefined) return undefined;
  if ("autoscaler" in scale) return scale.autoscaler?.maxReplicas;
  return "replicas" in scale ? scale.replicas : 1;
}

/** A problem where it is written; `base` gives the place of what has that path. */
function located(problem: PolicyProblem, base: (path: readonly string[]) => Path): Finding {
  const at = (path: readonly string[]): Path => [...base(path), ...path];
  return {
    ...problem,
    path: at(problem.path),
    repairs: problem.repairs.map((repair) => locatedRepair(repair, at)),
  };
}

/** Mirrors that copy nothing, because the version gets all requests anyway: a shift that is done, most often. */
export function mirrorWarnings({ mirror, rules }: Configuration["traffic"], shares: Shares): string[] {
  const written = [
    { at: "mirror", mirror, shares },
    ...rules.map((rule, index) => ({
      at: `rules[${index}].mirror`,
      mirror: rule.mirror,
      shares: rule.weights ? effectiveShares(rule.weights) : rule.to === undefined ? {} : { [rule.to]: 100 },
    })),
  ];
  return written.flatMap(({ at, mirror, shares }) =>
    mirror !== undefined && mirror !== "none" && shares[mirror.to] === 100
      ? [`shopzier:traffic.${at} copies nothing: ${mirror.to} gets all of these requests anyway. Remove it.`]
      : [],
  );
}
