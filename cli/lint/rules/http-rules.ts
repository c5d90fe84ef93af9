/** Rules of VirtualServices for HTTP: which of them act. */
import type { WrittenRoute } from "../../../components/simulator/written-objects";
import { regexProblem } from "../../../components/traffic/regex";
import { matchesOf, takesAll } from "../../diff/match-coverage";
import { fullHost } from "../hosts";
import type { Mesh, Read } from "../mesh";
import type { Found, Rule } from "../rule";
import type { VirtualServiceSpec } from "../specs";

type VirtualService = Read<VirtualServiceSpec>;
type HttpRule = NonNullable<VirtualServiceSpec["http"]>[number];

function* eachRule(
  mesh: Mesh,
  problem: (rule: HttpRule, index: number, of: VirtualService) => { at: string; message: string } | undefined,
): Iterable<Found> {
  for (const service of mesh.all("VirtualService"))
    for (const [i, rule] of (service.spec.http ?? []).entries()) {
      const found = problem(rule, i, service);
      if (found)
        yield { object: service.object, field: `spec.http[${i}]${found.at}`, message: found.message };
    }
}

const nameOf = ({ name }: HttpRule, index: number): string => name || String(index + 1);

export const HTTP_RULES: readonly Rule[] = [
  {
    code: "SL121",
    level: "medium",
    title: "a rule that is never reached",
    why: "Rules are tried in their order, and earlier ones take all requests that it matches.",
    fix: "Move the rule before those, or delete it.",
    like: ["IST0130"],
    check: (mesh) =>
      eachRule(mesh, (rule, index, { spec }) =>
        takesAll(
          ((spec.http ?? []).slice(0, index) as WrittenRoute[]).flatMap(matchesOf),
          matchesOf(rule as WrittenRoute),
        )
          ? { at: "", message: `Earlier rules take all requests of rule ${nameOf(rule, index)}.` }
          : undefined,
      ),
  },
  {
    code: "SL122",
    level: "low",
    title: "a match that never counts",
    why: "An earlier rule takes all requests that it matches, or another match of the same rule does.",
    fix: "Delete the match, or move the rule.",
    like: ["IST0131"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("VirtualService"))
        for (const [i, rule] of (spec.http ?? []).entries()) {
          const earlier = ((spec.http ?? []).slice(0, i) as WrittenRoute[]).flatMap(matchesOf);
          if (takesAll(earlier, matchesOf(rule as WrittenRoute))) continue;
          for (const [j, match] of (rule.match ?? []).entries()) {
            const before = [...earlier, ...(rule.match ?? []).slice(0, j)];
            if (takesAll(before, [match]))
              yield {
                object,
                field: `spec.http[${i}].match[${j}]`,
                message: `Requests of match ${j + 1} of rule ${nameOf(rule, i)} are taken before it.`,
              };
          }
        }
    },
  },
  {
    code: "SL123",
    level: "high",
    title: "a rule that does not say what to do, or says two things",
    why: "Istio refuses it.",
    fix: "Give each rule one of route, redirect, directResponse and delegate.",
    like: ["IST0106"],
    check: (mesh) =>
      eachRule(mesh, ({ route, ...rule }, index) => {
        const said = (["redirect", "directResponse", "delegate"] as const).filter((one) => rule[one]);
        const all = [...(route?.length ? ["route"] : []), ...said];
        if (all.length === 1) return undefined;
        const has = all.length === 0 ? "none of them" : all.join(" and ");
        return { at: "", message: `Rule ${nameOf(rule, index)} has ${has}.` };
      }),
  },
  {
    code: "SL124",
    level: "high",
    title: "shares that send no request anywhere",
    why: "Istio refuses a rule with several destinations whose weights sum to 0.",
    fix: "Give one destination a weight above 0.",
    like: ["IST0106"],
    check: (mesh) =>
      eachRule(mesh, ({ route = [], ...rule }, index) =>
        route.length > 1 && route.every(({ weight }) => !weight)
          ? { at: ".route", message: `The weights of rule ${nameOf(rule, index)} sum to 0.` }
          : undefined,
      ),
  },
  {
    code: "SL125",
    level: "low",
    title: "a weight that does not count",
    why: "A single destination gets all requests, whatever its weight.",
    fix: "Delete the weight, or add the destination that gets the rest.",
    like: ["KIA1104"],
    check: (mesh) =>
      eachRule(mesh, ({ route = [], ...rule }, index) => {
        const weight = route[0]?.weight;
        if (route.length !== 1 || weight === undefined || weight === 100) return undefined;
        return {
          at: ".route[0].weight",
          message: `The only destination of rule ${nameOf(rule, index)} has weight ${weight}.`,
        };
      }),
  },
  {
    code: "SL126",
    level: "low",
    title: "one destination twice in a rule",
    why: "Its share is the sum of both, which a reader may overlook.",
    fix: "Write the destination once, with the sum of the weights.",
    like: ["KIA1105"],
    check: (mesh) =>
      eachRule(mesh, ({ route = [] }, _index, { namespace }) => {
        const keys = route.map(({ destination: { host, subset, port } }) =>
          [fullHost(host, namespace), subset, port?.number].join(" "),
        );
        const again = keys.findIndex((key, i) => keys.indexOf(key) < i);
        if (again < 0) return undefined;
        const { host, subset } = route[again]?.destination ?? {};
        return { at: `.route[${again}]`, message: `${[host, subset].join(" ").trim()} is there already.` };
      }),
  },
  {
    code: "SL127",
    level: "high",
    title: "a regular expression that Envoy does not read",
    why: "Istio refuses it: Envoy's expressions are RE2, without lookahead and back references.",
    fix: "Rewrite it as RE2.",
    like: ["IST0106"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("VirtualService"))
        for (const [i, { match = [] }] of (spec.http ?? []).entries())
          for (const [j, one] of match.entries()) {
            const { uri, method, authority, headers, withoutHeaders, queryParams } = one;
            const fields = { uri, method, authority, ...headers, ...withoutHeaders, ...queryParams };
            for (const [name, value] of Object.entries(fields)) {
              const problem = value?.regex ? regexProblem(value.regex) : undefined;
              // "*" asks for presence (Istio: canBeConvertedToPresentMatch).
              if (problem !== undefined && value?.regex !== "*")
                yield {
                  object,
                  field: `spec.http[${i}].match[${j}]`,
                  message: `The expression of ${name} is not RE2: ${problem}.`,
                };
            }
          }
    },
  },
];
