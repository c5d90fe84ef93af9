/** docs/errors.md, from the wrong stack files of the tests and the words of the report. */
import { MESSAGES } from "../stacks/config/report/catalogue";
import { schemasAt } from "../stacks/config/schema/json-schema";
import { parseSettings, SettingsError, type Reported } from "../stacks/config/settings";
import { WRONG_SETTINGS, wrongConfig, wrongText, type WrongSettings } from "./wrong-settings";

interface Shown {
  readonly title: string;
  readonly problems: readonly Reported[];
  /** The first line of the report. */
  readonly first: string;
}

function shown(entry: WrongSettings): Shown {
  try {
    parseSettings(wrongConfig(entry), entry.stack ?? "dev", wrongText(entry));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { title: title(entry), problems: error.problems, first: error.message.split("\n", 1)[0] ?? "" };
  }
  throw new Error(`${entry.title}: nothing is wrong`);
}

const title = (entry: WrongSettings): string => entry.title.replace(/^./, (first) => first.toUpperCase());

/** A link to a heading, as GitHub makes its anchor. */
const link = (heading: string): string =>
  `[${heading}](#${heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-")})`;

/** A path with what users name as `<name>` and each entry of a list as `[]`. */
function keyOf(path: string): string {
  const keys = [...path.replace(/^shopzier:/, "").matchAll(/\["((?:\\.|[^"])*)"\]|\[(\d+)\]|[^.[\]]+/g)];
  const walked: PropertyKey[] = [];
  return keys
    .map(([text, quoted, index]) => {
      const name = quoted ?? text;
      const isSetting = schemasAt(walked).some(({ properties }) => Object.hasOwn(properties ?? {}, name));
      walked.push(index === undefined ? name : Number(index));
      return index === undefined ? (isSetting ? `.${name}` : ".<name>") : "[]";
    })
    .join("")
    .slice(1);
}

/** Rows of a table: what is found, and the headings that show it. */
function index(entries: readonly Shown[], keysOf: (problem: Reported) => string): Map<string, Set<string>> {
  const rows = new Map<string, Set<string>>();
  for (const entry of entries)
    for (const problem of entry.problems)
      rows.set(keysOf(problem), (rows.get(keysOf(problem)) ?? new Set()).add(entry.title));
  return rows;
}

const links = (titles: Iterable<string> = []): string => [...titles].map(link).join(", ");

function byCode(entries: readonly Shown[]): string {
  const found = index(entries, ({ code }) => code);
  const rows = Object.entries(MESSAGES)
    .map(([name, { code }]) => ({
      code,
      words: name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
    }))
    .sort((a, b) => (a.code < b.code ? -1 : 1))
    .map(({ code, words }) => `| <a id="${code}"></a>${code} | ${words} | ${links(found.get(code))} |`);
  return ["| code | problem | shown below |", "| --- | --- | --- |", ...rows].join("\n");
}

function byKey(entries: readonly Shown[]): string {
  const found = [...index(entries, ({ path }) => keyOf(path))].sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = found.map(([key, titles]) => `| \`${key}\` | ${links(titles)} |`);
  return ["| key | shown below |", "| --- | --- |", ...rows].join("\n");
}

export function errorCatalogue(): string {
  const all = WRONG_SETTINGS.flatMap(({ entries }) => entries).map(shown);
  const sections = WRONG_SETTINGS.map(({ name, entries }) =>
    [
      `## ${name}`,
      "",
      ...entries.map((entry) =>
        [
          `### ${title(entry)}`,
          "",
          "```yaml",
          entry.config.trimEnd(),
          "```",
          "",
          "```text",
          entry.report.trimEnd(),
          "```",
          "",
        ].join("\n"),
      ),
    ].join("\n"),
  );
  return `<!-- Written by \`npm run docs\` from docs/wrong-settings/; edit there. -->

# Errors in a stack file

\`pulumi preview\` and \`pulumi up\` check the whole configuration of a stack before they do anything. When something is wrong
they end with a report of all of it and change nothing:

\`\`\`text
${all.at(-1)?.first ?? ""}
\`\`\`

The report has for each problem its path and its code, what was found, what is allowed, often a note, and what repairs it. A
line that says "for example" has a value that is allowed, not one that is known to be right for you. A code never changes its
meaning: [by code](#by-code), [by key](#by-key). Below, each stack file is right except for the lines shown.

${sections.join("\n").trimEnd()}

## By code

${byCode(all)}

## By key

${byKey(all)}
`;
}
