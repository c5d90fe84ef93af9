/** Reads a stack's configuration by the schema, and runs the checks on the values that were read. */
import type { z } from "zod";
import { checked } from "./checks/all-checks";
import { ReadSettings, type Refused } from "./checks/check";
import { formProblem, type FormProblem, type Path, type Problem, type Repair } from "./report/catalogue";
import { configPath, reported, SettingsError } from "./report/report";
import { didYouMean } from "./report/words";
import { configuration, type Configuration } from "./schema/configuration";
import { isObject } from "./schema/fields";
import { exampleLines, schemasAt } from "./schema/json-schema";
import { parsed, scalarProblems } from "./stack-file";

/**
 * Reads and checks the configuration of a stack, and sets all defaults.
 *
 * @param config key without namespace → value as Pulumi gives it: text, or the object of a JSON text.
 * @param stack name of the stack, for the commands in the report.
 * @param file text of the stack file, to find values that Pulumi gives in another form; empty if there is no file.
 * @throws SettingsError with all problems.
 */
export function readConfiguration(
  config: Readonly<Record<string, unknown>>,
  stack: string,
  file?: string,
): Configuration {
  const given = readable(config);
  const { altered, ambiguous } =
    file === undefined ? { altered: [], ambiguous: [] } : scalarProblems(file, given);
  const written = unread(given, altered);
  const { result, value } = partlyRead(written);
  const { problems, refused, misspelt } = issuesRead(result.error?.issues ?? [], value);
  const checks = checked(new ReadSettings(value, written, refused));
  if (result.success && altered.length + ambiguous.length + checks.length === 0) return result.data;

  const at = ({ path }: Pick<Problem, "path">, other: Pick<Problem, "path">): boolean =>
    other.path.every((key, i) => key === path[i]);
  const read = [...problems, ...checks].filter((one) => !altered.some((other) => at(one, other)));
  const found = [...altered, ...ambiguous.filter((one) => !read.some((other) => at(one, other))), ...read]
    // A misspelt key is one problem; that the correct key is missing is not a second one.
    .filter((one) => !misspelt.some((path) => at(one, { path })))
    .sort((a, b) => Number(isOneOf(altered, b)) - Number(isOneOf(altered, a)) || byPath(a, b));
  throw new SettingsError(
    stack,
    found.map((problem) => reported(problem, stack)),
  );
}

let lastRead: unknown;
/** Made once, because zod compiles each schema before its first use. */
const keepingPart = configuration.superRefine(
  (read) => {
    lastRead = read;
  },
  { when: () => true },
);

/** The result, and the correct parts of a configuration with problems, on which checks run too. */
function partlyRead(written: unknown) {
  lastRead = undefined;
  const result = keepingPart.safeParse(written, { reportInput: true });
  return { result, value: lastRead };
}

const isOneOf = (problems: readonly Problem[], problem: Problem): boolean => problems.includes(problem);

function byPath(a: Problem, b: Problem): number {
  const [left, right] = [configPath(a.path), configPath(b.path)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** `given`, with `{}` for the values that Pulumi changed, which no field accepts and no check reads. */
function unread(given: unknown, altered: readonly Problem[]): unknown {
  if (altered.length === 0) return given;
  const copy = structuredClone(given);
  for (const { path } of altered) {
    const parent = path
      .slice(0, -1)
      .reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], copy);
    (parent as Record<PropertyKey, unknown>)[path.at(-1) ?? ""] = {};
  }
  return copy;
}

const OBJECTS = ["istio", "gateway", "category", "traffic", "observability", "security", "propagation"];

/**
 * `config` with JSON text parsed. Pulumi gives an object as JSON text, and a key without a value as empty text, which for an
 * object means an object without entries.
 */
function readable(config: Readonly<Record<string, unknown>>): unknown {
  const read = (key: string, value: unknown): unknown => {
    if (OBJECTS.includes(key) && (value === "" || value === null)) return {};
    return parsed(value);
  };
  return ordered(Object.fromEntries(Object.entries(config).map(([key, value]) => [key, read(key, value)])));
}

/** Sorts the keys of objects, so that their order in the file changes no object, such as a pod spec. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}

type Issue = z.core.$ZodIssue;

/** The result of the schema. */
interface Issues {
  readonly problems: readonly FormProblem[];
  /** Values that were not read. */
  readonly refused: readonly Refused[];
  /** Paths of the keys that were probably meant by unknown ones. */
  readonly misspelt: readonly Path[];
}

/** @param value the output of zod for the configuration. */
function issuesRead(issues: readonly Issue[], value: unknown): Issues {
  const problems: FormProblem[] = [];
  const refused: Refused[] = [];
  const misspelt: Path[] = [];
  for (const issue of issues) {
    const { path } = issue;
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const { problem, meant } = unknownKey(issue, key);
        problems.push(problem);
        refused.push({ path: [...path, key], whole: false });
        if (meant === undefined) continue;
        misspelt.push([...path, meant]);
        refused.push({ path: [...path, meant], whole: true });
      }
    } else {
      problems.push(...problemsOf(issue));
      // A refused value of a field is undefined in the output. A refused combination in a block leaves all of its values.
      const isLeft = path.reduce<unknown>(
        (inner, key) =>
          typeof inner === "object" ? (inner as Record<PropertyKey, unknown> | null)?.[key] : undefined,
        value,
      );
      if (problems.at(-1)?.name !== "nameRefused")
        refused.push({ path, whole: issue.code !== "custom" || isLeft === undefined });
    }
  }
  return { problems, refused, misspelt };
}

/** The message of an issue of a block describes the allowed values (schema/fields.ts). */
function problemsOf(issue: Issue): FormProblem[] {
  const { path, message: allowed } = issue;
  switch (issue.code) {
    case "custom": {
      const { problem } = issue.params as { readonly problem: FormProblem };
      return [{ ...problem, path }];
    }
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(issue, key).problem);
    case "invalid_union": {
      // For a union, such as a name or an object, the type of the written value shows which alternative was meant.
      const [first = [], second = []] = issue.errors;
      const within = first.some((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys");
      const meant = typeof issue.input === "object" && !within ? second : first;
      return meant.flatMap((inner) => problemsOf({ ...inner, path: [...path, ...inner.path] }));
    }
    default: {
      const { input } = issue;
      const isList = issue.code === "invalid_type" && issue.expected === "array";
      const params = {
        value: input,
        allowed,
        example: exampleLines(path, isList ? "array" : "object", input),
      };
      const removed = input === null ? [{ remove: path }] : [];
      return [formProblem(isList ? "notAList" : "notAnObject", path, params, ...removed)];
    }
  }
}

/** Problem of an unknown key, with the key that was probably meant unless it is written too. */
function unknownKey(
  { path, message, input }: Issue & { readonly code: "unrecognized_keys" },
  key: string,
): { readonly problem: FormProblem; readonly meant?: string } {
  const keys = message.split(", ");
  const at = [...path, key];
  const written = input as Readonly<Record<string, unknown>>;
  if (path.length === 0 && keys.includes(/^[^.[]*(?=[.[])/.exec(key)?.[0] ?? "")) {
    const repairs = [{ remove: at }, ...setAgain(key, written[key])];
    return { problem: formProblem("keyIsPath", at, { keys }, ...repairs) };
  }
  const near = didYouMean(key, keys);
  const taken = near !== undefined && !isEmpty(written[near]);
  const params = { keys, meant: near, taken };
  return near === undefined || taken
    ? { problem: formProblem("keyUnknown", at, params, { remove: at }) }
    : { problem: formProblem("keyUnknown", at, params), meant: near };
}

/** Repairs of a key that is written as a path: set the setting of that path. None for unknown paths and environment variables. */
function setAgain(key: string, value: unknown): Repair[] {
  const path = [...key.matchAll(/\["(.*?)"\]|\[(\d+)\]|[^.[\]]+/g)].map(([name, quoted, index]) =>
    index === undefined ? (quoted ?? name) : Number(index),
  );
  const known = schemasAt(path).some(
    ({ type, anyOf, enum: names }) => type !== "object" && type !== "array" && (type ?? anyOf ?? names),
  );
  const scalar = ["string", "number", "boolean"].includes(typeof value) && !/^(-|$)/.test(String(value));
  if (!known || path.includes("env") || !scalar) return [];
  return [{ steps: [{ remove: [key] }, { at: path, set: value as string }] }];
}

/** Whether a value is undefined or an object without entries, which is the default of objects in Pulumi.yaml. */
function isEmpty(value: unknown): boolean {
  return value === undefined || (isObject(value) && Object.keys(value).length === 0);
}
