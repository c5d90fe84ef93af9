/**
 * Requests derived from the objects of two sides: they meet each rule and policy, just miss it, and meet those of both sides in
 * pairs, so that a request whose fate changes is found that nobody thought of.
 *
 * What each rule asks becomes conditions on single texts (`domains.ts`). Requests are first solved for each rule and each pair
 * of rules; then those that reached something new are changed at random, with the same numbers in each run.
 */
import {
  compile,
  type Decision,
  type SimulatedPlan,
  type SimulatedRequest,
} from "../../components/simulator";
import { requestOf, type Dimension, type Surroundings } from "./assignment";
import { oneOf, type Scenario } from "./constraints";
import { domainsOf, type Choice, type Domains } from "./domains";
import { changeKind, classOf, type ChangeKind } from "./outcomes";
import { policyScenarios, tokenScenarios } from "./policy-scenarios";
import { plansOf, type ProxyPair } from "./proxies";
import { hostsConstraint, listening, routeScenarios } from "./route-scenarios";
import { smallest } from "./shrink";
import { numbers, solve, type Conditions } from "./solver";

/** Requests that change in the same way: the same rules and outcomes before and after. */
export interface Difference {
  readonly kind: ChangeKind;
  readonly before: Decision;
  readonly after: Decision;
  /** The smallest that was found. */
  readonly request: SimulatedRequest;
}

export interface Derived {
  /** One for each pair of fates that was reached, changed or not. */
  readonly requests: readonly SimulatedRequest[];
  readonly differences: readonly Difference[];
}

/** How many requests are decided for a pair of proxies, at most. */
const BUDGET = 40_000;
/** After how many changes that reach nothing new the search ends. */
const PATIENCE = 6_000;

/** Nothing where both sides of the proxy are equal. */
export function derive(pair: ProxyPair, budget = BUDGET): Derived {
  const plans = plansOf(pair);
  if (JSON.stringify(plans[0]) === JSON.stringify(plans[1])) return { requests: [], differences: [] };
  return new Search(plans, budget).run();
}

/** Two fates, and a choice that reaches them. */
interface Reached {
  readonly choice: Choice;
  readonly before: Decision;
  readonly after: Decision;
  readonly size: number;
}

class Search {
  private readonly random = numbers(1);
  private readonly domains: Domains;
  private readonly surroundings: Surroundings;
  private readonly decide: readonly [Decide, Decide];
  /** By side. */
  private readonly routes: readonly (readonly Conditions[])[];
  private readonly policies: readonly (readonly Conditions[])[];
  private readonly tokens: readonly Conditions[];
  private readonly reached = new Map<string, Reached>();
  private left: number;
  private sinceNew = 0;

  constructor(plans: readonly [SimulatedPlan, SimulatedPlan], budget: number) {
    this.left = budget;
    this.decide = [compile(plans[0]), compile(plans[1])];
    this.surroundings = surroundingsOf(plans);
    const routes = plans.map((plan) => [...routeScenarios(plan), ...serverScenarios(plan)]);
    const policies = plans.map(policyScenarios);
    const tokens = plans.flatMap(tokenScenarios);
    const all = [...routes.flat(), ...policies.flat(), ...tokens];
    this.domains = domainsOf(all, otherTexts(plans, all, this.surroundings), bentPaths(plans, all));
    const known = new Map<string, Conditions>();
    const ids = new Map<object, number>();
    const conditionsOf = (scenario: Scenario): Conditions => {
      const conditions = this.domains.conditionsOf(scenario);
      const key = conditions
        .map((one) => ids.get(one) ?? (ids.set(one, ids.size), ids.size - 1))
        .sort()
        .join();
      const same = known.get(key);
      if (same) return same;
      known.set(key, conditions);
      return conditions;
    };
    this.routes = routes.map((side) => [...new Set(side.map(conditionsOf))]);
    this.policies = policies.map((side) => [...new Set(side.map(conditionsOf))]);
    this.tokens = [...new Set(tokens.map(conditionsOf))];
  }

  run(): Derived {
    this.single();
    this.pairs();
    this.changes();
    const all = [...this.reached.values()];
    const differences = all.flatMap(({ choice, before, after }): Difference[] => {
      if (changeKind(before, after) === undefined) return [];
      const key = keyOf(before, after);
      const least = smallest(choice, this.domains, (other) => {
        const [, first, second] = this.decided(other);
        return keyOf(first, second) === key;
      });
      const [request, ...fates] = this.decided(least);
      const kind = changeKind(...fates);
      return kind ? [{ kind, before: fates[0], after: fates[1], request }] : [];
    });
    return { requests: all.map(({ choice }) => this.decided(choice)[0]), differences };
  }

  /** Each rule and policy on its own: met, just met by other texts, and just missed. */
  private single(): void {
    for (const conditions of new Set([...this.routes.flat(), ...this.policies.flat(), ...this.tokens])) {
      const choice = solve(this.domains, conditions, [], () => 0);
      if (!choice) continue;
      this.try(choice);
      for (const { dimension, holds } of conditions) {
        holds.slice(0, 24).forEach((_, index) => {
          this.try(new Map(choice).set(dimension, index));
        });
      }
    }
  }

  /** What each side's rules ask, together, and past the rules before them. */
  private pairs(): void {
    const [before = [], after = []] = this.routes;
    const guards = [...new Set([...this.policies.flat(), ...this.tokens])];
    const both = before.flatMap((_, i) => after.map((_, j) => [i, j] as const));
    const withGuards = [before, after].flatMap((routes, side) =>
      routes.flatMap((_, i) => guards.map((guard) => [side, i, guard] as const)),
    );
    const total = 2 * both.length + withGuards.length + guards.length ** 2;
    // Where there are too many pairs, an even part of them.
    const share = Math.min(1, (this.left * 0.6) / Math.max(total, 1));
    const isTaken = (): boolean => share === 1 || this.random(1000) < share * 1000;
    for (const [i, j] of both) {
      if (!isTaken()) continue;
      const wanted = [...(before[i] ?? []), ...(after[j] ?? [])];
      const earlier = [...before.slice(0, i), ...after.slice(0, j)];
      this.trySolved(wanted, earlier);
      // A guard may be what lets it in.
      const guard = guards[this.random(guards.length)];
      if (guard) this.trySolved([...wanted, ...guard], earlier);
    }
    for (const [side, i, guard] of withGuards) {
      const routes = this.routes[side] ?? [];
      if (isTaken()) this.trySolved([...guard, ...(routes[i] ?? [])], routes.slice(0, i));
    }
    for (const guard of guards) {
      for (const other of guards) if (isTaken()) this.trySolved([...guard, ...other], []);
    }
  }

  /** Changes of what has been reached: single texts, or what a rule, a policy or a token asks. */
  private changes(): void {
    const all = [...this.routes.flat(), ...this.policies.flat(), ...this.tokens];
    const dimensions = [...this.domains.texts];
    this.sinceNew = 0;
    while (this.left > 0 && this.reached.size > 0 && this.sinceNew < PATIENCE) {
      const seeds = [...this.reached.values()];
      for (let i = 0; i < 200 && this.left > 0; i++) {
        const { choice } = seeds[this.random(seeds.length)] ?? {};
        let next: Choice | undefined = new Map(choice);
        for (let step = this.random(3); step >= 0; step--) {
          if (this.random(2) === 0) {
            const asked = all[this.random(all.length)] ?? [];
            next = solve(this.domains, asked, [], this.random, next) ?? next;
          } else {
            const [dimension = "", texts = []] = dimensions[this.random(dimensions.length)] ?? [];
            next.set(dimension, this.random(3) === 0 ? 0 : this.random(texts.length));
          }
        }
        this.try(next);
      }
    }
  }

  private trySolved(wanted: Conditions, unwanted: readonly Conditions[]): void {
    const choice = solve(this.domains, wanted, unwanted, this.random);
    if (choice) this.try(choice);
    else this.left -= 0.1;
  }

  private try(choice: Choice): void {
    if (this.left <= 0) return;
    this.left--;
    const [, before, after] = this.decided(choice);
    const key = keyOf(before, after);
    const size = choice.size;
    const known = this.reached.get(key);
    this.sinceNew = known ? this.sinceNew + 1 : 0;
    if (!known || size < known.size) this.reached.set(key, { choice, before, after, size });
  }

  private decided(choice: Choice): readonly [SimulatedRequest, Decision, Decision] {
    const request = requestOf(this.domains.assignment(choice), this.surroundings);
    return [request, this.decide[0](request), this.decide[1](request)];
  }
}

type Decide = (request: SimulatedRequest) => Decision;

/** Of a change by what it is and who decides. */
export const keyOf = (before: Decision, after: Decision): string =>
  `${changeKind(before, after) ?? ""}\n${classOf(before)}\n${classOf(after)}`;

function surroundingsOf(plans: readonly SimulatedPlan[]): Surroundings {
  const [rule] = plans.flatMap(({ requestAuthentication }) => requestAuthentication?.jwtRules ?? []);
  return {
    trustedProxies: Math.max(...plans.map(({ trustedProxies = 0 }) => trustedProxies)),
    token: { iss: rule?.issuer ?? "https://issuer.example", aud: rule?.audiences?.[0] },
  };
}

/** What a server listens to, also where no rule is for its hosts. */
const serverScenarios = (plan: SimulatedPlan): Scenario[] =>
  listening(plan).map(({ listener, hosts }) => ({
    constraints: [oneOf("listener", [listener]), hostsConstraint(hosts)],
  }));

/** Beside what conditions name: what none of them is likely to name. */
function otherTexts(
  plans: readonly SimulatedPlan[],
  scenarios: readonly Scenario[],
  { trustedProxies }: Surroundings,
): ReadonlyMap<Dimension, readonly string[]> {
  const hosts = scenarios.flatMap(({ constraints }) =>
    constraints.flatMap(({ dimension, samples }) => (dimension === "host" ? samples : [])),
  );
  const texts = new Map<Dimension, readonly string[]>([
    ["method", ["GET", "POST", "OPTIONS", "PROPFIND"]],
    ["path", ["/", "/other"]],
    [
      "host",
      [
        "other.example",
        ...hosts.flatMap((host) => [`${host.replace(/:\d+$/, "")}:8080`, host.toUpperCase()]),
      ],
    ],
    ["listener", plans.flatMap(listening).map(({ listener }) => listener)],
    ["client", ["198.18.0.1", ...(trustedProxies > 0 ? ["unknown"] : [])]],
    ["origin", ["https://other.example"]],
  ]);
  if (trustedProxies > 0) texts.set("proto", ["http", "https"]);
  return texts;
}

/** Where the sides normalize paths differently: other spellings of each path. */
function bentPaths(
  [before, after]: readonly [SimulatedPlan, SimulatedPlan],
  scenarios: readonly Scenario[],
): ReadonlyMap<Dimension, readonly string[]> {
  const always: [Dimension, readonly string[]][] = [["origin", ["https://other.example"]]];
  if (before.pathNormalization === after.pathNormalization) return new Map(always);
  const paths = new Set(
    scenarios.flatMap(({ constraints }) =>
      constraints.flatMap(({ dimension, samples }) => (dimension === "path" ? samples.slice(0, 1) : [])),
    ),
  );
  const bent = [...paths]
    .slice(0, 40)
    .flatMap((path) => [
      ...[`/${path}`, `/x/..${path}`, path.replace(/(?<=.)\//, "%2F"), path.replace(/(?<=.)\//, "//")],
      path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    ]);
  return new Map([...always, ["path", bent]]);
}
