/** A report as the comment of a pull request. */
import type { Report, RuleChange } from "../diff/report";
import { counted, number, settingRow, sharesOf } from "../diff/words";
import { byHosts, requestsTitle, ruleRow, sidesWords } from "./rows";

/** GitHub takes 65,536 characters in a comment, GitLab more. */
export const LONGEST = 60_000;

/** By which a comment of an earlier run is found again. */
export const marker = (title: string): string => `<!-- shopzier diff: ${title.replaceAll("--", "- -")} -->`;

/** Lists are shortened until the whole fits; what counts most comes first in each. Ends with a line break. */
export function markdown(report: Report): string {
  for (const most of [1000, 200, 50, 20, 5]) {
    const text = whole(report, most);
    if (text.length <= LONGEST) return text;
  }
  return `${whole(report, 1).slice(0, LONGEST - 10)}\n`;
}

function whole(report: Report, most: number): string {
  const { title, error, rules, risks, requests, settings, objects, unread = [], notShown } = report;
  const parts = [
    marker(title),
    `### ${escaped(report.headline)}`,
    error === undefined ? "" : fenced(error, "text"),
    ...[...byHosts(report)].map(([hosts, some]) => traffic(hosts, some, most)),
    rules.length > 0 ? picture(rules) : "",
    list(
      "Risks",
      risks,
      most,
      ({ code, level, why, fix }) => `- **${level}** ${code}: ${escaped(why)} ${escaped(fix)}`,
    ),
    list("Could not be read", unread, most, (line) => `- ${escaped(line)}`),
    requests
      ? folded(
          requestsTitle(requests),
          table(
            ["", "request", "before", "after", "count", "example"],
            requests.groups.map(({ kind, what, before, after, count, example }) => [
              ...[kind, code(what), code(before), code(after), String(count), code(example)],
            ]),
            most,
          ),
        )
      : "",
    folded(
      `Settings: ${counted(settings.length, "field")}`,
      table(
        ["object", "field", "change"],
        settings
          .map(settingRow)
          .map(({ object, field, change }) => [code(object), code(field), code(change)]),
        most,
      ),
    ),
    folded(
      `Objects: ${objects.length}`,
      list("", objects, most, ({ operation, object }) => `- ${operation} ${code(object)}`),
    ),
    folded(
      `Not looked at: ${notShown.length}`,
      list("", notShown, most, (line) => `- ${escaped(line)}`),
    ),
    `<sub>${escaped(sidesWords(report))}</sub>`,
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function traffic(hosts: string, rules: readonly RuleChange[], most: number): string {
  const rows = rules
    .map(ruleRow)
    .map(({ match, rule, before, after, note, pods }) => [
      ...[
        code(match),
        code(rule),
        code(before),
        `**${code(after)}**`,
        escaped([note, pods].filter(Boolean).join("; ")),
      ],
    ]);
  return `${code(hosts)}\n\n${table(["requests", "rule", "before", "after", ""], rows, most)}`;
}

/** The split of the rule that most requests meet. */
function picture(rules: readonly RuleChange[]): string {
  const rule = rules.find(({ before, after }) => before?.kind === "split" && after?.kind === "split");
  if (!rule) return "";
  const [old, now] = [sharesOf(rule.before), sharesOf(rule.after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].slice(0, 12);
  const arrows = names.map((name, index) => {
    const [a, b] = [old.get(name)?.percent ?? 0, now.get(name)?.percent ?? 0];
    const label = a === b ? `${number(a)} %` : `${number(a)} → ${number(b)} %`;
    return `  rule -->|"${label}"| d${index}["${plain(name)}"]`;
  });
  return fenced(["flowchart LR", `  rule["${plain(rule.rule)}"]`, ...arrows].join("\n"), "mermaid");
}

function list<T>(title: string, items: readonly T[], most: number, line: (item: T) => string): string {
  if (items.length === 0) return "";
  const rest = items.length > most ? [`- … and ${items.length - most} more`] : [];
  const lines = [...items.slice(0, most).map(line), ...rest].join("\n");
  return title === "" ? lines : `**${title}**\n\n${lines}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[], most: number): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rest = rows.length > most ? `\n\n… and ${rows.length - most} more` : "";
  return [line(head), line(head.map(() => "---")), ...rows.slice(0, most).map(line)].join("\n") + rest;
}

const folded = (summary: string, inside: string): string =>
  inside === "" ? "" : `<details><summary>${escaped(summary)}</summary>\n\n${inside}\n\n</details>`;

/** Fences are longer than any row of backticks inside. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([row]) => row.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** Text of others as code: no links, mentions or tags come of it. */
function code(words: string): string {
  if (words === "") return "";
  const longest = Math.max(0, ...[...words.matchAll(/`+/g)].map(([row]) => row.length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 ? " " : "";
  return fence + pad + words.replace(/\s+/g, " ").replaceAll("|", "\\|") + pad + fence;
}

/** A zero-width space keeps `@name` and `#1` from becoming mentions. */
const escaped = (words: string): string =>
  words
    .replace(/\s+/g, " ")
    .replace(/[\\`*_{}[\]<>|~]/g, "\\$&")
    .replace(/([@#])(?=\w)|(?<=https?)(:)(?=\/\/)/g, "$&\u200b");

/** Text in quotes of Mermaid. */
const plain = (words: string): string => words.replace(/["#;<>\n]/g, " ");
