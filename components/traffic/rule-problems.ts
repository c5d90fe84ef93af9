/** Problems of a list of rules that the form of a single value does not show. */
import { PATH_PARAMETERS } from "./path-parameters";
import { fieldMatches, hostCovers } from "./coverage";
import { coveredRules } from "./covered-rules";
import { istioMatch, type PathMatch, type RequestMatch } from "./matches";
import { confine, within, type RoutedPath } from "./paths";
import type { Path, Repair } from "./problem";
import { REGEX_LIMIT } from "./regex";
import { isRouted, type RuleContext } from "./rule-context";
import type { Redirect, TrafficRule } from "./traffic-rules";
import { trafficProblem, type TrafficProblem } from "./traffic-messages";
import { weightProblems } from "./weights";

export type { RuleContext } from "./rule-context";

/**
 * All problems of `rules`, with paths from the index of the rule on. An undefined rule is one that could not be read, and
 * has no problems here.
 */
export function ruleProblems(
  rules: readonly (TrafficRule | undefined)[],
  context: RuleContext,
): readonly TrafficProblem[] {
  const names = rules.map((rule) => rule?.name);
  return [
    ...rules.flatMap((rule, index) => {
      if (!rule) return [];
      const problems = [
        ...nameProblems(rule.name, names.slice(0, index), context.service),
        ...matchProblems(rule, context),
        ...actionProblems(rule, context),
        ...rewriteProblems(rule, context),
        ...policyProblems(rule),
      ];
      return problems.map((problem) => below(problem, [index]));
    }),
    ...coveredRules(rules, context),
  ];
}

/** `problem` with its path below `base`. */
function below(problem: TrafficProblem, base: Path): TrafficProblem {
  const moved = (repair: Repair): Repair => {
    if ("steps" in repair) return { steps: repair.steps.map(moved) };
    if ("remove" in repair) return { remove: [...base, ...repair.remove] };
    return repair.at === undefined ? repair : { ...repair, at: [...base, ...repair.at] };
  };
  return { ...problem, path: [...base, ...problem.path], repairs: problem.repairs.map(moved) };
}

const textOf = (path: RoutedPath): string => Object.values(path).join();

function nameProblems(
  name: string,
  earlier: readonly (string | undefined)[],
  service: string,
): TrafficProblem[] {
  const by =
    name === service
      ? "rest"
      : name === PATH_PARAMETERS.name
        ? "parameters"
        : earlier.includes(name)
          ? "rule"
          : undefined;
  if (by === undefined) return [];
  return [trafficProblem("ruleNameTaken", ["name"], { rule: name, by }, { set: freeName(name, earlier) })];
}

/** `name` with the lowest number that makes it unique. */
function freeName(name: string, taken: readonly (string | undefined)[]): string {
  for (let n = 2; ; n++) if (!taken.includes(`${name}-${n}`)) return `${name}-${n}`;
}

function matchProblems(rule: TrafficRule, context: RuleContext): TrafficProblem[] {
  if (rule.match.length === 0)
    return [trafficProblem("ruleMatchEmpty", ["match"], {}, { remove: ["match"] })];
  return rule.match.flatMap((match, i) => [
    ...placeProblems(match, ["match", i], isRouted(rule), context),
    ...cookieProblems(match, ["match", i]),
  ]);
}

function placeProblems(
  match: RequestMatch,
  at: Path,
  routed: boolean,
  { paths, hosts }: RuleContext,
): TrafficProblem[] {
  const problems: TrafficProblem[] = [];
  const { host, path, sourceNamespace } = match;
  if (host !== undefined && !hosts.some((h) => hostCovers(h, host) || hostCovers(host, h)))
    problems.push(trafficProblem("ruleHostUnserved", [...at, "host"], { host, hosts }));
  if (host !== undefined && sourceNamespace !== undefined)
    problems.push(trafficProblem("ruleHostInMesh", [...at, "host"], {}));
  if (path && paths && sourceNamespace === undefined && routed && confine(path, paths).length === 0) {
    const params = {
      kind: Object.keys(path).join(),
      text: String(Object.values(path)[0]),
      paths: paths.map(textOf),
    };
    problems.push(trafficProblem("rulePathUnrouted", [...at, "path"], params));
  }
  if (match.claims && sourceNamespace !== undefined)
    problems.push(trafficProblem("ruleClaimsInMesh", [...at, "claims"], {}));
  return problems;
}

function cookieProblems(match: RequestMatch, at: Path): TrafficProblem[] {
  const { headers, withoutHeaders } = istioMatch(match);
  return [
    ...Object.entries(match.without?.headers ?? {}).flatMap(([name, value]) =>
      "present" in value || !fieldMatches(value, "")
        ? []
        : [trafficProblem("ruleWithoutMatchesEmpty", [...at, "without", "headers", name], {})],
    ),
    ...(
      [
        ["cookies", headers?.cookie?.regex],
        ["without", withoutHeaders?.cookie?.regex],
      ] as const
    ).flatMap(([kind, { length } = ""]) =>
      length <= REGEX_LIMIT ? [] : [trafficProblem("ruleCookiesTooLong", [...at, kind], { length })],
    ),
  ];
}

function actionProblems({ match, action }: TrafficRule, { versions }: RuleContext): TrafficProblem[] {
  if ("to" in action) {
    if (versions.includes(action.to)) return [];
    const example = versions.slice(0, 1).map((set) => ({ set, example: true as const }));
    const params = { version: action.to, declared: versions };
    return [trafficProblem("ruleVersionUndeclared", ["action", "to"], params, ...example)];
  }
  if ("weights" in action) {
    const names = Object.keys(action.weights);
    const unknown = names.filter((version) => !versions.includes(version));
    const problems =
      unknown.length > 0 ? unknown.map(undeclared(versions)) : weightProblems(action.weights, names);
    return problems.map((problem) => below(problem, ["action", "weights"]));
  }
  if ("redirect" in action) return redirectProblems(match, action.redirect);
  const { status, body } = action.respond;
  if (body === undefined || ![204, 205, 304].includes(status)) return [];
  const at = ["action", "respond", "body"];
  return [trafficProblem("ruleAnswerBody", at, { status }, { remove: at })];
}

const undeclared =
  (declared: readonly string[]) =>
  (version: string): TrafficProblem =>
    trafficProblem("weightUndeclared", [version], { version, declared }, { remove: [version] });

function redirectProblems(
  match: readonly RequestMatch[],
  { path, host, scheme, port }: Redirect,
): TrafficProblem[] {
  const at = ["action", "redirect"];
  const elsewhere = host ?? scheme ?? port;
  if (path === undefined && elsewhere === undefined) {
    const example = { at: [...at, "scheme"], set: "https", example: true } as const;
    return [trafficProblem("ruleRedirectNowhere", at, {}, example)];
  }
  const loops =
    path !== undefined &&
    elsewhere === undefined &&
    match.some(
      ({ method, path: matched }) =>
        (method === undefined || [method].flat().includes("GET")) && (!matched || pathMatches(matched, path)),
    );
  return loops ? [trafficProblem("ruleRedirectLoop", [...at, "path"], { to: path })] : [];
}

const pathMatches = (match: PathMatch, path: string): boolean =>
  "prefix" in match ? within({ exact: path }, match) : fieldMatches(match, path);

function rewriteProblems(rule: TrafficRule, { paths }: RuleContext): TrafficProblem[] {
  const { rewrite, match } = rule;
  if (!rewrite) return [];
  const at = ["rewrite"];
  if (!isRouted(rule)) return [trafficProblem("ruleRewriteUnsent", at, {}, { remove: at })];
  const { path, host } = rewrite;
  const own = [...at, "path"];
  if (path === undefined)
    return host === undefined ? [trafficProblem("ruleRewriteNothing", at, {}, { remove: at })] : [];
  if (match.some((m) => m.path === undefined))
    return [trafficProblem("ruleRewriteAnyPath", own, {}, { remove: own })];
  // For a prefix, Envoy keeps the rest of the path after the new prefix.
  const shape = match.some((m) => m.path && "prefix" in m.path) ? { prefix: path } : { exact: path };
  if (!paths || paths.some((r) => within(shape, r))) return [];
  return [trafficProblem("ruleRewriteUnrouted", own, { to: path, paths: paths.map(textOf) })];
}

function policyProblems(rule: TrafficRule): TrafficProblem[] {
  const { policies: { headers, cors } = {}, match } = rule;
  const problems: TrafficProblem[] = [];
  const at = (...path: string[]): string[] => ["policies", ...path];
  if (!isRouted(rule) && headers !== undefined && headers !== "none" && headers.request) {
    const request = at("headers", "request");
    problems.push(trafficProblem("ruleAnswerRequestHeaders", request, {}, { remove: request }));
  }
  if (cors === undefined) return problems;
  const removed = { remove: at("cors") };
  if (!isRouted(rule)) return [...problems, trafficProblem("ruleAnswerCors", at("cors"), {}, removed)];
  const conditions = match.some(
    (m) =>
      [m.headers, m.cookies, m.without, m.claims, m.sourceNamespace].some((c) => c !== undefined) ||
      (m.method !== undefined && ![m.method].flat().includes("OPTIONS")),
  );
  if (cors === "none" && match.some(({ claims }) => claims !== undefined))
    problems.push(trafficProblem("ruleCorsClaims", at("cors"), {}, removed));
  if (cors !== "none" && conditions)
    problems.push(trafficProblem("ruleCorsUnreachable", at("cors"), {}, removed));
  return problems;
}
