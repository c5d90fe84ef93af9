import { isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Scalar } from "yaml";
import { isObject } from "./schema/fields";
import { schemasAt } from "./schema/json-schema";
import { problem, type Path, type Problem } from "./report/catalogue";

/** Plain scalars that YAML parsers convert, or that different parsers read differently. */
const ALTERED: readonly RegExp[] = [
  /^[-+]?0[\d_]+$/,
  /^[-+]?0[box][\da-f_]+$/i,
  /^[-+]?\d[\d_]*(\.\d*)?e[-+]?\d+$/i,
  /^[-+]?\d+(_\d+)+(\.\d*)?$/,
  /^\d{4}-\d\d?-\d\d?([Tt ].*)?$/,
  /^(True|TRUE|False|FALSE)$/,
];
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)$/;
/** A date in Go's format. */
const GO_DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [-+]\d{4} \S+$/;

/** The kind of a value that is not text where text is meant. */
type ScalarKind = "a number" | "a switch" | "a date";
function kindOf(given: unknown): ScalarKind | undefined {
  if (typeof given === "number") return "a number";
  if (typeof given === "boolean") return "a switch";
  return typeof given === "string" && GO_DATE.test(given) ? "a date" : undefined;
}

/** The type of a setting: only text, a number or boolean, or unknown, as in Helm values. */
export function meant(path: Path): "text" | "number" | "switch" | "unknown" {
  const schemas = schemasAt(path);
  const types = schemas.map(({ type }) => [type ?? []].flat() as string[]);
  // A setting with booleans among its types reads all of them from text. One with numbers and text reads a number from either.
  if (types.some((names) => !names.includes("boolean") && /number|integer/.test(names.join(" "))))
    return "number";
  if (types.some((names) => names.includes("string"))) return "text";
  return schemas.some((schema) => schema.enum?.includes(true)) ? "switch" : "unknown";
}

/** Whether Pulumi gives another value than `written` at `path`. For a number, 1.10 and 1.1 are the same; for a text they differ. */
function isAltered(written: string, path: Path): boolean {
  if (ALTERED.some((form) => form.test(written))) return schemasAt(path).length > 0;
  return NUMBER.test(written) && String(Number(written)) !== written && meant(path) === "text";
}

/** Calls `visit` with each scalar below `node` that has a value in `given`. Aliases and merge keys are resolved. */
function eachScalar(
  document: Document,
  node: unknown,
  given: unknown,
  path: Path,
  visit: (scalar: Scalar, given: unknown, path: Path) => void,
): void {
  const within = (inner: unknown, value: unknown, at: Path): void => {
    eachScalar(document, inner, value, at, visit);
  };
  if (isAlias(node)) within(node.resolve(document), given, path);
  else if (isMap(node)) {
    const own = node.items.map(({ key }) => (isScalar(key) ? String(key.value) : ""));
    for (const [i, { value }] of node.items.entries()) {
      const name = own[i] ?? "";
      if (!isObject(given)) continue;
      if (name === "<<") {
        // Keys of the map itself have priority over merged ones.
        const others = Object.fromEntries(Object.entries(given).filter(([key]) => !own.includes(key)));
        for (const merged of isSeq(value) ? value.items : [value]) within(merged, others, path);
      } else if (Object.hasOwn(given, name)) within(value, given[name], [...path, name]);
    }
  } else if (isSeq(node)) {
    for (const [i, item] of node.items.entries())
      if (Array.isArray(given) && i in given) within(item, given[i], [...path, i]);
  } else if (isScalar(node)) visit(node, given, path);
}

/** Problems of scalars that Pulumi does not give to the program as they are written. */
export interface ScalarProblems {
  /** Scalars of the stack file that Pulumi gives with another value. */
  readonly altered: readonly Problem[];
  /** Text settings with a number, boolean or date from another source than the stack file, whose written form is unknown. */
  readonly ambiguous: readonly Problem[];
}

/**
 * Compares a stack file with the configuration that Pulumi gives. A scalar counts only if `config` has its value; other values
 * come from another file, an environment or the command line.
 *
 * @param config key without namespace → value, with JSON text parsed.
 */
export function scalarProblems(file: string, config: unknown): ScalarProblems {
  const altered: Problem[] = [];
  const vouched = new Set<string>();
  const document = parseDocument(file, { logLevel: "silent" });
  const root = document.get("config");
  for (const { key, value } of isMap(root) ? root.items : []) {
    const name = isScalar(key) ? String(key.value) : "";
    const top = /^shopzier:(.+)$/.exec(name)?.[1];
    if (top === undefined || !isObject(config) || !(top in config)) continue;
    eachScalar(document, value, config[top], [top], (scalar, given, path) => {
      const written = scalar.type === "PLAIN" ? (scalar.source ?? "") : String(scalar.value);
      if (scalar.type !== "PLAIN" ? given !== written : !comesFrom(written, given)) return;
      vouched.add(JSON.stringify(path));
      if (scalar.type !== "PLAIN" || !isAltered(written, path)) return;
      altered.push(alteredProblem(path, written, file.slice(0, scalar.range?.[0] ?? 0).split("\n").length));
    });
  }
  const ambiguous: Problem[] = [];
  const visit = (given: unknown, path: Path): void => {
    if (Array.isArray(given))
      given.forEach((item, i) => {
        visit(item, [...path, i]);
      });
    else if (isObject(given)) for (const [key, inner] of Object.entries(given)) visit(inner, [...path, key]);
    else {
      const found = kindOf(given);
      if (found === undefined || vouched.has(JSON.stringify(path)) || meant(path) !== "text") return;
      ambiguous.push(ambiguousProblem(path, found, given));
    }
  };
  visit(config, []);
  return { altered, ambiguous };
}

/** Whether a value is that of an environment variable, which is never shown. */
const hidden = (path: Path): boolean => path.includes("env");

const alteredProblem = (path: Path, written: string, line: number): Problem =>
  problem("scalarAltered", path, {
    written: hidden(path) ? undefined : written,
    line,
    meant: meant(path),
  });

const ambiguousProblem = (path: Path, kind: ScalarKind, given: unknown): Problem =>
  problem("scalarAmbiguous", path, { kind, value: hidden(path) ? undefined : String(given) });

/** A value. Pulumi gives an object as JSON text, which is parsed. */
export function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !value.startsWith("{")) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Whether Pulumi may have read `given` from `written`. */
function comesFrom(written: string, given: unknown): boolean {
  if (given === written) return true;
  const plain = written.replaceAll("_", "");
  if (/^\d{4}-\d\d?-/.test(written))
    return typeof given === "string" && given.startsWith(written.slice(0, 4));
  if (/^(true|false)$/i.test(written)) return String(given) === written.toLowerCase();
  const digits = plain.replace(/^([-+]?)0o?(?=\d)/i, "$1");
  return given !== "" && given !== null && [Number(plain), parseInt(digits, 8)].includes(Number(given));
}
