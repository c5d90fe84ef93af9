import { distance } from "fastest-levenshtein";
import type { PolicyRepair } from "../../components/traffic/policy-problem";

/** Where a value is in the configuration: key without namespace first. */
export type Path = readonly PropertyKey[];

/** A way to repair a problem. */
export type Repair =
  /** Set a value; `example` says that the value is only an example of what is allowed. */
  | { readonly set: string | number | boolean; readonly at?: Path; readonly example?: boolean }
  /** Remove the value at a path. */
  | { readonly remove: Path }
  /** One after the other. */
  | { readonly steps: readonly Repair[] }
  /** A sentence, where no command does it. */
  | { readonly say: string };

/** For what is wrong with a value that only its author can say otherwise. */
const BY_HAND: Repair = { say: "correct it in the stack file" };

/** A repair of a policy where that is written. */
export function locatedRepair(repair: PolicyRepair, at: (path: readonly string[]) => Path): Repair {
  if ("say" in repair) return repair;
  if ("remove" in repair) return { remove: at(repair.remove) };
  return { at: at(repair.path), set: repair.set, ...(repair.example && { example: true }) };
}

/** Something wrong, before it is put into words for a certain stack. `at` of a repair is `path` when absent; without any it is {@link BY_HAND}. */
export interface Finding {
  readonly path: Path;
  readonly found: string;
  readonly allowed: string;
  readonly hint?: string;
  readonly repairs?: readonly Repair[];
  /** The path that a misspelt key stands for. */
  readonly insteadOf?: Path;
  /** Whether it says that a key is missing, which may be a misspelt one. */
  readonly missing?: true;
}

/** One thing that is wrong with a stack's configuration. */
export interface Problem {
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
    readonly problems: readonly Problem[],
  ) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super([`The configuration of stack ${stack} has ${count}.`, ...problems.map(describe)].join("\n\n"));
  }
}

/** Several problems of one path are numbered: else the second looks like the first. */
function describe(problem: Problem, _: number, all: readonly Problem[]): string {
  const same = all.filter(({ path }) => path === problem.path);
  const number = same.length > 1 ? ` (${same.indexOf(problem) + 1} of ${same.length})` : "";
  const repairs = problem.repairs.map((repair, i) => `  ${i === 0 ? "repair: " : "or:     "} ${repair}`);
  const hint = problem.hint === undefined ? [] : [`  note:    ${problem.hint}`];
  return [
    `${problem.path}${number}`,
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

/** A finding in words for `stack`. The commands name the stack: the one with the problem need not be the selected one. */
export function problemOf(finding: Finding, stack: string): Problem {
  const { path, found, allowed, hint, repairs = [] } = finding;
  return {
    path: configPath(path),
    found,
    allowed,
    ...(hint === undefined ? {} : { hint }),
    repairs: (repairs.length > 0 ? repairs : [BY_HAND]).map((repair) => inWords(repair, path, stack)),
  };
}

function inWords(repair: Repair, path: Path, stack: string): string {
  if ("say" in repair) return repair.say;
  if ("steps" in repair) return repair.steps.map((step) => inWords(step, path, stack)).join(" && ");
  if ("remove" in repair) return removal(repair.remove, stack);
  const command = `pulumi config set --stack ${stack} --path ${shell(configPath(repair.at ?? path))} ${shell(String(repair.set))}`;
  return repair.example === true ? `for example: ${command}` : command;
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

/** The option that was probably meant by `written`, or nothing when none is near. Case does not count. */
export function didYouMean(written: string, options: readonly string[]): string | undefined {
  const word = written.toLowerCase();
  const limit = Math.max(2, Math.floor(word.length / 3));
  return options
    .map((option) => ({ option, far: distance(word, option.toLowerCase()) }))
    .filter(({ option, far }) => far <= limit && far < option.length)
    .sort((a, b) => a.far - b.far)[0]?.option;
}
