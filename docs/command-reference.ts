/** docs/commands.md: every command of `shopzier` with its arguments and options, as the command itself knows them. */
import type { Argument, Command, Option } from "commander";
import { shopzierProgram } from "../cli/program";

export function commandReference(): string {
  const program = shopzierProgram();
  const commands = program.commands.map((command) => section(command, program.name()));
  const list = program.commands.map(
    (command) => `| [${command.name()}](#shopzier-${command.name()}) | ${sentence(command.description())} |`,
  );
  return `<!-- Written by \`npm run docs\` from cli/commands; edit there. -->

# Commands

In a folder with the package: \`npx shopzier\`. Elsewhere: \`npx --package shopzier-mesh shopzier\`. \`shopzier help <command>\` prints the same in a terminal.

| command | what it does |
| --- | --- |
${list.join("\n")}

Exit codes of all commands: 0 nothing to object; 1 a fault, or a report that is not whole; 2 a finding that the command, or \`--fail-on\`, objects to.
Without a terminal, and with \`NO_COLOR\`, the output has no colour.

${commands.join("\n")}`;
}

function section(command: Command, program: string): string {
  const name = `${program} ${command.name()}`;
  const rows = [...command.registeredArguments.map(argumentRow), ...command.options.map(optionRow)];
  return `## ${name}

${sentence(command.description())}

\`${name} ${command.usage()}\`

| argument, option | meaning |
| --- | --- |
${rows.map(([flags, meaning]) => `| ${code(cell(flags))} | ${cell(meaning).replaceAll("<", "\\<")} |`).join("\n")}
`;
}

type Row = readonly [name: string, meaning: string];

const argumentRow = (argument: Argument): Row => [
  argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  [argument.description, ...(argument.argChoices ? [argument.argChoices.join(", ")] : [])].join(": "),
];

function optionRow({ flags, description, defaultValue, argChoices }: Option): Row {
  const allowed = argChoices?.join(", ");
  const meaning = [description, allowed].filter((part) => part).join(": ");
  return [flags, defaultValue === undefined ? meaning : `${meaning} (default: ${String(defaultValue)})`];
}

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll("|", "\\|");
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
