/** Rules that never apply, because earlier rules match all of their requests. */
import { covers, hostCovers } from "./coverage";
import type { FieldMatch, RequestMatch } from "./matches";
import { confine } from "./paths";
import { regexStart } from "./regex";
import { isRouted, type RuleContext } from "./rule-context";
import type { TrafficRule } from "./traffic-rules";
import { trafficProblem, type TrafficProblem } from "./traffic-messages";

/** The matches of a rule at the gateway: within the routed paths, and without a host that every request has. */
function effectiveMatches(rule: TrafficRule, { paths, hosts }: RuleContext): RequestMatch[] {
  return rule.match.flatMap(({ host, path, ...others }) => {
    const match = {
      ...others,
      ...(host !== undefined && !hosts.every((h) => hostCovers(host, h)) && { host }),
    };
    const confined = paths && isRouted(rule) && others.sourceNamespace === undefined;
    const parts = confined ? confine(path, paths) : [path];
    return parts.map((part) => ({ ...match, ...(part && { path: part }) }));
  });
}

/** The problems of rules that never apply, by the index of the rule. */
export function coveredRules(
  rules: readonly (TrafficRule | undefined)[],
  context: RuleContext,
): TrafficProblem[] {
  const earlier = new EarlierMatches();
  return rules.flatMap((rule, index) => {
    if (!rule) return [];
    const own = effectiveMatches(rule, context);
    const by = own.map((match) => earlier.covering(match));
    for (const match of own) earlier.add(index, match);
    if (own.length === 0 || by.includes(undefined)) return [];
    const names = [...new Set(by)].map((i) => rules[i ?? 0]?.name ?? "");
    return [trafficProblem("ruleCovered", [index, "match"], { rule: rule.name, by: names })];
  });
}

/** Index of the matches of earlier rules by one condition each. A match that is covered has that condition or a narrower one. */
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

/** Index keys of a field's value: the value, its prefixes, and the keys of other kinds of matches. */
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
