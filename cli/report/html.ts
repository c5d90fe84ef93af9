/** Reports as one page that needs nothing else: no scripts, no fonts, no pictures. */
import type { Report, RuleChange } from "../diff/report";
import { counted, number, settingRow, sharesOf } from "../diff/words";
import { byHosts, requestsTitle, ruleRow, sidesWords } from "./rows";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.bar { display: flex; height: 1.3rem; margin: .15rem 0; background: var(--soft); font-size: 12px; }
.bar span { overflow: hidden; white-space: nowrap; padding: 0 .3rem; box-sizing: border-box; color: #fff; }
.high { color: #c62828; } .medium { color: #b26a00; } .low { color: #0277bd; }
pre { background: var(--soft); padding: .7rem; overflow: auto; }`;

/** Told apart without colours by their order and names. */
const COLORS = ["#1565c0", "#c2185b", "#2e7d32", "#6a1b9a", "#bf5b00", "#37474f"];

export function html(reports: readonly Report[]): string {
  const title = `Traffic of ${reports.map((report) => report.title).join(", ")}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${safe(title)}</title><style>${STYLE}</style></head>
<body>${reports.map(page).join("\n<hr>\n")}</body></html>
`;
}

function page(report: Report): string {
  const { error, risks, requests, settings, objects, unread = [], notShown } = report;
  const targets = report.rules.flatMap(({ before, after }) => [before, after]);
  const names = [...new Set(targets.flatMap((target) => [...sharesOf(target).keys()]))].sort();
  return [
    `<h1>${safe(report.headline)}</h1>`,
    `<p>${safe(sidesWords(report))}</p>`,
    error === undefined ? "" : `<pre>${safe(error)}</pre>`,
    ...[...byHosts(report)].map(
      ([hosts, rules]) => `<h2>${safe(hosts)}</h2>${rules.map((rule) => split(rule, names)).join("")}`,
    ),
    section(
      "Risks",
      risks.map(({ code, level, why, fix }) => [
        `<b class="${level}">${level}</b>`,
        safe(code),
        `${safe(why)} ${safe(fix)}`,
      ]),
      ["", "", ""],
    ),
    requests
      ? section(
          requestsTitle(requests),
          requests.groups.map(({ kind, what, before, after, count, example }) => [
            ...[safe(kind), code(what), code(before), code(after), String(count), code(example)],
          ]),
          ["", "request", "before", "after", "count", "example"],
        )
      : "",
    section(
      "Settings",
      settings.map(settingRow).map(({ object, field, change }) => [code(object), code(field), code(change)]),
      ["object", "field", "change"],
    ),
    section(
      `Objects: ${counted(objects.length, "change")}`,
      objects.map(({ operation, object }) => [operation, code(object)]),
      ["", ""],
    ),
    section(
      "Could not be read",
      unread.map((line) => [safe(line)]),
      [""],
    ),
    section(
      "Not looked at",
      notShown.map((line) => [safe(line)]),
      [""],
    ),
  ].join("\n");
}

/** A rule with a bar for each side. A destination has one colour in all of them. */
function split(change: RuleChange, names: readonly string[]): string {
  const { match, rule, before, after, note, pods } = ruleRow(change);
  const bar = (target: RuleChange["before"], words: string): string => {
    if (target?.kind !== "split") return `<div><code>${safe(words)}</code></div>`;
    const parts = target.shares
      .filter(({ percent }) => percent > 0)
      .map(({ to, percent }) => {
        const color = COLORS[names.indexOf(to) % COLORS.length] ?? "";
        const label = safe(`${to} ${number(percent)} %`);
        return `<span style="width:${percent}%;background:${color}" title="${label}">${label}</span>`;
      });
    return `<div class="bar">${parts.join("")}</div>`;
  };
  const notes = [note, pods].filter(Boolean).map(safe).join("; ");
  return `<p><code>${safe(match)}</code> rule ${safe(rule)} ${notes}</p>
<table><tr><th>before</th><td style="width:90%">${bar(change.before, before)}</td></tr><tr><th>after</th><td>${bar(change.after, after)}</td></tr></table>`;
}

function section(title: string, rows: readonly (readonly string[])[], head: readonly string[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  const names = head.some(Boolean) ? line(head, "th") : "";
  return `<h2>${safe(title)}</h2><table>${names}${rows.map((row) => line(row, "td")).join("")}</table>`;
}

const code = (words: string): string => `<code>${safe(words)}</code>`;

const safe = (words: string): string => words.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
