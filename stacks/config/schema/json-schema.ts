import { z } from "zod";
import { stringify } from "yaml";
import { isObject } from "./fields";
import type { Path } from "../report/catalogue";
import { configuration } from "./configuration";

export type Schema = z.core.JSONSchema.JSONSchema;

let known: Schema | undefined;

/** JSON Schema of the settings in a stack file, with keys without namespace. */
export function settingsSchema(): Schema {
  return (known ??= z.toJSONSchema(configuration, {
    io: "input",
    unrepresentable: "any",
    // zod omits defaults and examples of transformed inputs. These have the form of the stack file, so they are added here.
    override: ({ zodSchema, jsonSchema }) => {
      const { default: written, examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (written !== undefined) jsonSchema.default = written;
      if (examples !== undefined) jsonSchema.examples = examples as unknown[];
    },
  }));
}

const alternatives = (schema: Schema): Schema[] =>
  schema.anyOf ? schema.anyOf.flatMap(alternatives) : [schema];

/** The alternative schemas of a value at `path`. */
export function schemasAt(path: Path): Schema[] {
  let schemas = alternatives(settingsSchema());
  for (const key of path) {
    schemas = schemas.flatMap(({ properties, additionalProperties, items }) => {
      const inner = typeof key === "number" ? items : (properties?.[String(key)] ?? additionalProperties);
      return isObject(inner) ? alternatives(inner) : [];
    });
  }
  return schemas;
}

/** A short value that `schema` allows; undefined if none is known. */
function exampleOf(schema: Schema): unknown {
  const { examples, properties, items, required = [] } = schema;
  if (examples) return examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf)
    return alternatives(schema)
      .map(exampleOf)
      .find((example) => example !== undefined);
  if (isObject(items)) {
    const item = exampleOf(items);
    return item === undefined ? undefined : [item];
  }
  const entries = Object.entries({ ...properties }).map(([key, inner]) => [key, exampleOf(inner as Schema)]);
  const needed = entries.filter(([key]) => required.includes(String(key)));
  const shown =
    needed.length > 0 ? needed : entries.filter(([, example]) => example !== undefined).slice(0, 1);
  return shown.length === 0 || shown.some(([, example]) => example === undefined)
    ? undefined
    : (Object.fromEntries(shown) as unknown);
}

/**
 * Example lines of the object or list at `path`, for a stack file with another value there. If an object needs only one value
 * and allows `written`, the lines contain it. Undefined if no example is known.
 */
export function exampleLines(path: Path, type: "object" | "array", written: unknown): string | undefined {
  for (const schema of schemasAt(path).filter((s) => s.type === type)) {
    const example = around(schema, written) ?? exampleOf(schema);
    if (example === undefined) continue;
    const key = path.at(-1);
    const line = { [path.length === 1 ? `shopzier:${String(key)}` : String(key)]: example };
    const flow = { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: false } as const;
    return typeof key === "number"
      ? `- ${stringify(example, flow).trim()}`
      : stringify(line, flow).trim().slice(1, -1);
  }
  return undefined;
}

/** `written`, if it is the only value that an object needs. Never for the name of a Secret, since it may be the secret itself. */
function around({ required = [], properties }: Schema, written: unknown): unknown {
  const [key = "", ...others] = required;
  const schema = properties?.[key];
  if (typeof written !== "string" || others.length > 0 || !isObject(schema) || key === "secret")
    return undefined;
  const fits = ({ type, pattern, items }: Schema): unknown => {
    if (isObject(items)) {
      const item = fits(items);
      return item === undefined ? undefined : [item];
    }
    return type === "string" && pattern !== undefined && new RegExp(pattern).test(written)
      ? written
      : undefined;
  };
  const value = fits(schema);
  return value === undefined ? undefined : { [key]: value };
}
