import { said, type Path, type Problem, type Repair } from "./catalogue";

/** A problem of a stack's configuration as text. */
export interface Reported {
  /** Code of the kind of problem (docs/errors.md). */
  readonly code: string;
  /** Path in the syntax of `pulumi config`: `shopzier:traffic.weights.v2`. */
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
  /** A reason, or the value that was probably meant. */
  readonly hint?: string;
  /** Repairs, in most cases a command; several are alternatives. */
  readonly repairs: readonly string[];
}

/** All problems of a stack's configuration; `message` is the whole report. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";

  constructor(
    stack: string,
    readonly problems: readonly Reported[],
  ) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super([`The configuration of stack ${stack} has ${count}.`, ...problems.map(describe)].join("\n\n"));
  }
}

/** Numbers several problems of one path, so that a reader distinguishes them. */
function describe(problem: Reported, _: number, all: readonly Reported[]): string {
  const same = all.filter(({ path }) => path === problem.path);
  const number = same.length > 1 ? ` (${same.indexOf(problem) + 1} of ${same.length})` : "";
  const repairs = problem.repairs.map((repair, i) => `  ${i === 0 ? "repair: " : "or:     "} ${repair}`);
  const hint = problem.hint === undefined ? [] : [`  note:    ${problem.hint}`];
  return [
    `${problem.path}${number} [${problem.code}]`,
    `  found:   ${problem.found}`,
    `  allowed: ${problem.allowed}`,
    ...hint,
    ...repairs,
  ].join("\n");
}

/** A path in the syntax of `pulumi config --path`. Keys with other characters than letters, digits, "-" and "_" are quoted. */
export function configPath(path: Path): string {
  const [key, ...rest] = path;
  return `shopzier:${String(key ?? "")}${rest
    .map((k) => {
      if (typeof k === "number") return `[${k}]`;
      const name = String(k);
      return /^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `["${name.replaceAll(/["\\]/g, "\\$&")}"]`;
    })
    .join("")}`;
}

/** A problem as text. Its commands name `stack`, since another stack may be selected. */
export function reported(problem: Problem, stack: string): Reported {
  const { code, found, allowed, hint, advice = [] } = said(problem);
  const ways = [...[advice].flat(), ...problem.repairs.map((repair) => command(repair, problem.path, stack))];
  return {
    code,
    path: configPath(problem.path),
    found,
    allowed,
    ...(hint !== undefined && { hint }),
    // Without a known repair, the author has to change the value.
    repairs: ways.length > 0 ? ways : ["correct it in the stack file"],
  };
}

function command(repair: Repair, path: Path, stack: string): string {
  if ("steps" in repair) return repair.steps.map((step) => command(step, path, stack)).join(" && ");
  if ("remove" in repair) return removal(repair.remove, stack);
  const set = `pulumi config set --stack ${stack} --path ${shell(configPath(repair.at ?? path))} ${shell(String(repair.set))}`;
  return repair.example === true ? `for example: ${set}` : set;
}

/** Whether a key of the file contains dots or brackets, which `--path` would read as a path. */
function removal(path: Path, stack: string): string {
  const [key] = path;
  const literal = path.length === 1 && !/^[\w-]+$/.test(String(key));
  return `pulumi config rm --stack ${stack} ${literal ? "" : "--path "}${shell(configPath(path))}`;
}

/** A word for a POSIX shell. Paths are always quoted, plain values are not. */
function shell(word: string): string {
  return /^[\w./@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
