/** `shopzier completion`: what a shell needs to complete the command, made of the command itself. */
import { Argument, type Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export const completionCommand = (program: Command): Command =>
  program
    .command("completion")
    .description("print a script that completes this command in a shell")
    .addArgument(new Argument("<shell>", 'as in `eval "$(shopzier completion bash)"`').choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(completion(program, shell));
    });

interface Completed {
  readonly command: string;
  readonly about: string;
  /** Long names with the values that each allows, if they are listed. */
  readonly options: readonly { readonly name: string; readonly about: string; readonly choices: string[] }[];
  /** Values of the first argument, if they are listed. */
  readonly choices: readonly string[];
}

export function completion(program: Command, shell: Shell): string {
  const commands = program.commands.map((command): Completed => ({
    command: command.name(),
    about: command.description(),
    options: command.options.flatMap(({ long, description, argChoices }) =>
      long ? [{ name: long, about: description, choices: argChoices ?? [] }] : [],
    ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }));
  return shell === "fish" ? fish(program.name(), commands) : bash(program.name(), commands, shell);
}

/** zsh reads bash's completions. Files complete where nothing is listed. */
function bash(name: string, commands: readonly Completed[], shell: Shell): string {
  const words = (list: readonly string[]): string => list.join(" ");
  const values = commands.flatMap(({ command, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map((option) => `    ${command}:${option.name}) words="${words(option.choices)}" ;;`),
  );
  const ofCommand = commands.map(
    ({ command, options, choices }) =>
      `    ${command}:*) words="${words([...choices, ...options.map((option) => option.name)])}" ;;`,
  );
  return [
    ...(shell === "zsh" ? ["autoload -U +X bashcompinit && bashcompinit"] : []),
    `_${name}() {`,
    '  local word="${COMP_WORDS[COMP_CWORD]}" words=""',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${words(commands.map(({ command }) => command))}"`,
    '  else case "${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD-1]}" in',
    ...values,
    ...ofCommand,
    "  esac; fi",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    `complete -o default -F _${name} ${name}`,
    "",
  ].join("\n");
}

function fish(name: string, commands: readonly Completed[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  return [
    ...commands.flatMap(({ command, about, options, choices }) => {
      const used = `-n '__fish_seen_subcommand_from ${command}'`;
      return [
        `complete -c ${name} -n __fish_use_subcommand -f -a ${command} -d ${quoted(about)}`,
        ...(choices.length > 0 ? [`complete -c ${name} ${used} -f -a ${quoted(choices.join(" "))}`] : []),
        ...options.map(
          (option) =>
            `complete -c ${name} ${used} -l ${option.name.slice(2)} -d ${quoted(option.about)}` +
            (option.choices.length > 0 ? ` -x -a ${quoted(option.choices.join(" "))}` : ""),
        ),
      ];
    }),
    "",
  ].join("\n");
}
