/** Checks between versions and the requests that they get: weights, rules, mirrors. */
import { effectiveShares, weightProblems, type Weights } from "../../../components/traffic/weights";
import { didYouMean } from "../report/words";
import { problem, type Path, type Problem } from "../report/catalogue";
import { check, checkEach, type Check } from "./check";
import { located } from "./located";

const WEIGHTS = ["traffic", "weights"];

const declared = check({ versions: "keys of category.versions" }, function* ({ versions }) {
  const path = ["category", "versions"];
  const image = {
    at: [...path, "v1", "image"],
    set: "registry.example.com/category-api:1.0.0",
    example: true,
  } as const;
  if (versions.length === 0) yield problem("versionsNone", path, {}, image);
});

const weighed = check(
  {
    versions: "keys of category.versions",
    names: "keys of traffic.weights",
    weights: "traffic.weights.*?",
  },
  function* ({ versions, names, weights }) {
    if (versions.length === 0) {
      const example = { at: [...WEIGHTS, "v1"], set: 100, example: true } as const;
      if (names.length === 0) yield problem("weightsNone", WEIGHTS, {}, example);
      return;
    }
    const known = Object.fromEntries(weights);
    const all = Object.fromEntries(names.map((name) => [name, known[name]]));
    for (const found of weightProblems(all, versions)) {
      const at = located(found, () => WEIGHTS);
      if (found.name !== "weightUndeclared") yield at;
      else {
        const unweighed = versions.filter((version) => !names.includes(version));
        const meant = didYouMean(found.params.version, unweighed);
        yield problem("weightUndeclared", at.path, { ...found.params, meant }, ...at.repairs);
      }
    }
  },
);

/** The requests and copies that a version gets. */
interface Load {
  readonly version: string;
  readonly what: string;
  /** Path of the mirror that sends copies to it. */
  readonly mirror?: Path;
}

const loadsOf = (weights: Weights, versions: readonly string[], what: (share: number) => string): Load[] =>
  weightProblems(weights, versions).length > 0
    ? []
    : Object.entries(effectiveShares(weights)).flatMap(([version, share]) =>
        share > 0 ? [{ version, what: what(share) }] : [],
      );

const SOURCES = {
  weights: { weights: "traffic.weights", versions: "keys of category.versions" },
  rules: {
    names: "traffic.rules.*?.name",
    to: "traffic.rules.*?.to",
    splits: "traffic.rules.*?.weights",
  },
  mirrors: { mirrors: "traffic.rules.*?.mirror", mirror: "traffic.mirror" },
} as const;

/**
 * A check for each setting that gives a version requests or copies.
 *
 * @param own inputs of the version.
 */
export const checkLoaded = (
  find: (
    path: Path,
    own: { readonly replicas: number | undefined; readonly autoscaler: Autoscaler | undefined },
    others: { readonly load: Load; readonly production: boolean },
  ) => Iterable<Problem>,
): Check[] => {
  const own = { replicas: "replicas", autoscaler: "autoscaler" } as const;
  const production = { production: "production" } as const;
  const first = (loads: readonly Load[], path: Path): Load | undefined =>
    loads.find(({ version }) => version === path[2]);
  const found = (
    path: Path,
    pods: Parameters<typeof find>[1],
    loads: readonly Load[],
    isProduction: boolean,
  ): Iterable<Problem> => {
    const load = first(loads, path);
    return load ? find(path, pods, { load, production: isProduction }) : [];
  };
  return [
    checkEach("category.versions", own, { ...SOURCES.weights, ...production }, (path, pods, c) =>
      found(
        path,
        pods,
        loadsOf(c.weights, c.versions, (share) => `${share} percent of the requests`),
        c.production,
      ),
    ),
    checkEach("category.versions", own, { ...SOURCES.rules, ...production }, (path, pods, c) => {
      const names = new Map(c.names);
      const what = (rule: number): string => `the requests of rule ${names.get(rule) ?? rule}`;
      const loads = [
        ...c.to.flatMap(([rule, version]) => (version === undefined ? [] : [{ rule, version }])),
        ...c.splits.flatMap(([rule, weights = {}]) =>
          loadsOf(weights, Object.keys(weights), () => "").map(({ version }) => ({ rule, version })),
        ),
      ].sort((a, b) => a.rule - b.rule);
      return found(
        path,
        pods,
        loads.map(({ rule, version }) => ({ version, what: what(rule) })),
        c.production,
      );
    }),
    checkEach("category.versions", own, { ...SOURCES.mirrors, ...production }, (path, pods, c) => {
      const written = [
        { at: ["traffic"], mirror: c.mirror },
        ...c.mirrors.map(([rule, mirror]) => ({ at: ["traffic", "rules", rule], mirror })),
      ];
      const loads = written.flatMap(({ at, mirror }) =>
        mirror === undefined || mirror === "none"
          ? []
          : [{ version: mirror.to, what: "copies of requests", mirror: [...at, "mirror"] }],
      );
      return found(path, pods, loads, c.production);
    }),
  ];
};

export interface Autoscaler {
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

const running = checkLoaded(function* (path, { replicas }, { load }) {
  if (replicas !== 0) return;
  const unmirrored = load.mirror ? [{ remove: load.mirror }] : [];
  yield problem("versionOff", [...path, "replicas"], { gets: load.what }, { set: 1 }, ...unmirrored);
});

export const VERSION_CHECKS: readonly Check[] = [declared, weighed, ...running];
