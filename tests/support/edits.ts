/** Edits of generated stack files, as people make them: some settings change, names and namespaces stay. */
import fc from "fast-check";
import { guard } from "./access-arbitraries";
import { generatedSettings, repaired, type Config } from "./generated-settings";

export interface GeneratedEdit {
  readonly before: Config;
  readonly after: Config;
  /** Which settings were changed, before what is wrong was repaired. */
  readonly changed: readonly string[];
}

const IMAGE = "registry.example.com/category-api:1.0.0";
const versionNames = ["v1", "v2", "v3"] as const;

const scale = fc.oneof(
  fc.integer({ min: 1, max: 6 }).map((replicas) => ({ replicas })),
  fc.integer({ min: 1, max: 4 }).map((minReplicas) => ({ autoscaler: { minReplicas, maxReplicas: 9 } })),
);
const versions = fc
  .subarray([...versionNames], { minLength: 1 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, scale]))))
  .map((scales) =>
    Object.fromEntries(Object.entries(scales).map(([name, one]) => [name, { image: IMAGE, ...one }])),
  );

const shares = fc.tuple(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 0, max: 4 }),
);

/** Weights for the versions that a configuration has: quarters of what is left, so that zero and everything are common. */
function weighed(config: Config, parts: readonly number[]): Config {
  const names = Object.keys((config.category as { versions: Config }).versions);
  const own = names.map((_, i) => parts[i] ?? 0);
  const sum = own.reduce((a, b) => a + b, 0);
  const percents = own.map((part) => (sum === 0 ? 0 : Math.floor((100 * part) / sum)));
  const rest = 100 - percents.slice(1).reduce((a, b) => a + b, 0);
  const weights = Object.fromEntries(names.map((name, i) => [name, i === 0 ? rest : (percents[i] ?? 0)]));
  return { ...config, traffic: { ...(config.traffic as Config | undefined), weights } };
}

interface Parts {
  readonly versions: Config;
  readonly shares: readonly number[];
  readonly access: unknown;
  readonly other: Config;
  readonly port: number;
}
const parts: fc.Arbitrary<Parts> = fc.record({
  versions,
  shares,
  access: guard.map(({ lists }) => lists),
  other: generatedSettings.map(({ config }) => config),
  port: fc.constantFrom(8080, 9090),
});

/** What an edit may change. */
const CHANGES: Readonly<Record<string, (config: Config, from: Parts) => Config>> = {
  weights: (config, from) => weighed(config, from.shares),
  versions: (config, from) =>
    weighed(
      { ...config, category: { ...(config.category as Config), versions: from.versions } },
      from.shares,
    ),
  scale: (config, from) => {
    const { category } = config as { category: { versions: Config } };
    const own = Object.fromEntries(
      Object.entries(category.versions).map(([name, one]) => [name, from.versions[name] ?? one]),
    );
    return { ...config, category: { ...category, versions: own } };
  },
  rules: (config, { other }) => {
    const { rules } = other.traffic as Config;
    return { ...config, traffic: { ...(config.traffic as Config), rules: rules ?? [] } };
  },
  traffic: (config, { other, shares: own }) => weighed({ ...config, traffic: other.traffic }, own),
  access: (config, { access }) => ({ ...config, security: { ...(config.security as Config), access } }),
  security: (config, { other }) => ({ ...config, security: other.security }),
  hosts: (config, { other }) => {
    const { aliases = [] } = other.category as Config;
    return { ...config, category: { ...(config.category as Config), aliases } };
  },
  gateway: (config, { other }) => {
    const taken = { ...(other.gateway as Config | undefined) };
    for (const key of ["namespace", "existing"]) {
      const own = (config.gateway as Config | undefined)?.[key];
      if (own === undefined) Reflect.deleteProperty(taken, key);
      else taken[key] = own;
    }
    return { ...config, gateway: taken };
  },
  port: (config, { port }) => ({ ...config, category: { ...(config.category as Config), port } }),
};

/** @param except names of changes that an edit does not make. */
export const edits = (except: readonly string[] = []): fc.Arbitrary<GeneratedEdit> =>
  fc
    .record({
      first: parts,
      second: parts,
      changed: fc.subarray(
        Object.keys(CHANGES).filter((name) => !except.includes(name)),
        { minLength: 1, maxLength: 3 },
      ),
    })
    .map(({ first, second, changed }) => {
      const { other } = first;
      const started = { ...other, category: { ...(other.category as Config), versions: first.versions } };
      const before = repaired(structuredClone(weighed(started, first.shares))).config;
      const edited = changed.reduce(
        (config, name) => CHANGES[name]?.(config, second) ?? config,
        structuredClone(before),
      );
      return { before, after: repaired(structuredClone(edited)).config, changed };
    });
