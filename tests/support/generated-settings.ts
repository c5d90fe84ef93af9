/**
 * Stack files generated from the schema: they cover all settings, and new ones without further work.
 *
 * A generated file may violate a check between settings. The generator removes what the report names, until no problem is left.
 * The result is valid and still contains everything that the checks allow.
 */
import fc from "fast-check";
import { rootCertificates } from "node:tls";
import { stringify } from "yaml";
import { documents } from "../../docs/generate";
import { parseSettings, SettingsError, type Reported, type Settings } from "../../stacks/config/settings";
import type { Path } from "../../stacks/config/report/catalogue";
import { configPath } from "../../stacks/config/report/report";
import { meant } from "../../stacks/config/stack-file";
import { weights } from "./arbitraries";
import { RIGHT_SETTINGS } from "../../docs/wrong-settings";

export type Config = Record<string, unknown>;

/** The part of JSON Schema that the schema of stack files uses. */
interface Schema {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: { readonly pattern?: string };
  readonly additionalProperties?: false | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
}

const SCHEMA = (
  JSON.parse(documents()["docs/stack.schema.json"] ?? "") as {
    properties: { config: { properties: Record<string, Schema> } };
  }
).properties.config.properties;

/** Values that the schema describes only in words, and names that other settings refer to. */
const WORDS = [
  "v1",
  "v2",
  "beta",
  "GET",
  "POST",
  "DELETE",
  "x-user",
  "session",
  "100ms",
  "250ms",
  "1s",
  "5s",
  "30s",
  "5m",
  "1h",
  "/",
  "/api/v1/category",
  "/api/v1/category/",
  "/api/v2/category/1",
  "/api/v1/private/category",
  "/old",
  "shop.example.com",
  "*.example.com",
  "https://shop.example.com",
  "https://*.example.com",
  "10.0.0.0/8",
  "192.0.2.7",
  "2001:db8::/32",
  "2001:db8::7",
  "shop",
  "shop/cart",
  "cluster.local/ns/shop/sa/cart",
  "region1",
  "region1/zone1/*",
  "region2",
  "[a-z]+-[0-9]{2}",
  "(?i)beta|canary",
  "/api/v1/category/[^/]+",
  "limits.example.com:8081",
  "rate-limit.platform.svc.cluster.local:8081",
  "192.0.2.7:8081",
  "503",
  "connect-failure",
  "reset",
  "gateway-error",
];

/** Keys of which an object must have exactly one. */
const ALTERNATIVES = [
  ["to", "weights", "redirect", "respond"],
  ["exact", "prefix", "regex", "present"],
];

const version = fc.constantFrom("v1", "v2");
const shares = weights
  .filter((w) => Object.keys(w).length === 2)
  .map((w) => Object.fromEntries(Object.values(w).map((share, i) => [`v${i + 1}`, share])));

/** The public key of RFC 7515, A.2.1. */
export const JWKS = JSON.stringify({
  keys: [
    {
      kty: "RSA",
      n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
      e: "AQAB",
    },
  ],
});

/** Values by the name of a setting, if the schema is not enough. */
const BY_NAME: Readonly<Record<string, (schema: Schema) => fc.Arbitrary<unknown>>> = {
  to: () => version,
  weights: () => shares,
  versions: ({ additionalProperties }) =>
    additionalProperties
      ? fc.dictionary(version, valueOf(additionalProperties), { maxKeys: 2 })
      : fc.uniqueArray(version, { minLength: 1 }),
  jwks: () => fc.constant(JWKS),
  ca: () => fc.constant(rootCertificates[0]),
};

function textOf({ pattern, examples = [] }: Schema): fc.Arbitrary<unknown> {
  const known = pattern === undefined ? undefined : new RegExp(pattern);
  const words = WORDS.filter((word) => known?.test(word) ?? true);
  const choices = [...words, ...examples];
  const named = choices.length > 0 ? fc.constantFrom(...choices) : fc.constant("x");
  if (pattern === undefined) return fc.oneof(named, fc.string({ minLength: 1, maxLength: 12 }));
  // Without patterns that have assertions, for which fast-check cannot generate text.
  return /\(\?[=!<]/.test(pattern) ? named : fc.oneof(named, fc.stringMatching(known ?? /x/));
}

function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  const { anyOf, properties, additionalProperties, items, examples = [] } = schema;
  if (anyOf) {
    // Weighted by the number of settings, because those of a large alternative would be rare otherwise.
    return fc.oneof(
      ...anyOf.map((of) => ({ arbitrary: valueOf(of), weight: 1 + settingsBelow(of, "").length })),
    );
  }
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (properties) {
    // Purely random rules and matches would almost always be wrong.
    const one = ALTERNATIVES.map((keys) => keys.filter((key) => key in properties)).find((k) => k.length > 1);
    if (one) {
      const others = Object.entries(properties).filter(([key]) => !one.includes(key));
      return fc.oneof(
        ...one.map((key) =>
          valueOf({
            properties: Object.fromEntries([...others, [key, properties[key] ?? {}]]),
            required: [...(schema.required ?? []), key],
          }),
        ),
      );
    }
    const values = Object.entries(properties).map(([key, inner]): [string, fc.Arbitrary<unknown>] => [
      key,
      (BY_NAME[key] ?? valueOf)(inner),
    ]);
    const { required = [] } = schema;
    const optional = Object.keys(properties).filter((key) => !required.includes(key));
    return fc
      .subarray(optional)
      .chain((chosen) =>
        fc.record(
          Object.fromEntries(values.filter(([key]) => required.includes(key) || chosen.includes(key))),
        ),
      );
  }
  if (typeof additionalProperties === "object" && Object.keys(additionalProperties).length > 0) {
    const name = textOf({ ...schema.propertyNames, examples: [] }).map(String);
    return fc.dictionary(name, valueOf(additionalProperties), { maxKeys: 2 });
  }
  if (items) {
    const length = { minLength: schema.minItems ?? 0, maxLength: 3 };
    return schema.uniqueItems
      ? fc.uniqueArray(valueOf(items), { ...length, selector: (item) => JSON.stringify(item) })
      : fc.array(valueOf(items), length);
  }
  const types = [schema.type ?? "object"].flat();
  if (types.includes("integer") || types.includes("number")) {
    const { minimum: min = 0, maximum = 10_000 } = schema;
    const near = { min: Math.ceil(min), max: Math.min(maximum, min + 20) };
    const whole = fc.oneof(fc.integer(near), fc.integer({ min: near.min, max: Math.floor(maximum) }));
    return examples.length > 0 ? fc.oneof(whole, fc.constantFrom(...examples)) : whole;
  }
  // Helm values are the user's own.
  return types.includes("string") ? textOf(schema) : fc.constant({});
}

/** A path in the syntax of `pulumi config`. */
const keysOf = (path: string): string[] =>
  [...path.replace(/^shopzier:/, ".").matchAll(/\.([\w-]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g)].map(
    ([, key, index, quoted]) => key ?? index ?? quoted?.replaceAll(/\\(.)/g, "$1") ?? "",
  );

/** Removes the value at a path from `config`; if the value is missing, removes what needs it. */
function takeOut(config: Config, keys: readonly string[]): void {
  const parents: unknown[] = [config];
  for (const key of keys) parents.push((parents.at(-1) as Config | null | undefined)?.[key]);
  const at = keys.length - (parents.at(-1) === undefined ? 1 : 0);
  const [parent, key = ""] = [parents[at - 1], keys[at - 1]];
  // It may have been removed with something else.
  if (typeof parent !== "object" || parent === null) return;
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
}

function put(config: Config, keys: readonly string[], value: string): void {
  const last = keys.at(-1) ?? "";
  const parent = keys.slice(0, -1).reduce((at, key) => (at[key] ??= {}) as Config, config);
  parent[last] = value;
}

const COMMAND = /pulumi config (set|rm) --stack dev --path '(.+?)'(?: (.+))?$/;

/** Applies a repair of the report. */
function repair(config: Config, { path, repairs }: Reported): void {
  const [, what, at = "", value = ""] = COMMAND.exec(repairs[0] ?? "") ?? [];
  if (what === "set") put(config, keysOf(at), value.replaceAll("'", ""));
  else takeOut(config, keysOf(what === "rm" ? at : path));
}

export interface Generated {
  /** Keys without namespace. */
  readonly config: Config;
  readonly settings: Settings;
}

/** `config` without its problems. */
export function repaired(config: Config): Generated {
  for (let round = 0; ; round++) {
    try {
      return { config, settings: parseSettings(config, "dev") };
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      if (round === 100) throw new Error(`no end of ${error.message}`, { cause: error });
      // The last problem first, so that entries of lists keep their index. Two repairs might undo each other forever.
      for (const problem of [...error.problems].reverse()) {
        if (round < 20) repair(config, problem);
        else takeOut(config, keysOf(problem.path));
      }
    }
  }
}

/** The blocks whose settings become Istio's objects. */
export const BLOCKS: readonly string[] = ["traffic", "loadBalancer", "security", "observability", "gateway"];

/** Settings that do not reach a proxy: what is installed beside the mesh, and Helm's values. */
const INSTALLED = ["prometheus", "jaeger", "grafana", "objectives", "dashboards"];

function schemaOf(block: string): Schema {
  const { properties, ...schema } = SCHEMA[`shopzier:${block}`] ?? {};
  return properties === undefined
    ? schema
    : {
        ...schema,
        properties: Object.fromEntries(
          Object.entries(properties).filter(([key]) => !INSTALLED.includes(key)),
        ),
      };
}

/** Valid settings of every block, for versions v1 and v2. */
export const generatedSettings: fc.Arbitrary<Generated> = fc
  .record({
    blocks: fc.record(Object.fromEntries(BLOCKS.map((block) => [block, valueOf(schemaOf(block))]))),
    aliases: fc.subarray(["shop.example.net", "*.example.org"]),
    shares,
  })
  .map(({ blocks, aliases, shares }) => {
    const right = RIGHT_SETTINGS.dev as { category: Config };
    const { traffic, ...others } = structuredClone(blocks) as Record<string, Config>;
    return repaired({
      ...others,
      category: { ...right.category, ...(aliases.length > 0 && { aliases }) },
      traffic: { ...traffic, weights: shares },
    });
  });

function settingsBelow(schema: Schema, at: string): string[] {
  const { anyOf = [], properties = {}, additionalProperties, items } = schema;
  return [
    ...anyOf.flatMap((alternative) => settingsBelow(alternative, at)),
    ...Object.entries(properties).flatMap(([key, inner]) => [
      `${at}.${key}`,
      ...settingsBelow(inner, `${at}.${key}`),
    ]),
    ...(typeof additionalProperties === "object" ? settingsBelow(additionalProperties, `${at}.*`) : []),
    ...(items ? settingsBelow(items, `${at}[]`) : []),
  ];
}

/** Every setting of the schema below `root`, such as `traffic.rules[].name`; a name that the user chooses is `*`. */
export function settingPaths(root: string): string[] {
  return [...new Set(settingsBelow(schemaOf(root), root))];
}

/** Those of `paths` that a configuration has. */
function writtenPaths(config: Config, paths: readonly string[]): string[] {
  const has = (value: unknown, keys: readonly string[]): boolean => {
    const [key, ...rest] = keys;
    if (key === undefined) return value !== undefined;
    if (typeof value !== "object" || value === null) return false;
    if (key === "[]" || key === "*") {
      return (
        (key === "[]") === Array.isArray(value) && Object.values(value).some((inner) => has(inner, rest))
      );
    }
    return !Array.isArray(value) && has((value as Config)[key], rest);
  };
  return paths.filter((path) => has(config, path.replaceAll("[]", ".[]").split(".")));
}

/** Those of `paths` that none of a hundred generated settings has; each round draws others. */
export function unwritten(paths: readonly string[], round: number): string[] {
  const { seed = 0 } = fc.readConfigureGlobal();
  const sample = fc.sample(generatedSettings, { numRuns: 100, seed: seed + round });
  const written = new Set(sample.flatMap(({ config }) => writtenPaths(config, paths)));
  return paths.filter((path) => !written.has(path));
}

/** Scalars that a user means as text but that YAML reads as something else. */
export const UNQUOTED = [
  ...["5", "0", "-7", "+5", "1.5", "1.10", "2.0", "5.", ".5", "1e3", "1E-2", "12345678901234567890"],
  ...["0123", "020", "089", "0o17", "0x1F", "0b11", "1_000", "true", "True", "FALSE", "null", "~"],
  ...["2026-01-31", "2026-1-3", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00", "10:30", "yes", "1.2.3"],
];

type Indexed = Record<PropertyKey, unknown>;

export interface UnquotedText {
  /** Path of the setting, in the syntax of `pulumi config`. */
  readonly path: string;
  readonly written: string;
  /** The stack file with `written` without quotes, behind an alias, and in quotes. */
  readonly plain: string;
  readonly quoted: string;
}

/** Stack files with one text without quotes. */
export const unquotedText: fc.Arbitrary<UnquotedText> = fc
  .record({
    generated: generatedSettings,
    place: fc.nat(),
    written: fc.constantFrom(...UNQUOTED),
    alias: fc.boolean(),
  })
  .map(({ generated, place, written, alias }) => {
    const texts = textPaths(generated.config);
    const index = place % texts.length;
    const path = texts[index] ?? [];
    const config = inQuotes(generated.config, index);
    const keys = Object.entries(config).map(([key, value]) => [`shopzier:${key}`, value]);
    const file = (value: string, anchor = "") =>
      stringify({ config: { "other:a": "the anchor", ...(Object.fromEntries(keys) as Config) } })
        .replace("the anchor", anchor || "none")
        .replace("the text", value);
    return {
      path: configPath(path),
      written,
      plain: alias ? file("*a", `&a ${written}`) : file(written),
      quoted: file(JSON.stringify(written)),
    };
  });

const textPaths = (config: Config): Path[] => scalarPaths(config).filter((path) => meant(path) === "text");

/**
 * `config` with quoted text for every setting that is text, as needed if it is not from the stack file. The setting at index
 * `theText` is "the text".
 */
export function inQuotes(config: Config, theText?: number): Config {
  const quoted = structuredClone<Indexed>(config);
  for (const [i, path] of textPaths(config).entries()) {
    const parent = path.slice(0, -1).reduce<Indexed>((inner, key) => inner[key] as Indexed, quoted);
    const key = path.at(-1) ?? "";
    parent[key] = i === theText ? "the text" : String(parent[key]);
  }
  return quoted;
}

function scalarPaths(value: unknown, at: Path = []): Path[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => scalarPaths(item, [...at, i]));
  if (typeof value !== "object" || value === null) return [at];
  return Object.entries(value).flatMap(([key, inner]) => scalarPaths(inner, [...at, key]));
}
