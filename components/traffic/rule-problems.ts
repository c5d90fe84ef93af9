/** What is wrong with a list of rules, beside the form of each value. */
import { PATH_PARAMETERS } from "./path-parameters";
import { covers, fieldMatches, hostCovers } from "./coverage";
import { istioMatch, type FieldMatch, type PathMatch, type RequestMatch } from "./matches";
import { confine, within, type RoutedPath } from "./paths";
import type { PolicyRepair } from "./policy-problem";
import { REGEX_LIMIT, regexStart } from "./regex";
import type { TrafficRule } from "./rules";
import { weightProblems } from "./weights";

/** What the rules are for. */
export interface RuleContext {
  /** Name of the route for what no rule matches. */
  readonly service: string;
  /** Declared versions. */
  readonly versions: readonly string[];
  /** Hosts of the gateway; `*` and `*.example.com` too. */
  readonly hosts: readonly string[];
  /** Paths that reach the service; every path when absent. */
  readonly paths?: readonly RoutedPath[];
}

/** Something that is wrong with a rule. */
export interface RuleProblem {
  /** Index of the rule. */
  readonly rule: number;
  /** Where, below the rule. */
  readonly path: readonly (string | number)[];
  readonly found: string;
  readonly allowed: string;
  readonly hint?: string;
  /** Changes of which each alone would repair it, with paths below the rule. */
  readonly repairs?: readonly PolicyRepair[];
}

type Problem = Omit<RuleProblem, "rule">;

/** Everything that is wrong with `rules`. An undefined rule is one that could not be read: nothing is said about it. */
export function ruleProblems(
  rules: readonly (TrafficRule | undefined)[],
  context: RuleContext,
): RuleProblem[] {
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
      return problems.map((problem) => ({ rule: index, ...problem }));
    }),
    ...coveredRules(rules, context),
  ];
}

const routes = ({ action }: TrafficRule): boolean => "to" in action || "weights" in action;
const list = (items: readonly string[]): string => items.join(", ");
const routed = (paths: readonly RoutedPath[]): string => list(paths.map((p) => Object.values(p).join()));
const quoted = (path: PathMatch): string =>
  `${Object.keys(path).join()} ${JSON.stringify(Object.values(path)[0])}`;

function nameProblems(name: string, earlier: readonly (string | undefined)[], service: string): Problem[] {
  const taken =
    name === service
      ? "the route of what no rule matches"
      : name === PATH_PARAMETERS.name
        ? "the route of paths with parameters"
        : earlier.includes(name)
          ? "the name of an earlier rule"
          : undefined;
  if (taken === undefined) return [];
  return [
    {
      path: ["name"],
      found: `${name}, ${taken}`,
      allowed: "a name that no other rule has",
      hint: "access logs tell rules apart by their names",
      repairs: [{ path: ["name"], set: freeName(name, earlier) }],
    },
  ];
}

/** `name` with the first number that makes it free. */
function freeName(name: string, taken: readonly (string | undefined)[]): string {
  for (let n = 2; ; n++) if (!taken.includes(`${name}-${n}`)) return `${name}-${n}`;
}

function matchProblems(rule: TrafficRule, { paths, hosts }: RuleContext): Problem[] {
  if (rule.match.length === 0) {
    return [
      {
        path: ["match"],
        found: "an empty list",
        allowed: "at least one match; {} is every request",
        repairs: [{ remove: ["match"] }],
      },
    ];
  }
  return rule.match.flatMap((match, i) => {
    const at = rule.match.length === 1 ? ["match"] : ["match", i];
    const problems: Problem[] = [];
    const { host, path, sourceNamespace } = match;
    if (host !== undefined && !hosts.some((h) => hostCovers(h, host) || hostCovers(host, h))) {
      problems.push({
        path: [...at, "host"],
        found: `${host}, which never reaches the gateway`,
        allowed: `a host of the gateway: ${list(hosts)}`,
        repairs: [{ say: `name one of these hosts, or add ${host} to those of the gateway` }],
      });
    }
    if (host !== undefined && sourceNamespace !== undefined) {
      problems.push({
        path: [...at, "host"],
        found: "a host beside sourceNamespace",
        allowed: "no host: callers within the mesh ask for the service itself",
        repairs: [{ say: "remove the host, or the sourceNamespace" }],
      });
    }
    if (path && paths && sourceNamespace === undefined && routes(rule) && confine(path, paths).length === 0) {
      problems.push({
        path: [...at, "path"],
        found: `${quoted(path)}, where nothing reaches the service`,
        allowed: `a path within ${routed(paths)}`,
        hint:
          "regex" in path
            ? "a regular expression may open no other path; only redirect and respond, which reach nothing, take other paths"
            : "only redirect and respond, which reach nothing, take other paths",
        repairs: [
          {
            say:
              "regex" in path
                ? "begin the expression with the text of one of these paths and a slash"
                : "match one of these paths, or one below them",
          },
        ],
      });
    }
    if (match.claims && sourceNamespace !== undefined) {
      problems.push({
        path: [...at, "claims"],
        found: "claims beside sourceNamespace",
        allowed: "claims of requests at the gateway only",
        repairs: [{ say: "remove the claims, or the sourceNamespace" }],
      });
    }
    for (const [name, value] of Object.entries(match.without?.headers ?? {})) {
      if ("present" in value || !fieldMatches(value, "")) continue;
      problems.push({
        path: [...at, "without", "headers", name],
        found: "an expression that matches empty text too",
        allowed: "one that does not",
        hint: "a missing header counts as empty, so this would exclude every request",
        repairs: [
          {
            say: "use present: true for a header that is not there, or an expression for text of one character and more",
          },
        ],
      });
    }
    const { headers, withoutHeaders } = istioMatch(match);
    for (const [kind, regex] of [
      ["cookies", headers?.cookie?.regex],
      ["without", withoutHeaders?.cookie?.regex],
    ] as const) {
      if ((regex?.length ?? 0) <= REGEX_LIMIT) continue;
      problems.push({
        path: [...at, kind],
        found: `cookies that come to a regular expression of ${regex?.length ?? 0} characters`,
        allowed: `at most ${REGEX_LIMIT}`,
        hint: "several cookies in one match need one alternative for each order of them",
        repairs: [{ say: "ask for fewer cookies, or for shorter values" }],
      });
    }
    return problems;
  });
}

function actionProblems({ match, action }: TrafficRule, { versions }: RuleContext): Problem[] {
  const declared = `declared versions: ${list(versions)}`;
  if ("to" in action) {
    if (versions.includes(action.to)) return [];
    return [
      {
        path: ["to"],
        found: `version "${action.to}", which is not declared`,
        allowed: declared,
        repairs: versions.slice(0, 1).map((version) => ({ path: ["to"], set: version, example: true })),
      },
    ];
  }
  if ("weights" in action) {
    const names = Object.keys(action.weights);
    const unknown = names.filter((version) => !versions.includes(version));
    return [
      ...unknown.map((version) => ({
        path: ["weights", version],
        found: `a weight for version "${version}", which is not declared`,
        allowed: declared,
        repairs: [{ remove: ["weights", version] }],
      })),
      ...(unknown.length > 0 ? [] : weightProblems(action.weights, names)).map(
        ({ version, found, allowed, repairs }) => ({
          path: ["weights", ...(version === undefined ? [] : [version])],
          found: names.length === 0 ? "no weight" : found,
          allowed,
          repairs: repairs.map((repair) => ({ path: ["weights", repair.version], set: repair.weight })),
        }),
      ),
    ];
  }
  if ("respond" in action) {
    const { status, body } = action.respond;
    if (body === undefined || ![204, 205, 304].includes(status)) return [];
    return [
      {
        path: ["respond", "body"],
        found: `a body with status ${status}`,
        allowed: "no body: this status has none",
        repairs: [{ remove: ["respond", "body"] }],
      },
    ];
  }
  const { path, host, scheme, port } = action.redirect;
  if (path === undefined && host === undefined && scheme === undefined && port === undefined) {
    return [
      {
        path: ["redirect"],
        found: "no place to go to",
        allowed: "at least one of scheme, host, port, path",
        repairs: [{ path: ["redirect", "scheme"], set: "https", example: true }],
      },
    ];
  }
  const loops =
    path !== undefined &&
    (host ?? scheme ?? port) === undefined &&
    match.some(
      ({ method, path: matched }) =>
        (method === undefined || [method].flat().includes("GET")) && (!matched || pathMatches(matched, path)),
    );
  return loops
    ? [
        {
          path: ["redirect", "path"],
          found: `${path}, which the rule matches again`,
          allowed: "a path that the rule does not match",
          hint: "clients would be redirected for ever",
          repairs: [{ say: "redirect to a path outside the match, or match less" }],
        },
      ]
    : [];
}

const pathMatches = (match: PathMatch, path: string): boolean =>
  "prefix" in match ? within({ exact: path }, match) : fieldMatches(match, path);

function rewriteProblems(rule: TrafficRule, { paths }: RuleContext): Problem[] {
  const { rewrite, match } = rule;
  if (!rewrite) return [];
  const at = ["rewrite"];
  if (!routes(rule)) {
    return [
      {
        path: at,
        found: "a rewrite of requests that no version gets",
        allowed: "rewrite with to or weights",
        repairs: [{ remove: at }],
      },
    ];
  }
  const { path, host } = rewrite;
  if (path === undefined) {
    if (host !== undefined) return [];
    return [{ path: at, found: "nothing", allowed: "at least one of path, host", repairs: [{ remove: at }] }];
  }
  if (match.some((m) => m.path === undefined)) {
    return [
      {
        path: [...at, "path"],
        found: "a path for requests of any path",
        allowed: "a rule whose matches all have a path",
        hint: "it replaces what the match of the path matched",
        repairs: [{ say: "add a path to the match" }, { remove: [...at, "path"] }],
      },
    ];
  }
  // With a prefix, whatever came after it comes after the new one too.
  const shape = match.some((m) => m.path && "prefix" in m.path) ? { prefix: path } : { exact: path };
  if (!paths || paths.some((r) => within(shape, r))) return [];
  return [
    {
      path: [...at, "path"],
      found: `${path}, where nothing reaches the service`,
      allowed: `a path within ${routed(paths)}`,
      hint: "a rewrite may not open what is closed",
      repairs: [{ say: "rewrite to one of these paths, or to one below them" }],
    },
  ];
}

function policyProblems(rule: TrafficRule): Problem[] {
  const { policies = {}, match } = rule;
  const problems: Problem[] = [];
  const { headers, cors } = policies;
  if (!routes(rule) && headers !== undefined && headers !== "none" && headers.request) {
    problems.push({
      path: ["headers", "request"],
      found: "headers for requests to a version",
      allowed: "with redirect and respond: headers.response",
      repairs: [{ remove: ["headers", "request"] }],
    });
  }
  if (!routes(rule) && cors !== undefined) {
    problems.push({
      path: ["cors"],
      found: "cors for an answer of the gateway",
      allowed: "cors with to and weights",
      hint: "Envoy looks at it for requests to a version only; headers.response can set access-control-allow-origin",
      repairs: [{ remove: ["cors"] }],
    });
    return problems;
  }
  const conditions = match.some(
    (m) =>
      [m.headers, m.cookies, m.without, m.claims, m.sourceNamespace].some((c) => c !== undefined) ||
      (m.method !== undefined && ![m.method].flat().includes("OPTIONS")),
  );
  if (cors !== undefined && cors !== "none" && conditions) {
    problems.push({
      path: ["cors"],
      found: "cors in a rule that no preflight matches",
      allowed: "cors in a rule that matches by host, path and query alone, or for all traffic",
      hint: "a browser asks by OPTIONS, without cookies and without the page's headers, whether it may send them",
      repairs: [{ remove: ["cors"] }],
    });
  }
  return problems;
}

/** The matches of a rule as they hold at the gateway: within the routed paths, and without a host that every request has. */
function effectiveMatches(rule: TrafficRule, { paths, hosts }: RuleContext): RequestMatch[] {
  return rule.match.flatMap(({ host, path, ...others }) => {
    const match = {
      ...others,
      ...(host !== undefined && !hosts.every((h) => hostCovers(host, h)) && { host }),
    };
    const confined = paths && routes(rule) && others.sourceNamespace === undefined;
    const parts = confined ? confine(path, paths) : [path];
    return parts.map((part) => ({ ...match, ...(part && { path: part }) }));
  });
}

/** Rules that never decide, because earlier ones match all that they match. */
function coveredRules(rules: readonly (TrafficRule | undefined)[], context: RuleContext): RuleProblem[] {
  const earlier = new EarlierMatches();
  return rules.flatMap((rule, index) => {
    if (!rule) return [];
    const own = effectiveMatches(rule, context);
    const by = own.map((match) => earlier.covering(match));
    for (const match of own) earlier.add(index, match);
    if (own.length === 0 || by.includes(undefined)) return [];
    const names = [...new Set(by)].map((i) => `"${rules[i ?? 0]?.name ?? ""}"`);
    return [
      {
        rule: index,
        path: ["match"],
        found: `nothing that is left for "${rule.name}": ${names.join(" and ")} before it match${names.length === 1 ? "es" : ""} all of it`,
        allowed: "requests that no earlier rule takes",
        hint: "rules are tried in order",
        repairs: [{ say: `move "${rule.name}" before ${names.join(" and ")}, or delete it` }],
      },
    ];
  });
}

/** Matches of earlier rules, found by one of their conditions: what a match covers has that condition, or a narrower one. */
class EarlierMatches {
  private readonly all = new Map<string, { readonly rule: number; readonly match: RequestMatch }[]>();

  add(rule: number, match: RequestMatch): void {
    const key = ownKey(match);
    const found = this.all.get(key);
    if (found) found.push({ rule, match });
    else this.all.set(key, [{ rule, match }]);
  }

  /** The first rule that covers `match`. */
  covering(match: RequestMatch): number | undefined {
    const rules = keysAbove(match).flatMap(
      (key) => this.all.get(key)?.find((earlier) => covers(earlier.match, match))?.rule ?? [],
    );
    return rules.length === 0 ? undefined : Math.min(...rules);
  }
}

const FIELDS = ["cookies", "headers", "query"] as const;

function ownKey(match: RequestMatch): string {
  for (const kind of FIELDS) {
    for (const [name, value] of Object.entries(match[kind] ?? {})) {
      if ("exact" in value) return `${kind} ${name}=${value.exact}`;
      return "prefix" in value ? `${kind} ${name}^${value.prefix}` : `${kind} ${name}`;
    }
  }
  const { path } = match;
  if (path && "exact" in path) return `path=${path.exact}`;
  return path && "prefix" in path ? `path ${path.prefix.replace(/\/+$/, "")}` : "";
}

/** Keys of a field's value: of itself, of all that it begins with, and of matches by other means. */
function fieldKeys(field: string, value: FieldMatch): string[] {
  const text = "exact" in value ? value.exact : "prefix" in value ? value.prefix : "";
  const prefixes = Array.from(text, (_, i) => `${field}^${text.slice(0, i + 1)}`);
  return [field, ...prefixes, ...("exact" in value ? [`${field}=${text}`] : [])];
}

function keysAbove(match: RequestMatch): string[] {
  const fields = FIELDS.flatMap((kind) =>
    Object.entries(match[kind] ?? {}).flatMap(([name, value]) => fieldKeys(`${kind} ${name}`, value)),
  );
  const { path = { prefix: "/" } } = match;
  const text =
    "regex" in path
      ? regexStart(path.regex)
      : "exact" in path
        ? `${path.exact}/`
        : `${path.prefix.replace(/\/+$/, "")}/`;
  const parents = [...text.matchAll(/\//g)].map(({ index }) => `path ${text.slice(0, index)}`);
  return ["", ...fields, ...parents, ...("exact" in path ? [`path=${path.exact}`] : [])];
}
