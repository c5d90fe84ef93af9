import { CATEGORY_PATHS } from "../../components/category/category-paths";
import { ruleProblems } from "../../components/traffic/rule-problems";
import { didYouMean, locatedRepair, type Finding, type Path } from "./problem";
import type { PartialConfiguration } from "./rules";
import { trafficRuleOf, type WrittenRule } from "./traffic-rules";

/** Name of the route of what no rule matches: that of the service. */
const REST = "category";

/** What is wrong between the rules of the traffic, and between them and other settings. `unread` are the paths of values that had problems of their own. */
export function* ruleFindings(c: PartialConfiguration, unread: readonly Path[]): Generator<Finding> {
  const at = ["traffic", "rules"];
  const wrong = new Set(
    unread.filter((path) => at.every((key, i) => path[i] === key)).map((path) => path[2]),
  );
  const written = (c.traffic?.rules ?? []) as readonly WrittenRule[];
  if (wrong.has(undefined) || c.category?.versions === undefined || c.category.host === undefined) return;
  const versions = Object.keys(c.category.versions);
  if (versions.length === 0) return;
  const rules = written.map((rule, i) => (wrong.has(i) ? undefined : trafficRuleOf(rule)));
  const hosts = [c.category.host, ...(c.category.aliases ?? [])].filter((host) => host !== undefined);
  const context = { service: REST, versions, hosts, paths: CATEGORY_PATHS };
  for (const problem of ruleProblems(rules, context)) {
    const { rule, found, allowed, hint, repairs = [] } = problem;
    const own = [...at, rule];
    // A match alone need not be in a list.
    const [key, ...below] = problem.path;
    const listed = key === "match" && Array.isArray(written[rule]?.match) && typeof below[0] === "string";
    const path = listed ? [...own, key, 0, ...below] : [...own, ...problem.path];
    const unknown = /version "(.*)", which is not declared/.exec(found)?.[1] ?? "";
    // Any two names as short as v1 and v2 are near each other.
    const meant = unknown.length > 3 ? didYouMean(unknown, versions) : undefined;
    yield {
      path,
      found,
      allowed,
      ...(meant !== undefined ? { hint: `did you mean ${meant}?` } : hint !== undefined && { hint }),
      repairs:
        meant !== undefined && problem.path[0] === "to"
          ? [{ set: meant }]
          : repairs.map((repair) => locatedRepair(repair, (below) => [...own, ...below])),
    };
  }
}
