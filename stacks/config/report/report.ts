import { said, type Path, type Problem, type Repair } from "./catalogue";

/** One thing that is wrong with a stack's configuration, as a person reads it. */
export interface Reported {
  /** Of its kind: docs/errors.md. */
  readonly code: string;
  /** Where, in the path syntax of `pulumi config`: `shopzier:traffic.weights.v2`. */
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
  /** Why, or what was probably meant. */
  readonly hint?: string;
  /** What repairs it, most often a command; alternatives when there are several. */
  readonly repairs: readonly string[];
}

/** Everything that is wrong with a stack's configuration; `message` is the whole report. */
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

/** Several problems of one path are numbered: else the second looks like the first. */
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

/** A path as `pulumi config --path` takes it; keys with other characters than letters, digits, "-" and "_" are quoted. */
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

/** A problem in words for `stack`. The commands name the stack: the one with the problem need not be the selected one. */
export function reported(problem: Problem, stack: string): Reported {
  const { code, found, allowed, hint, advice = [] } = said(problem);
  const ways = [...[advice].flat(), ...problem.repairs.map((repair) => command(repair, problem.path, stack))];
  return {
    code,
    path: configPath(problem.path),
    found,
    allowed,
    ...(hint !== undefined && { hint }),
    // What only its author can say otherwise.
    repairs: ways.length > 0 ? ways : ["correct it in the stack file"],
  };
}

function command(repair: Repair, path: Path, stack: string): string {
  if ("steps" in repair) return repair.steps.map((step) => command(step, path, stack)).join(" && ");
  if ("remove" in repair) return removal(repair.remove, stack);
  const set = `pulumi config set --stack ${stack} --path ${shell(configPath(repair.at ?? path))} ${shell(String(repair.set))}`;
  return repair.example === true ? `for example: ${set}` : set;
}

/** A key of the file that is written with dots or brackets is not the path that `--path` reads in it. */
function removal(path: Path, stack: string): string {
  const [key] = path;
  const literal = path.length === 1 && !/^[\w-]+$/.test(String(key));
  return `pulumi config rm --stack ${stack} ${literal ? "" : "--path "}${shell(configPath(path))}`;
}

/** A word for a POSIX shell; paths are always quoted, plain values are not. */
function shell(word: string): string {
  return /^[\w./@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
