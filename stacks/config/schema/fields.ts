/**
 * The kinds of fields of a stack file.
 *
 * Pulumi gives numbers and booleans as text or as values, depending on the command and on their depth, so every field
 * accepts both. A field reports its own problems, since zod's messages contain no repairs, and has a JSON Schema for editors.
 */
import { z } from "zod";
import { didYouMean } from "../report/words";
import type { KnownElsewhere } from "../report/form-messages";
import { formProblem, said, type FormMessages, type FormProblem, type Repair } from "../report/catalogue";

/** Documentation of a field and its JSON Schema. */
export interface FieldMeta {
  readonly description: string;
  /** An allowed value for repairs and for editors. */
  readonly example?: string | number | boolean;
  readonly [jsonSchemaKeyword: string]: unknown;
}

type FormName = keyof FormMessages;
type Params<N extends FormName> = Parameters<FormMessages[N]["say"]>[0];
/** A problem of a field: the refused value, and the allowed ones. Default of the latter: the field's title. */
interface Given {
  readonly value: unknown;
  readonly allowed: string;
}
type Missing<P> = Omit<P, keyof Given> & Partial<Pick<Given, "allowed">>;

/** A value that a field refuses. */
export class Refused {
  constructor(readonly problem: (given: Given) => FormProblem) {}
}

/** Refuses a value with one kind of problem. Default of `repairs`: the field's example. */
export const refuseAs = <N extends FormName>(
  name: N,
  params: Missing<Params<N>>,
  ...repairs: readonly Repair[]
): Refused => new Refused((given) => formProblem(name, [], { ...given, ...params } as Params<N>, ...repairs));

/** Refuses a value that is not allowed; `meant` are the values that were probably meant. */
export const refuse = (...meant: readonly (string | number | boolean)[]): Refused =>
  refuseAs("valueRefused", {}, ...meant.map((set) => ({ set })));

/** A problem as an issue of zod. */
export function addProblem(context: z.core.$RefinementCtx, problem: FormProblem): void {
  context.addIssue({ code: "custom", path: [...problem.path], message: problem.name, params: { problem } });
}

/**
 * A refinement of a block that also runs if a field of the block is wrong. `find` gets whether the block has unknown keys, since
 * these may be misspelt ones.
 */
export const refined =
  <T>(find: (value: T, hasUnknownKey: boolean) => readonly FormProblem[]) =>
  (value: T, context: z.core.$RefinementCtx): void => {
    const unknown = context.issues.some(({ code }) => code === "unrecognized_keys");
    for (const problem of find(value, unknown)) addProblem(context, problem);
  };
/** Option of {@link refined}: run for every object, even if its fields are wrong. */
export const WHEN_OBJECT = { when: (payload: { readonly value: unknown }) => isObject(payload.value) };

/** Requires exactly one of `keys`. */
export const exactlyOne = (keys: readonly string[]) =>
  refined<object>((written, hasUnknownKey) => {
    const given = keys.filter((key) => key in written);
    return given.length === 1 || hasUnknownKey ? [] : [formProblem("notExactlyOne", [], { given, keys })];
  });

/** A field with the function that reads it; `title` describes the allowed values. */
export function field<T>(
  read: (value: unknown) => T | Refused,
  { example, ...meta }: FieldMeta & { readonly title: string },
) {
  return z
    .unknown()
    .transform((value, context): T => {
      const result = read(value);
      if (!(result instanceof Refused)) return result;
      const problem = result.problem({ value, allowed: meta.title });
      const hasWay = problem.repairs.length > 0 || said(problem).advice !== undefined;
      const examples = hasWay || example === undefined ? [] : [{ set: example, example: true as const }];
      addProblem(context, { ...problem, repairs: [...problem.repairs, ...examples] });
      // Not z.NEVER, which is an object, since checks also run on a file with problems.
      return undefined as never;
    })
    .meta({ ...meta, ...(example === undefined ? {} : { examples: [example] }) });
}

/** `schema` with a default; `written` is the default in the form of a stack file, if it differs. */
export function withDefault<S extends z.ZodType>(schema: S, value: z.output<S>, written: unknown = value) {
  return schema.default(value as never).meta({ ...schema.meta(), default: written });
}

/** An object with only the keys of `shape`. */
export function object<S extends z.ZodRawShape>(shape: S, description: string) {
  const keys = Object.keys(shape).join(", ");
  return z
    .strictObject(shape, { error: ({ code }) => (code === "invalid_type" ? `an object with ${keys}` : keys) })
    .meta({ description });
}

/** A map from names, which the user chooses, to values; `kind` is what the names are names of. */
export function map<V extends z.ZodType>(
  names: { readonly pattern: RegExp; readonly allowed: string; readonly kind: string },
  value: V,
  description: string,
) {
  return z
    .record(z.string(), value, { error: () => `an object with an entry for each ${names.kind}` })
    .superRefine((entries, context) => {
      for (const name of Object.keys(entries)) {
        if (names.pattern.test(name)) continue;
        addProblem(context, formProblem("nameRefused", [name], { name, allowed: names.allowed }));
      }
    }, WHEN_OBJECT)
    .meta({ description, propertyNames: { pattern: names.pattern.source } });
}

/** A list of at least one entry, without repetitions. */
export function list<V extends z.ZodType>(item: V, allowed: string, description: string) {
  return z
    .array(item, { error: () => allowed })
    .superRefine(
      (entries, context) => {
        // An entry with a problem has no value to compare.
        if (context.issues.length > 0) return;
        const written = entries.map((entry) => JSON.stringify(entry));
        const again = written.findIndex((entry, i) => written.indexOf(entry) < i);
        if (written.length === 0) addProblem(context, formProblem("listEmpty", [], { allowed }));
        else if (again >= 0)
          addProblem(context, formProblem("listRepeats", [], { entry: entries[again], allowed }));
      },
      { when: (payload) => Array.isArray(payload.value) },
    )
    .meta({ description, title: allowed, minItems: 1, uniqueItems: true });
}

/** Whether a value is an object, and neither a scalar nor a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isOff = (value: unknown): boolean => ["off", "no", "false", "disabled"].includes(String(value));

/** `schema`, or "none", which switches an inherited policy off. `otherwise` describes the values that `schema` allows. */
export function orNone<S extends z.ZodType>(schema: S, otherwise: string, description: string) {
  const title = `none, or ${otherwise}`;
  return z
    .union(
      [
        field((value) => (value === "none" ? ("none" as const) : refuse(...(isOff(value) ? ["none"] : []))), {
          title,
          const: "none",
          description: `${description} "none" switches an inherited value off.`,
        }),
        schema,
      ],
      { error: () => title },
    )
    .meta({ description });
}

/** true or false. */
export function flag(meta: FieldMeta) {
  return field(
    (value) => {
      if (typeof value === "boolean") return value;
      if (value === "true" || value === "false") return value === "true";
      const meant = ["yes", "on", "1", "no", "off", "0"].indexOf(
        typeof value === "string" || typeof value === "number" ? String(value).toLowerCase() : "",
      );
      return refuse(...(meant < 0 ? [] : [meant < 3]));
    },
    { title: "true or false", enum: [true, false, "true", "false"], ...meta },
  );
}

/** One of some names. `elsewhere` maps names of other products to the names here. */
export function choice<const O extends readonly string[]>(
  options: O,
  meta: FieldMeta,
  elsewhere: Readonly<Partial<Record<KnownElsewhere, O[number]>>> = {},
) {
  return field(
    (value): O[number] | Refused => {
      if (options.includes(value as O[number])) return value as O[number];
      const near =
        typeof value === "string" ? didYouMean(value, [...options, ...Object.keys(elsewhere)]) : undefined;
      if (near === undefined) return refuse();
      const name = near as KnownElsewhere;
      const set = elsewhere[name];
      return set === undefined
        ? refuseAs("valueRefused", { meant: near }, { set: near })
        : refuseAs("nameFromElsewhere", { name }, { set });
    },
    { title: options.join(", "), enum: options, example: options[0] ?? "", ...meta },
  );
}

/** Text that matches a pattern. `repair` proposes the text that was probably meant; the report shows it only if it matches. */
export function text(
  pattern: RegExp,
  allowed: string,
  meta: FieldMeta,
  repair: (written: string) => string = (written) => written.trim().toLowerCase(),
) {
  return field(
    (value) => {
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        return refuseAs("textIsFraction", {});
      }
      const written = typeof value === "number" ? String(value) : value;
      if (typeof written === "string" && pattern.test(written)) return written;
      const meant = typeof written === "string" ? repair(written) : "";
      return refuse(...(meant !== written && pattern.test(meant) ? [meant] : []));
    },
    { title: allowed, type: "string", pattern: pattern.source, ...meta },
  );
}

/** An HTTP path. */
export function path(description: string) {
  return text(
    /^\/\S*$/,
    'a path that begins with "/"',
    { description, example: "/health" },
    (written) => `/${written}`,
  );
}

/** Any object, whose fields are not checked. */
export function freeForm(description: string) {
  return z.record(z.string(), z.unknown(), { error: () => "an object of Helm values" }).meta({ description });
}
