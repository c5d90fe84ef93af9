import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import { isObject } from "./fields";
import { problemOf, type Path, type Problem } from "./problem";

/** Plain scalars that YAML readers take for something else than they are written as, or than each other. */
const ALTERED: readonly RegExp[] = [
  /^[-+]?0[\d_]+$/,
  /^[-+]?0[box][\da-f_]+$/i,
  /^[-+]?\d[\d_]*(\.\d*)?e[-+]?\d+$/i,
  /^[-+]?\d+(_\d+)+(\.\d*)?$/,
  /^\d{4}-\d\d?-\d\d?([Tt ].*)?$/,
  /^(True|TRUE|False|FALSE)$/,
];
/** As a number right, as text another one. */
const ZEROS = /^[-+]?\d+\.(\d*0)?$/;
/** Keys at or below which a fraction is a number. */
export const NUMBERS = [
  ...["weights", "percent", "minimumPercent", "aggression", "availability", "sampling", "cpu"],
  // Helm values have no types that are known here.
  "values",
];

/**
 * What a stack file says and Pulumi does not give the program as it is written. The file counts only where `config` has
 * what it says: another file or the command line may be the source.
 *
 * @param config key without namespace → value as Pulumi gives it.
 */
export function alteredScalars(
  file: string,
  config: Readonly<Record<string, unknown>>,
  stack: string,
): readonly Problem[] {
  const problems: Problem[] = [];
  const visit = (node: unknown, given: unknown, path: Path): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : "";
        if (isObject(given) && Object.hasOwn(given, name)) visit(value, given[name], [...path, name]);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, i) => {
        if (Array.isArray(given) && i in given) visit(item, given[i], [...path, i]);
      });
    } else if (isScalar(node) && node.type === "PLAIN") {
      const written = node.source ?? "";
      const number = path.some((key) => NUMBERS.includes(String(key)));
      const altered = ALTERED.some((form) => form.test(written)) || (!number && ZEROS.test(written));
      if (!altered || !comesFrom(written, given)) return;
      const line = file.slice(0, node.range?.[0] ?? 0).split("\n").length;
      // Values of environment variables are never shown.
      const hidden = path.includes("env");
      const quoted = {
        say: `write it in quotes in line ${line} of the stack file${hidden ? "" : `: "${written}"`}`,
      };
      const plain = /^[tf]/i.test(written)
        ? { say: "where a switch is meant, write true or false" }
        : { say: "where a number is meant, write it in decimal digits alone" };
      const finding = {
        path,
        found: `${hidden ? "a value" : written}, without quotes, in line ${line}`,
        allowed: "text in quotes, or a number that every reader of YAML reads alike",
        hint: "Pulumi reads it as a number, a date or a switch, and gives the program that",
      };
      problems.push(
        problemOf(
          { ...finding, repairs: number ? [plain] : /^\d{4}-/.test(written) ? [quoted] : [quoted, plain] },
          stack,
        ),
      );
    }
  };
  const document = parseDocument(file, { logLevel: "silent" });
  const root = document.get("config");
  if (!isMap(root)) return [];
  for (const { key, value } of root.items) {
    const name = isScalar(key) ? String(key.value) : "";
    const top = /^shopzier:(.+)$/.exec(name)?.[1];
    if (top !== undefined && top in config) visit(value, parsed(config[top]), [top]);
  }
  return problems;
}

/** A value with the JSON text read as which Pulumi gives an object. */
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
  const plain = written.replaceAll("_", "");
  if (/^\d{4}-/.test(written)) return typeof given === "string" && given.startsWith(written.slice(0, 4));
  if (/^[tf]/i.test(written)) return String(given) === written.toLowerCase();
  const digits = plain.replace(/^([-+]?)0o?(?=\d)/i, "$1");
  return [Number(plain), parseInt(digits, 8)].includes(Number(given));
}
