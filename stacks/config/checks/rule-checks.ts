/** Checks between the traffic rules, and between them and the service. */
import { CATEGORY_PATHS } from "../../../components/category/category-paths";
import { ruleProblems } from "../../../components/traffic/rule-problems";
import type { TrafficRule } from "../../../components/traffic/traffic-rules";
import { problem, type Path } from "../report/catalogue";
import { didYouMean } from "../report/words";
import { trafficRuleOf } from "../schema/rule-settings";
import { check, type Check } from "./check";
import { located } from "./located";

/** Name of the route for requests that match no rule, which is the name of the service. */
const REST = "category";
const RULES = ["traffic", "rules"];

export const RULE_CHECKS: readonly Check[] = [
  check(
    {
      versions: "keys of category.versions",
      host: "category.host",
      aliases: "category.aliases",
      written: "traffic.rules.*?",
    },
    function* ({ versions, host, aliases, written }) {
      if (versions.length === 0) return;
      const rules: (TrafficRule | undefined)[] = [];
      for (const [i, rule] of written) rules[i] = trafficRuleOf(rule);
      const context = { service: REST, versions, hosts: [host, ...aliases], paths: CATEGORY_PATHS };
      const single = new Set(written.flatMap(([i, { match }]) => (Array.isArray(match) ? [] : [i])));
      const at = (path: Path): Path => {
        const [rule, key, ...below] = path;
        // A single match may be written without a list.
        const isAlone = key === "match" && single.has(rule as number) && below[0] === 0;
        return isAlone ? [rule ?? 0, key, ...below.slice(1)] : path;
      };
      for (const found of ruleProblems(Array.from(rules), context)) {
        const placed = located({ ...found, path: at(found.path) }, () => RULES);
        const { name, params } = found;
        if (name !== "ruleVersionUndeclared" && name !== "weightUndeclared") {
          yield placed;
          continue;
        }
        // Short names such as v1 and v2 always look similar.
        const meant = params.version.length > 3 ? didYouMean(params.version, versions) : undefined;
        const named = meant !== undefined && name === "ruleVersionUndeclared";
        const repairs = named ? [{ set: meant }] : placed.repairs;
        yield problem(name, placed.path, { ...params, meant }, ...repairs);
      }
    },
  ),
];
