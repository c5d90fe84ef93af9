/** Messages of problems with weights, rules and policies. They do not depend on the stack file. */
import { message, problemsBy, type Path, type ProblemOf } from "./problem";
import { PERCENT_DECIMALS } from "./percent";
import { REGEX_LIMIT } from "./regex";

const list = (items: readonly string[]): string => items.join(", ");
/** Milliseconds in the largest unit that fits. */
export const durationText = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);

const weights = {
  weightUndeclared: message("SM0401", (p: Undeclared) => ({
    found: `a weight for version "${p.version}", which is not declared`,
    allowed: `declared versions: ${list(p.declared)}`,
    hint: didYouMean(p.meant),
  })),
  weightOutOfRange: message("SM0402", (p: { weight: number }) => ({
    found: String(p.weight),
    allowed: 'a number from 0 to 100, or "rest"',
  })),
  weightTooPrecise: message("SM0403", (p: { weight: number }) => ({
    found: String(p.weight),
    allowed: `at most ${PERCENT_DECIMALS} decimals`,
  })),
  weightMissing: message("SM0404", () => ({
    found: "no weight for a declared version",
    allowed: "a weight for every declared version (0 keeps it deployed without traffic)",
  })),
  weightRestTwice: message("SM0405", (p: { versions: readonly string[] }) => ({
    found: `"rest" for ${p.versions.join(" and ")}`,
    allowed: 'at most one version may say "rest"',
  })),
  weightSum: message("SM0406", (p: { sum: number; weights: readonly (readonly [string, number])[] }) => ({
    found:
      p.weights.length === 0
        ? "no weight"
        : `weights that sum to ${p.sum} (${p.weights.map(([v, w]) => `${v} ${w}`).join(", ")})`,
    allowed: "weights that sum to 100",
  })),
  weightNoRest: message("SM0407", (p: { sum: number; rest: string }) => ({
    found: `weights that sum to ${p.sum}, which leaves nothing for the rest (${p.rest})`,
    allowed: "at most 100 beside a rest",
  })),
};

interface Undeclared {
  readonly version: string;
  readonly declared: readonly string[];
  /** The declared version that was probably meant. */
  readonly meant?: string | undefined;
}
const didYouMean = (meant: string | undefined): string | undefined =>
  meant === undefined ? undefined : `did you mean ${meant}?`;

const rules = {
  ruleNameTaken: message("SM0501", (p: { rule: string; by: "rest" | "parameters" | "rule" }) => ({
    found: `${p.rule}, ${{ rest: "the route of what no rule matches", parameters: "the route of paths with parameters", rule: "the name of an earlier rule" }[p.by]}`,
    allowed: "a name that no other rule has",
    hint: "access logs tell rules apart by their names",
  })),
  ruleMatchEmpty: message("SM0502", () => ({
    found: "an empty list",
    allowed: "at least one match; {} is every request",
  })),
  ruleHostUnserved: message("SM0503", (p: { host: string; hosts: readonly string[] }) => ({
    found: `${p.host}, which never reaches the gateway`,
    allowed: `a host of the gateway: ${list(p.hosts)}`,
    advice: `name one of these hosts, or add ${p.host} to those of the gateway`,
  })),
  ruleHostInMesh: message("SM0504", () => ({
    found: "a host beside sourceNamespace",
    allowed: "no host: callers within the mesh ask for the service itself",
    advice: "remove the host, or the sourceNamespace",
  })),
  rulePathUnrouted: message("SM0505", (p: { kind: string; text: string; paths: readonly string[] }) => ({
    found: `${p.kind} ${JSON.stringify(p.text)}, where nothing reaches the service`,
    allowed: `a path within ${list(p.paths)}`,
    hint: `${p.kind === "regex" ? "a regular expression may open no other path; " : ""}only redirect and respond, which reach nothing, take other paths`,
    advice:
      p.kind === "regex"
        ? "begin the expression with the text of one of these paths and a slash"
        : "match one of these paths, or one below them",
  })),
  ruleClaimsInMesh: message("SM0506", () => ({
    found: "claims beside sourceNamespace",
    allowed: "claims of requests at the gateway only",
    advice: "remove the claims, or the sourceNamespace",
  })),
  ruleWithoutMatchesEmpty: message("SM0507", () => ({
    found: "an expression that matches empty text too",
    allowed: "one that does not",
    hint: "a missing header counts as empty, so this would exclude every request",
    advice:
      "use present: true for a header that is not there, or an expression for text of one character and more",
  })),
  ruleCookiesTooLong: message("SM0508", (p: { length: number }) => ({
    found: `cookies that come to a regular expression of ${p.length} characters`,
    allowed: `at most ${REGEX_LIMIT}`,
    hint: "several cookies in one match need one alternative for each order of them",
    advice: "ask for fewer cookies, or for shorter values",
  })),
  ruleVersionUndeclared: message("SM0509", (p: Undeclared) => ({
    found: `version "${p.version}", which is not declared`,
    allowed: `declared versions: ${list(p.declared)}`,
    hint: didYouMean(p.meant),
  })),
  ruleAnswerBody: message("SM0510", (p: { status: number }) => ({
    found: `a body with status ${p.status}`,
    allowed: "no body: this status has none",
  })),
  ruleRedirectNowhere: message("SM0511", () => ({
    found: "no place to go to",
    allowed: "at least one of scheme, host, port, path",
  })),
  ruleRedirectLoop: message("SM0512", (p: { to: string }) => ({
    found: `${p.to}, which the rule matches again`,
    allowed: "a path that the rule does not match",
    hint: "clients would be redirected for ever",
    advice: "redirect to a path outside the match, or match less",
  })),
  ruleRewriteUnsent: message("SM0513", () => ({
    found: "a rewrite of requests that no version gets",
    allowed: "rewrite with to or weights",
  })),
  ruleRewriteNothing: message("SM0514", () => ({
    found: "nothing",
    allowed: "at least one of path, host",
  })),
  ruleRewriteAnyPath: message("SM0515", () => ({
    found: "a path for requests of any path",
    allowed: "a rule whose matches all have a path",
    hint: "it replaces what the match of the path matched",
    advice: "add a path to the match",
  })),
  ruleRewriteUnrouted: message("SM0516", (p: { to: string; paths: readonly string[] }) => ({
    found: `${p.to}, where nothing reaches the service`,
    allowed: `a path within ${list(p.paths)}`,
    hint: "a rewrite may not open what is closed",
    advice: "rewrite to one of these paths, or to one below them",
  })),
  ruleCovered: message("SM0517", (p: { rule: string; by: readonly string[] }) => {
    const names = p.by.map((name) => `"${name}"`).join(" and ");
    return {
      found: `nothing that is left for "${p.rule}": ${names} before it match${p.by.length === 1 ? "es" : ""} all of it`,
      allowed: "requests that no earlier rule takes",
      hint: "rules are tried in order",
      advice: `move "${p.rule}" before ${names}, or delete it`,
    };
  }),
  ruleAnswerRequestHeaders: message("SM0518", () => ({
    found: "headers for requests to a version",
    allowed: "with redirect and respond: headers.response",
  })),
  ruleAnswerCors: message("SM0519", () => ({
    found: "cors for an answer of the gateway",
    allowed: "cors with to and weights",
    hint: "Envoy looks at it for requests to a version only; headers.response can set access-control-allow-origin",
  })),
  ruleCorsUnreachable: message("SM0520", () => ({
    found: "cors in a rule that no preflight matches",
    allowed: "cors in a rule that matches by host, path and query alone, or for all traffic",
    hint: "a browser asks by OPTIONS, without cookies and without the page's headers, whether it may send them",
  })),
  ruleCorsClaims: message("SM0521", () => ({
    found: "cors: none in a rule by claims",
    allowed: "cors: none in a rule without claims",
    hint: "the gateway applies CORS before it verifies the token: the answers have the headers of traffic.cors all the same",
  })),
};

const policies = {
  retryTryTimeoutUnused: message("SM0601", (p: { tryTimeoutMs: number; conditions: readonly string[] }) => ({
    found: `${durationText(p.tryTimeoutMs)}, and no condition that retries a try which took longer`,
    allowed: `a timeout of a try with one of ${list(p.conditions)} in on`,
    hint: "a status code is that of an answer: a try without answer has none",
  })),
  retriesTooLong: message("SM0602", (p: { tries: number; tryTimeoutMs: number; timeoutMs: number }) => ({
    found: `${p.tries} tries of ${durationText(p.tryTimeoutMs)} each, for a request that may take ${durationText(p.timeoutMs)}`,
    allowed: "all tries together within the timeout of the request: attempts + 1 times the timeout of a try",
    hint: "the last tries would be cut off, or never made",
  })),
  breakerRetriesTwice: message("SM0603", () => ({
    found: "both maxRetries and retryBudget",
    allowed: "one of the two",
    hint: "with a budget Envoy ignores maxRetries",
  })),
  outliersNever: message("SM0604", () => ({
    found: "no errors that count",
    allowed: "consecutive5xxErrors or consecutiveGatewayErrors of at least 1",
  })),
  outliersGatewayUnused: message("SM0605", (p: { gateway: number; all: number }) => ({
    found: `${p.gateway}, with consecutive5xxErrors ${p.all}`,
    allowed: "fewer than consecutive5xxErrors, unless that is 0",
    hint: "every gateway error is a 5xx too, so the other limit is always reached first",
  })),
  outliersTooFew: message("SM0606", (p: { percent: number; pods: number; least: number }) => ({
    found: `${p.percent} percent of at most ${p.pods} pods`,
    allowed: `at least ${p.least}, which is one pod`,
    hint: "Envoy would never eject a pod",
  })),
  balancerTwice: message("SM0607", () => ({
    found: "both algorithm and consistentHash",
    allowed: "one of the two",
  })),
  balancerKeyUseless: message("SM0608", (p: { key: string; how: string; only: readonly string[] }) => ({
    found: `${p.key} with ${p.how}`,
    allowed: `${p.key} with ${p.only.join(" or ")} only`,
  })),
  hashKeys: message("SM0609", (p: { given: readonly string[]; possible: readonly string[] }) => ({
    found: p.given.join(" and ") || "none of them",
    allowed: `exactly one key: ${list(p.possible)}`,
  })),
  hashTables: message("SM0610", (p: { given: readonly string[] }) => ({
    found: p.given.join(" and "),
    allowed: "at most one of ringHash and maglev",
  })),
  localityKinds: message("SM0611", (p: { both: boolean }) => ({
    found: `${p.both ? "both" : "neither"} distribute ${p.both ? "and" : "nor"} failover`,
    allowed: "one of the two",
  })),
  localitySum: message("SM0612", (p: { sum: number | undefined }) => ({
    found: p.sum === undefined ? "no locality" : `a sum of ${p.sum} percent`,
    allowed: "percentages that sum to 100",
  })),
  localityFailoverToItself: message("SM0613", () => ({
    found: "the region itself",
    allowed: "another region",
  })),
  localityFailoverBlind: message("SM0614", () => ({
    found: "failover without outlier detection",
    allowed: "failover with circuitBreaker.outlierDetection",
    hint: "without it the gateway does not notice that a region fails",
  })),
  localitiesOverlap: message("SM0615", (p: { inner: string; outer: string }) => ({
    found: `${p.inner}, which lies in ${p.outer}`,
    allowed: "localities that do not overlap",
  })),
};

export const TRAFFIC_MESSAGES = { ...weights, ...rules, ...policies };

export type TrafficProblem = ProblemOf<typeof TRAFFIC_MESSAGES>;

export const trafficProblem = problemsBy<typeof TRAFFIC_MESSAGES>();

/** A problem with a path below `base`, as a line of an error. */
export function trafficProblemText({ name, path, params }: TrafficProblem, base: Path = []): string {
  const { found, allowed } = TRAFFIC_MESSAGES[name].say(params as never);
  const at = [...base, ...path].map(String).join(".");
  return `${at === "" ? "" : `${at}: `}found ${found}; allowed: ${allowed}`;
}
