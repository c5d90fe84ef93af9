/**
 * The texts that are tried for each dimension. Of texts that no condition tells apart one is kept, so that a domain is small and
 * still has every combination of conditions that its texts can meet.
 */
import type { Assignment, Dimension } from "./assignment";
import type { Constraint, Scenario } from "./constraints";

/** A condition on a domain: by index of the text whether it holds. Index 0 stands for absent. */
export interface Condition {
  readonly dimension: Dimension;
  readonly holds: readonly boolean[];
}

/** Index of a text by dimension; what is not there is 0. */
export type Choice = Map<Dimension, number>;

export interface Domains {
  /** By dimension; the first is absent. */
  readonly texts: ReadonlyMap<Dimension, readonly (string | undefined)[]>;
  /** A scenario's conditions, the same object for equal ones. */
  readonly conditionsOf: (scenario: Scenario) => readonly Condition[];
  readonly assignment: (choice: Choice) => Assignment;
}

/** Most texts of a dimension. */
const LIMIT = 400;
/** Most pairs of texts that are tried for a new combination. */
const PAIRS = 20_000;

/** `extra`: texts that are kept whatever conditions say of them. */
export function domainsOf(
  scenarios: readonly Scenario[],
  others: ReadonlyMap<Dimension, readonly string[]>,
  extra: ReadonlyMap<Dimension, readonly string[]>,
): Domains {
  const constraints = new Map<Dimension, Constraint[]>();
  for (const constraint of new Set(scenarios.flatMap((one) => one.constraints))) {
    const known = constraints.get(constraint.dimension);
    if (known) known.push(constraint);
    else constraints.set(constraint.dimension, [constraint]);
  }
  const dimensions = new Set([...constraints.keys(), ...others.keys(), ...extra.keys()]);
  const texts = new Map(
    [...dimensions].map((dimension) => [
      dimension,
      domain(
        dimension,
        constraints.get(dimension) ?? [],
        others.get(dimension) ?? [],
        extra.get(dimension) ?? [],
      ),
    ]),
  );
  const known = new Map<Constraint, Condition>();
  const shared = new Map<string, Condition>();
  const conditionOf = (constraint: Constraint): Condition => {
    let condition = known.get(constraint);
    if (!condition) {
      const holds = (texts.get(constraint.dimension) ?? []).map(constraint.test);
      const key = `${constraint.dimension} ${bits(holds)}`;
      condition = shared.get(key) ?? { dimension: constraint.dimension, holds };
      shared.set(key, condition);
      known.set(constraint, condition);
    }
    return condition;
  };
  return {
    texts,
    conditionsOf: (scenario) => [...new Set(scenario.constraints.map(conditionOf))],
    assignment: (choice) =>
      new Map(
        [...choice].flatMap(([dimension, index]) => {
          const text = texts.get(dimension)?.[index];
          return text === undefined ? [] : [[dimension, text] as const];
        }),
      ),
  };
}

const bits = (holds: readonly boolean[]): string => holds.map((one) => (one ? "1" : "0")).join("");

function domain(
  dimension: Dimension,
  constraints: readonly Constraint[],
  others: readonly string[],
  extra: readonly string[],
): (string | undefined)[] {
  const distinct = new Map<string, string | undefined>();
  const kept: (string | undefined)[] = [];
  const signature = (text: string | undefined): string => bits(constraints.map(({ test }) => test(text)));
  const add = (text: string | undefined): void => {
    const key = signature(text);
    if (distinct.has(key) || kept.length >= LIMIT) return;
    distinct.set(key, text);
    kept.push(text);
  };
  add(undefined);
  const all = [...new Set([...constraints.flatMap(({ samples }) => samples), ...others])];
  all.sort((a, b) => a.length - b.length).forEach(add);
  const join = JOINS.find(({ of }) => of.test(dimension))?.join;
  if (join && constraints.length > 1) {
    let tried = 0;
    for (let round = 0; round < 2; round++) {
      const [firsts, seconds] = [kept.slice(1), kept.slice(1)];
      for (const a of firsts) {
        for (const b of seconds) {
          if (a !== undefined && b !== undefined && a !== b && tried++ < PAIRS) join(a, b).forEach(add);
        }
      }
    }
  }
  return [...kept, ...extra];
}

/** How two texts become one that may meet the conditions of both. */
const JOINS: readonly { readonly of: RegExp; readonly join: (a: string, b: string) => string[] }[] = [
  { of: /^path$/, join: (a, b) => (b.length > 1 ? [a + b, a + b.slice(1), a + b.replace(/^.*\//, "")] : []) },
  { of: /^header cookie$/, join: (a, b) => [`${a}; ${b}`] },
  { of: /^(header|claim) /, join: (a, b) => [`${a}\n${b}`] },
];
