/**
 * The kinds of field that a stack file has.
 *
 * Pulumi gives numbers and booleans as text or as themselves, depending on how and at which depth they were set, so
 * every field takes both. A field reports what it found itself (zod's words do not say how to repair anything) and
 * carries its own JSON Schema for editors.
 */
import { z } from "zod";
import { didYouMean, type Repair } from "./problem";

/** What a field says about a value that it refuses. */
export interface Refusal {
  /** Default: the title of the field. */
  readonly allowed?: string;
  /** Default: the value itself, when it is a scalar. */
  readonly found?: string;
  readonly hint?: string;
  readonly repairs?: readonly Repair[];
}

/** Documentation of a field and its JSON Schema. */
export interface FieldMeta {
  readonly description: string;
  /** A value that is allowed; shown in repairs and in the editor. */
  readonly example?: string | number | boolean;
  readonly [jsonSchemaKeyword: string]: unknown;
}

class Refused {
  constructor(readonly refusal: Refusal) {}
}
export const refuse = (refusal: Refusal = {}): Refused => new Refused(refusal);

/** A value in a message: scalars as they are, objects and lists never printed. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null || value === "") return "an empty value";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `a ${typeof value}`;
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
}

/** A field from the function that reads it; `title` says what is allowed. */
export function field<T>(
  read: (value: unknown) => T | Refused,
  { example, ...meta }: FieldMeta & { readonly title: string },
) {
  return z
    .unknown()
    .transform((value, context): T => {
      const result = read(value);
      if (!(result instanceof Refused)) return result;
      const { allowed = meta.title, ...params } = result.refusal;
      context.addIssue({
        code: "custom",
        message: allowed,
        params: {
          found: show(value),
          repairs: example === undefined ? [] : [{ set: example, example: true }],
          ...params,
        },
      });
      // Not z.NEVER, which is an object: rules across fields also run on what is left of a file with problems.
      return undefined as never;
    })
    .meta({ ...meta, ...(example === undefined ? {} : { examples: [example] }) });
}

/** `schema` with a default; `written` is how a stack file would say it, when that differs. */
export function withDefault<S extends z.ZodType>(schema: S, value: z.output<S>, written: unknown = value) {
  return schema.default(value as never).meta({ ...schema.meta(), default: written });
}

/** An object without other keys than those of `shape`. */
export function object<S extends z.ZodRawShape>(shape: S, description: string) {
  const keys = Object.keys(shape).join(", ");
  return z
    .strictObject(shape, { error: ({ code }) => (code === "invalid_type" ? `an object with ${keys}` : keys) })
    .meta({ description });
}

/** Names that the user chooses → values. */
export function map<V extends z.ZodType>(
  names: { readonly pattern: RegExp; readonly allowed: string; readonly of: string },
  value: V,
  description: string,
) {
  return z
    .record(z.string(), value, { error: () => `an object with an entry for each ${names.of}` })
    .superRefine(
      (entries, context) => {
        for (const name of Object.keys(entries)) {
          if (names.pattern.test(name)) continue;
          context.addIssue({
            code: "custom",
            path: [name],
            message: names.allowed,
            params: { found: `the name ${show(name)}`, repairs: [{ say: "rename it in the stack file" }] },
          });
        }
      },
      { when: (payload) => isObject(payload.value) },
    )
    .meta({ description, propertyNames: { pattern: names.pattern.source } });
}

/** A list without repetitions, of at least one entry. */
export function list<V extends z.ZodType>(item: V, allowed: string, description: string) {
  return z
    .array(item, { error: () => allowed })
    .superRefine(
      (entries, context) => {
        // What an entry was is not known where it had a problem of its own.
        if (context.issues.length > 0) return;
        const written = entries.map((entry) => JSON.stringify(entry));
        const again = written.findIndex((entry, i) => written.indexOf(entry) < i);
        const found =
          written.length === 0 ? "an empty list" : again < 0 ? undefined : `${show(entries[again])} twice`;
        if (found === undefined) return;
        context.addIssue({
          code: "custom",
          message: allowed,
          params: { found, repairs: [{ say: "correct the list in the stack file" }] },
        });
      },
      { when: (payload) => Array.isArray(payload.value) },
    )
    .meta({ description, title: allowed, minItems: 1, uniqueItems: true });
}

/** Whether a value has names and values: neither a scalar nor a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NUMBER = /^-?\d+(\.\d+)?$/;

/** A finite number, or text that is exactly one; undefined for anything else. */
export function numeric(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  return typeof value === "string" && NUMBER.test(value) ? Number(value) : undefined;
}

/** A whole number from `minimum` to `maximum`. */
export function integer(minimum: number, maximum: number, meta: FieldMeta) {
  return field(
    (value) => {
      const n = numeric(value);
      return n !== undefined && Number.isSafeInteger(n) && n >= minimum && n <= maximum ? n : refuse();
    },
    {
      title: `a whole number from ${minimum} to ${maximum}`,
      type: ["integer", "string"],
      pattern: "^-?\\d+$",
      minimum,
      maximum,
      ...meta,
    },
  );
}

/** A share of requests: 0 to 100 percent, at most two decimals. */
export function percent(meta: FieldMeta) {
  return field(
    (value) => {
      const bare = typeof value === "string" ? value.replace(/\s*%$/, "") : value;
      const n = numeric(bare);
      if (n === undefined || n < 0 || n > 100) return refuse();
      if (bare !== value) return refuse({ hint: "the unit is always percent", repairs: [{ set: n }] });
      return Math.abs(n * 100 - Math.round(n * 100)) < 1e-6
        ? n
        : refuse({ repairs: [{ set: Math.round(n * 100) / 100 }] });
    },
    {
      title: "a number from 0 to 100, at most two decimals",
      type: ["number", "string"],
      pattern: "^\\d+(\\.\\d{1,2})?$",
      minimum: 0,
      maximum: 100,
      ...meta,
    },
  );
}

const isOff = (value: unknown): boolean => ["off", "no", "false", "disabled"].includes(String(value));
const setNone = { repairs: [{ set: "none" }] };

/** `schema`, or "none", which switches off what would hold otherwise. `otherwise` says in words what `schema` takes. */
export function orNone<S extends z.ZodType>(schema: S, otherwise: string, description: string) {
  const title = `none, or ${otherwise}`;
  return z
    .union(
      [
        field((value) => (value === "none" ? ("none" as const) : refuse(isOff(value) ? setNone : {})), {
          title,
          const: "none",
          description: `${description} "none" switches off what would hold otherwise.`,
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
        show(value).replaceAll('"', "").toLowerCase(),
      );
      return refuse({
        ...(meant < 0 ? {} : { repairs: [{ set: meant < 3 }] }),
      });
    },
    { title: "true or false", enum: [true, false, "true", "false"], ...meta },
  );
}

/** One of some names. `notes` are for names that users know from elsewhere. */
export function choice<const O extends readonly string[]>(
  options: O,
  meta: FieldMeta,
  notes: Readonly<Record<string, { readonly hint: string; readonly set: O[number] }>> = {},
) {
  return field(
    (value): O[number] | Refused => {
      if (options.includes(value as O[number])) return value as O[number];
      const near =
        typeof value === "string" ? didYouMean(value, [...options, ...Object.keys(notes)]) : undefined;
      if (near === undefined) return refuse();
      const { hint, set } = notes[near] ?? { hint: `did you mean ${near}?`, set: near };
      return refuse({ hint, repairs: [{ set }] });
    },
    { title: options.join(", "), enum: options, example: options[0] ?? "", ...meta },
  );
}

/** Text that matches a pattern. `repair` proposes what was probably meant; the proposal is shown only when it matches. */
export function text(
  pattern: RegExp,
  allowed: string,
  meta: FieldMeta,
  repair: (written: string) => string = (written) => written.trim().toLowerCase(),
) {
  return field(
    (value) => {
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        return refuse({
          allowed: `${allowed}, in quotes`,
          hint: "YAML reads 1.30 without quotes as the number 1.3",
        });
      }
      const written = typeof value === "number" ? String(value) : value;
      if (typeof written === "string" && pattern.test(written)) return written;
      const meant = typeof written === "string" ? repair(written) : "";
      return refuse({
        ...(meant !== written && pattern.test(meant) ? { repairs: [{ set: meant }] } : {}),
      });
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

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d+(\.\d+)?(ms|s|m|h))+$/;
const UNITS = 'with a unit, such as "500ms", "30s" or "5m"';

/** Milliseconds of a duration; undefined when it is none. */
function milliseconds(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (MS_PER_UNIT[unit ?? ""] ?? NaN),
    0,
  );
}

/** A duration as Go and Istio write it ("1m30s"), read as whole milliseconds or whole seconds. */
export function duration(
  unit: "milliseconds" | "seconds",
  minimumMs: number,
  maximumMs: number,
  meta: FieldMeta & { readonly range: string },
) {
  const { range, ...rest } = meta;
  const step = unit === "seconds" ? 1000 : 1;
  return field(
    (value) => {
      const ms = typeof value === "string" ? milliseconds(value) : undefined;
      if (ms !== undefined) {
        return ms % step === 0 && ms >= minimumMs && ms <= maximumMs
          ? ms / step
          : refuse({ allowed: `whole ${unit} ${range}` });
      }
      const n = numeric(value);
      return refuse({
        allowed: `a duration ${UNITS}`,
        ...(n !== undefined && n >= 0
          ? { found: `${show(value)}, without a unit`, repairs: [{ set: `${n}s` }] }
          : {}),
      });
    },
    { title: `a duration ${range}`, type: "string", pattern: DURATION.source, ...rest },
  );
}

const QUANTITIES = {
  cpu: 'an amount of CPU, such as "100m" or "1.5"',
  memory: 'an amount of memory, such as "256Mi"',
  storage: 'an amount of storage, such as "10Gi"',
};
const BYTES = /^\d+(\.\d+)?(k|[MGT]|[KMGT]i)$/;
/** What was meant where there is no unit. */
const USUAL_UNIT = { memory: "Mi", storage: "Gi" };

/** Bytes as Kubernetes writes them: "10 GB" is 10G, "10gib" is 10Gi. */
const bytes = (written: string): string =>
  written.replace(
    /^([\d.]+) *([kmgt])(i?)b?$/i,
    (_, amount: string, unit: string, binary: string) =>
      amount + (binary === "" ? unit.toUpperCase().replace("K", "k") : `${unit.toUpperCase()}i`),
  );

/** A Kubernetes quantity, kept as it is written. */
export function quantity(kind: keyof typeof QUANTITIES, meta: FieldMeta) {
  const pattern = kind === "cpu" ? /^\d+(\.\d+)?m?$/ : BYTES;
  return field(
    (value) => {
      const written = typeof value === "number" && value >= 0 ? String(value) : value;
      if (typeof written === "string" && pattern.test(written)) return written;
      if (kind === "cpu" || typeof written !== "string") return refuse();
      if (/^\d+$/.test(written)) {
        return refuse({
          found: `${show(value)}, without a unit`,
          hint: "without a unit it is bytes",
          repairs: [
            Number(written) < 2 ** 20
              ? { set: `${written}${USUAL_UNIT[kind]}`, example: true }
              : { set: `${Math.ceil(Number(written) / 2 ** 20)}Mi` },
          ],
        });
      }
      if (/^\d+m$/.test(written)) {
        return refuse({
          hint: "m means a thousandth; a mebibyte is Mi",
          repairs: [{ set: `${written}i`.replace("mi", "Mi") }],
        });
      }
      const meant = bytes(written);
      return refuse(pattern.test(meant) ? { repairs: [{ set: meant }] } : {});
    },
    {
      title: QUANTITIES[kind],
      type: kind === "cpu" ? ["string", "number"] : "string",
      pattern: pattern.source,
      ...meta,
    },
  );
}

/** Any object, not looked into. */
export function freeForm(description: string) {
  return z.record(z.string(), z.unknown(), { error: () => "an object of Helm values" }).meta({ description });
}
