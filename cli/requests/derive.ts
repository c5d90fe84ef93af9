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
import { requestOf, type Surroundings } from "./assignment";
import { oneOf, type Scenario } from "./constraints";
import { domainsOf, type Choice, type Domains } from "./domains";
import { keptTexts, otherTexts } from "./further-texts";
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
const PATIENCE = 2_000;
/** How many more for each scenario that is on one side alone. */
const PATIENCE_EACH = 40;

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
  private readonly tokens: readonly (readonly Conditions[])[];
  private readonly reached = new Map<string, Reached>();
  private left: number;
  private sinceNew = 0;

  constructor(plans: readonly [SimulatedPlan, SimulatedPlan], budget: number) {
    this.left = budget;
    this.decide = [compile(plans[0]), compile(plans[1])];
    this.surroundings = surroundingsOf(plans);
    const routes = plans.map((plan) => [...routeScenarios(plan), ...serverScenarios(plan)]);
    const policies = plans.map(policyScenarios);
    const tokens = plans.map(tokenScenarios);
    const all = [...routes.flat(), ...policies.flat(), ...tokens.flat()];
    this.domains = domainsOf(
      all,
      otherTexts(plans, all, this.surroundings),
      keptTexts(plans, all, this.surroundings),
    );
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
    this.tokens = tokens.map((side) => [...new Set(side.map(conditionsOf))]);
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
    const isSame = this.isOnBoth();
    for (const conditions of new Set([
      ...this.routes.flat(),
      ...this.policies.flat(),
      ...this.tokens.flat(),
    ])) {
      const choice = solve([conditions], [], () => 0);
      // Around what is the same on both sides, nothing changes either.
      if (!choice || (!this.try(choice) && isSame(conditions))) continue;
      for (const { dimension, holds } of conditions) {
        holds.slice(0, 24).forEach((_, index) => {
          this.try(new Map(choice).set(dimension, index));
        });
      }
    }
  }

  /** What each side's rules ask, together, and past the rules before them; what is the same on both sides is not paired. */
  private pairs(): void {
    const [before = [], after = []] = this.routes;
    const guards = [...new Set([...this.policies.flat(), ...this.tokens.flat()])];
    const isSame = this.isOnBoth();
    const [ofBefore, ofAfter] = [before, after].map((side) => new Map(side.map((one, i) => [one, i])));
    const wanted: (readonly [readonly Conditions[], readonly Conditions[]])[] = [];
    before.forEach((one, i) => {
      const own = ofAfter?.get(one) ?? -1;
      after.forEach((other, j) => {
        const isPair = one === other || !isSame(one) || !isSame(other);
        // Two rules that change their order.
        const isTurned = own > j && (ofBefore?.get(other) ?? -1) > i;
        if (isPair || isTurned)
          wanted.push([
            [one, other],
            [...before.slice(0, i), ...after.slice(0, j)],
          ]);
      });
    });
    for (const routes of this.routes) {
      routes.forEach((one, i) => {
        for (const guard of guards) {
          if (!isSame(guard) || !isSame(one)) wanted.push([[guard, one], routes.slice(0, i)]);
        }
      });
    }
    for (const guard of guards) {
      for (const other of guards) if (!isSame(guard)) wanted.push([[guard, other], []]);
    }
    // Where there are too many, an even part of them.
    const share = (this.left * 0.3) / Math.max(wanted.length, 1);
    for (const [scenarios, earlier] of wanted) {
      if (share < 1 && this.random(1000) >= share * 1000) continue;
      this.trySolved(scenarios, earlier);
      // A guard may be what lets it in.
      const guard = guards[this.random(guards.length)];
      if (guard) this.trySolved([...scenarios, guard], earlier);
    }
  }

  /** Changes of what has been reached: single texts, or what a rule, a policy or a token asks. */
  private changes(): void {
    const all = [...this.routes.flat(), ...this.policies.flat(), ...this.tokens.flat()];
    const dimensions = [...this.domains.texts];
    this.sinceNew = 0;
    const isSame = this.isOnBoth();
    const patience = PATIENCE + PATIENCE_EACH * all.filter((one) => !isSame(one)).length;
    while (this.left > 0 && this.reached.size > 0 && this.sinceNew < patience) {
      const seeds = [...this.reached.values()];
      for (let i = 0; i < 200 && this.left > 0; i++) {
        const { choice } = seeds[this.random(seeds.length)] ?? {};
        let next: Choice | undefined = new Map(choice);
        for (let step = this.random(3); step >= 0; step--) {
          if (this.random(2) === 0) {
            const asked = all[this.random(all.length)] ?? [];
            next = solve([asked], [], this.random, next) ?? next;
          } else {
            const [dimension = "", texts = []] = dimensions[this.random(dimensions.length)] ?? [];
            next.set(dimension, this.random(3) === 0 ? 0 : this.random(texts.length));
          }
        }
        this.try(next);
      }
    }
  }

  private isOnBoth(): (one: Conditions) => boolean {
    const sides = [0, 1].map(
      (side) => new Set([this.routes, this.policies, this.tokens].flatMap((all) => all[side] ?? [])),
    );
    return (one) => sides.every((side) => side.has(one));
  }

  private trySolved(wanted: readonly Conditions[], unwanted: readonly Conditions[]): void {
    const choice = solve(wanted, unwanted, this.random);
    if (choice) this.try(choice);
  }

  /** Whether the request changes. */
  private try(choice: Choice): boolean {
    if (this.left <= 0) return false;
    this.left--;
    const [, before, after] = this.decided(choice);
    const key = keyOf(before, after);
    const size = choice.size;
    const known = this.reached.get(key);
    this.sinceNew = known ? this.sinceNew + 1 : 0;
    if (!known || size < known.size) this.reached.set(key, { choice, before, after, size });
    return !key.startsWith("\n");
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
