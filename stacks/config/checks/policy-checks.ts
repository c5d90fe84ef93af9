/** Checks between the policies of all traffic and of each rule. */
import { mayRead } from "../../../components/traffic/methods";
import type { Mirror } from "../../../components/traffic/mirror";
import { retriesOfWrites, retryProblems, type Retries } from "../../../components/traffic/retries";
import { problem, type Path, type Problem } from "../report/catalogue";
import { didYouMean } from "../report/words";
import type { WrittenRule } from "../schema/rule-settings";
import { check, checkEach, type Check } from "./check";
import { located } from "./located";

const TRAFFIC = ["traffic"];
/** Inputs of a rule that the gateway answers itself. */
const ACTIONS = { keys: "keys of" } as const;
const isAnswered = ({ keys }: { readonly keys: readonly string[] }): boolean =>
  keys.includes("redirect") || keys.includes("respond");

/** Methods that a match allows; undefined for any. */
function methodsOf(match: WrittenRule["match"]): readonly string[] | undefined {
  const matches = [match].flat() as readonly { readonly method?: string | string[] }[];
  return matches.some(({ method }) => method === undefined)
    ? undefined
    : matches.flatMap(({ method }) => method ?? []);
}

type OrNone<T> = T | "none" | undefined;
const orNothing = <T>(policy: OrNone<T>): T | undefined => (policy === "none" ? undefined : policy);

const unused = (["timeout", "retries", "mirror", "fault", "rateLimit"] as const).map((policy) =>
  checkEach("traffic.rules", { ...ACTIONS, own: policy }, {}, function* (path, rule) {
    const at = [...path, policy];
    if (isAnswered(rule) && rule.own !== undefined)
      yield problem("policyUnused", at, { policy }, { remove: at });
  }),
);

interface Tries {
  readonly retries: OrNone<Retries>;
  readonly timeout: OrNone<number>;
}

/** The problems between retries and a timeout. At least one of the two is at `path`; the other may be that of all traffic. */
function* tryProblems(path: Path, own: Tries, all: Tries): Generator<Problem> {
  if (own.retries === undefined && own.timeout === undefined) return;
  const isOwn = (key: PropertyKey | undefined): boolean =>
    own[key === "retries" ? "retries" : "timeout"] !== undefined;
  const retries = orNothing(own.retries ?? all.retries);
  for (const found of retryProblems(retries, orNothing(own.timeout ?? all.timeout))) {
    const placed = located(found, ([key]) => (isOwn(key) ? path : TRAFFIC));
    if (isOwn(found.path[0])) yield placed;
    // The retries are those of all traffic, so the timeout of this rule is the first repair.
    else if (found.name === "retriesTooLong")
      yield { ...placed, path: [...path, "timeout"], repairs: [...placed.repairs].reverse() };
  }
}

const tries = [
  check({ retries: "traffic.retries", timeout: "traffic.timeout" }, (own) => tryProblems(TRAFFIC, own, own)),
  checkEach(
    "traffic.rules",
    { ...ACTIONS, retries: "retries", timeout: "timeout" },
    { retries: "traffic.retries", timeout: "traffic.timeout" },
    (path, rule, all) => (isAnswered(rule) ? [] : tryProblems(path, rule, all)),
  ),
];

/** Problem of a policy for safe methods in a rule that matches only unsafe ones. */
const writesOnly = (at: Path, policy: "retries" | "mirror"): Problem =>
  problem("policyWritesOnly", at, { policy }, { at: [...at, "writes"], set: true }, { remove: at });

const writes = [
  checkEach("traffic.rules", { ...ACTIONS, retries: "retries", match: "match" }, {}, function* (path, rule) {
    if (isAnswered(rule) || mayRead(methodsOf(rule.match))) return;
    if (retriesOfWrites(orNothing(rule.retries))?.attempts === 0)
      yield writesOnly([...path, "retries"], "retries");
  }),
  checkEach("traffic.rules", { ...ACTIONS, mirror: "mirror", match: "match" }, {}, function* (path, rule) {
    const mirror = orNothing(rule.mirror);
    if (isAnswered(rule) || mirror === undefined || mayRead(methodsOf(rule.match))) return;
    if (mirror.writes !== true) yield writesOnly([...path, "mirror"], "mirror");
  }),
];

/** Problem of a version that is not declared, which may be a misspelt one. */
export function undeclared(path: Path, version: string, declared: readonly string[], at?: Path): Problem {
  const meant = didYouMean(version, declared);
  const named = meant === undefined ? { set: declared[0] ?? "", example: true as const } : { set: meant };
  return problem(
    "policyVersionUndeclared",
    path,
    { version, declared, meant },
    at === undefined ? named : { remove: at },
  );
}

function* mirrored(path: Path, policy: OrNone<Mirror>, versions: readonly string[]): Generator<Problem> {
  const mirror = orNothing(policy);
  if (mirror === undefined || versions.length === 0 || versions.includes(mirror.to)) return;
  yield undeclared([...path, "mirror", "to"], mirror.to, versions);
}

const VERSIONS = { versions: "keys of category.versions" } as const;
const mirrors = [
  check({ ...VERSIONS, mirror: "traffic.mirror" }, (c) => mirrored(TRAFFIC, c.mirror, c.versions)),
  checkEach("traffic.rules", { ...ACTIONS, mirror: "mirror" }, VERSIONS, (path, rule, { versions }) =>
    isAnswered(rule) ? [] : mirrored(path, rule.mirror, versions),
  ),
];

interface WrittenFault {
  readonly delay?: object;
  readonly abort?: object;
  readonly allowInProduction?: boolean;
}

function* faultProblems(path: Path, policy: OrNone<WrittenFault>, production: boolean): Generator<Problem> {
  const fault = orNothing(policy);
  if (fault === undefined) return;
  const at = [...path, "fault"];
  if (fault.delay === undefined && fault.abort === undefined)
    yield problem("faultEmpty", at, {}, { remove: at });
  if (!production || fault.allowInProduction === true) return;
  const allowed = { at: [...at, "allowInProduction"], set: true };
  yield problem("productionFault", at, {}, { remove: at }, allowed);
}

const PRODUCTION = { production: "production" } as const;
const faults = [
  check({ ...PRODUCTION, fault: "traffic.fault" }, (c) => faultProblems(TRAFFIC, c.fault, c.production)),
  checkEach("traffic.rules", { ...ACTIONS, fault: "fault" }, PRODUCTION, (path, rule, { production }) =>
    isAnswered(rule) ? [] : faultProblems(path, rule.fault, production),
  ),
];

export const POLICY_CHECKS: readonly Check[] = [...unused, ...tries, ...writes, ...mirrors, ...faults];
