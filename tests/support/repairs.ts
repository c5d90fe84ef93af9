/** The commands that reports print, run by the real CLI on real files. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { parseSettings, SettingsError, type Reported } from "../../stacks/config/settings";
import {
  stackFileConfig,
  wrongStackFile,
  WRONG_SETTINGS,
  type WrongSettings,
} from "../../docs/wrong-settings";
import { tool } from "../../lab/harness";

type Config = Record<PropertyKey, unknown>;

/** A command of a report; several where they are one line. */
export interface PrintedRepair {
  readonly entry: WrongSettings;
  readonly problem: Reported;
  readonly commands: readonly string[];
}

const textOf = (entry: WrongSettings): string => stringify(wrongStackFile(entry));

function problemsOf(text: string): readonly Reported[] {
  try {
    parseSettings(stackFileConfig(text), "lab");
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

/** Every command that the reports of `docs/wrong-settings` print, alternatives too. */
export const printedRepairs = (): PrintedRepair[] =>
  WRONG_SETTINGS.flatMap(({ entries }) => entries).flatMap((entry) =>
    problemsOf(textOf(entry)).flatMap((problem) =>
      problem.repairs
        .filter((repair) => repair.includes("pulumi config"))
        .map((repair) => ({
          entry,
          problem,
          commands: repair.replace(/^for example: /, "").split(" && "),
        })),
    ),
  );

/** What the CLI makes of a command depends on the verb, the syntax of its path and the kind of its value. */
export const kindOf = ({ commands }: PrintedRepair): string =>
  commands
    .map((command) => {
      const [verb, ...rest] = shellWords(command).slice(2);
      const [at = "", value] = rest.slice(verb === "set" ? -2 : -1);
      const syntax = [/\[\d+\]$/, /\[\d+\]/, /\["/].map((form) => form.test(at));
      const kind = [/^\d+$/, /^[\d.]+$/, /^(true|false)$/, /[^\w.:/-]/].find((of) => of.test(value ?? ""));
      return [verb, rest.includes("--path"), ...syntax, value && String(kind)].join();
    })
    .join(" && ");

/**
 * Runs a repair on a file with the wrong settings of its entry: its problem is gone then, and nothing is changed but the
 * values that the commands name.
 */
export async function tryRepair({ entry, problem, commands }: PrintedRepair, file: string): Promise<void> {
  const what = `${entry.title}: ${commands.join(" && ")}`;
  writeFileSync(file, textOf(entry));
  const expected = configOf(file);
  for (const command of commands) {
    const words = shellWords(command.replace(/^pulumi /, ""));
    const result = await tool("pulumi", ...words, "--config-file", file);
    assert.equal(result.exitCode, 0, `${what}\n${result.all}`);
    const verb = words[1] ?? "";
    const at = (words[words.length - (verb === "set" ? 2 : 1)] ?? "").replace("shopzier:", "");
    edit(expected, words.includes("--path") ? keysOf(at) : [at], verb, configOf(file));
  }
  assert.deepEqual(configOf(file), expected, what);
  const left = problemsOf(readFileSync(file, "utf8"));
  assert.ok(!left.some(({ path, found }) => path === problem.path && found === problem.found), what);
}

/** As Pulumi gives it to a program: the CLI writes a scalar at the top as text. */
function configOf(file: string): Config {
  return Object.fromEntries(
    Object.entries(stackFileConfig(readFileSync(file, "utf8"))).map(([key, value]) => [
      key,
      typeof value === "string" && value.startsWith("{") ? (JSON.parse(value) as unknown) : value,
    ]),
  );
}

/** Does to `config` what a command says; a value that is set is what `after` has there. */
function edit(config: Config, keys: readonly PropertyKey[], verb: string, after: Config): void {
  const last = keys.at(-1) ?? "";
  let target = config;
  let source: unknown = after;
  for (const [i, key] of keys.slice(0, -1).entries()) {
    const list = typeof keys[i + 1] === "number";
    target = (typeof target[key] === "object" ? target[key] : (target[key] = list ? [] : {})) as Config;
    source = (source as Config)[key];
  }
  if (verb === "set") {
    const value = (source as Config | undefined)?.[last];
    assert.notEqual(value, undefined);
    target[last] = value;
  } else if (Array.isArray(target)) target.splice(Number(last), 1);
  else Reflect.deleteProperty(target, last);
}

/** The keys of a path in the syntax of `pulumi config --path`. */
const keysOf = (at: string): PropertyKey[] =>
  [...at.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|[^.[\]]+/g)].map(([name, quoted, index]) =>
    index === undefined ? (quoted?.replaceAll(/\\(.)/g, "$1") ?? name) : Number(index),
  );

/** The words of a command line as a POSIX shell reads them: quotes are single ones. */
const shellWords = (command: string): string[] =>
  [...command.matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|\\(')/g, "$1$2"),
  );
