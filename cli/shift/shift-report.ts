/** The report of a shift as Markdown, and as one page with plots that needs nothing else. Pure. */
import { duration } from "../../components/evidence/verdict-words";
import { number } from "../diff/words";
import type { CountsEvent, EndEvent, ShiftEvent, UpEvent } from "./events";
import { eventWords } from "./event-words";

const seconds = ({ at }: ShiftEvent): number => Date.parse(at) / 1000;
const isCounts = (event: ShiftEvent): event is CountsEvent => event.event === "counts";

/** What is told of a shift: the last counts of each step, and all else. */
function rows(events: readonly ShiftEvent[]): { readonly after: string; readonly what: string }[] {
  const [first] = events;
  if (!first) return [];
  return events
    .filter((event, i) => {
      if (!isCounts(event)) return true;
      const next = events.slice(i + 1).find(isCounts);
      return next?.share !== event.share;
    })
    .map((event) => ({ after: duration(seconds(event) - seconds(first)), what: eventWords(event) }));
}

interface Summary {
  readonly title: string;
  /** Sums over the run, by criterion: bad answers of the version, and of how many. */
  readonly totals: string[];
}

function summary(events: readonly ShiftEvent[]): Summary {
  const begin = events.find((event) => event.event === "begin");
  const end = events.filter((event): event is EndEvent => event.event === "end").at(-1);
  const version = begin?.version ?? "";
  const outcome = {
    ...{ arrived: "arrived at", "went back": "went back to", held: "is held at" },
    ...{ proposed: "has a next step proposed at", "proposed back": "has the way back proposed at" },
  };
  const title = end
    ? `${version} ${outcome[end.outcome]} ${number(end.share)} %`
    : `${version}: the shift was cut off`;
  const last = new Map(events.filter(isCounts).map((event) => [event.share, event]));
  const sums = new Map<string, { bad: number; of: number }>();
  for (const { criteria } of last.values())
    for (const [name, { candidate }] of Object.entries(criteria)) {
      const sum = sums.get(name) ?? { bad: 0, of: 0 };
      sums.set(name, { bad: sum.bad + candidate.bad, of: sum.of + candidate.of });
    }
  const totals = [...sums].map(
    ([name, { bad, of }]) =>
      `${name}: ${bad.toLocaleString("en-US")} bad of ${of.toLocaleString("en-US")} requests of ${version}`,
  );
  return { title, totals };
}

/** Ends with a line break. */
export function shiftMarkdown(events: readonly ShiftEvent[]): string {
  const { title, totals } = summary(events);
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  return [
    `## ${title}`,
    "",
    ...totals.map((line) => `- ${line}`),
    ...(totals.length > 0 ? [""] : []),
    "| after | what |",
    "| --- | --- |",
    ...rows(events).map(({ after, what }) => `| ${after} | ${cell(what)} |`),
    "",
  ].join("\n");
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --version: #c2185b; --baseline: #1565c0; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
td:first-child { white-space: nowrap; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
.grid { stroke: var(--line); } .version { stroke: var(--version); } .baseline { stroke: var(--baseline); stroke-dasharray: 5 3; }
polyline { fill: none; stroke-width: 1.6; }`;

export function shiftHtml(events: readonly ShiftEvent[]): string {
  const { title, totals } = summary(events);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${safe(title)}</title><style>${STYLE}</style></head>
<body><h1>${safe(title)}</h1>
<ul>${totals.map((line) => `<li>${safe(line)}</li>`).join("")}</ul>
${plots(events).map(plot).join("\n")}
<h2>What happened</h2>
<table><tr><th>after</th><th>what</th></tr>
${rows(events)
  .map(({ after, what }) => `<tr><td>${safe(after)}</td><td>${safe(what)}</td></tr>`)
  .join("\n")}</table></body></html>
`;
}

const safe = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

interface Line {
  readonly name: string;
  readonly of: "version" | "baseline";
  readonly points: readonly (readonly [seconds: number, value: number])[];
}
interface Plot {
  readonly title: string;
  readonly unit: string;
  /** Top of the axis. */
  readonly top: number;
  readonly end: number;
  readonly lines: readonly Line[];
}

function plots(events: readonly ShiftEvent[]): Plot[] {
  const [first] = events;
  const last = events.at(-1);
  const begin = events.find((event) => event.event === "begin");
  if (!first || !last || !begin) return [];
  const { version, baseline } = begin;
  const after = (event: ShiftEvent): number => seconds(event) - seconds(first);
  const end = Math.max(1, after(last));
  const counts = events.filter(isCounts);
  const ups = events.filter((event): event is UpEvent => event.event === "up" && event.ok);
  const levels = [[0, begin.from] as const, ...ups.map((event) => [after(event), event.share] as const)];
  const steps = levels.flatMap(([at, share], i): (readonly [number, number])[] => [
    [at, share],
    [levels[i + 1]?.[0] ?? end, share],
  ]);
  const names = [...new Set(counts.flatMap(({ criteria }) => Object.keys(criteria)))];
  const line = (name: string, of: Line["of"], value: (event: CountsEvent) => number | undefined): Line => ({
    ...{ name, of },
    points: counts.flatMap((event) => {
      const found = value(event);
      return found === undefined ? [] : [[after(event), found] as const];
    }),
  });
  const ratio = ({ bad, of }: { readonly bad: number; readonly of: number }): number | undefined =>
    of === 0 ? undefined : (100 * bad) / of;
  /** In parts of the way to a verdict; evidence grows by factors. */
  const part = ({ evidence, needed }: { readonly evidence: number; readonly needed: number }): number =>
    Math.max(0, Math.min(100, (100 * Math.log(evidence)) / Math.log(needed)));
  return [
    {
      title: `Share of ${version}`,
      unit: "%",
      top: 100,
      end,
      lines: [{ name: version, of: "version", points: steps }],
    },
    ...names.flatMap((name) => {
      const bad = [
        line(version, "version", ({ criteria }) => criteria[name] && ratio(criteria[name].candidate)),
        ...(baseline === null
          ? []
          : [line(baseline, "baseline", ({ criteria }) => criteria[name] && ratio(criteria[name].baseline))]),
      ];
      const most = Math.max(0.1, ...bad.flatMap(({ points }) => points.map(([, value]) => value)));
      return [
        { title: `Bad requests in the step: ${name}`, unit: "%", top: most, end, lines: bad },
        {
          title: `Evidence: ${name}, 100 % is a verdict`,
          ...{ unit: "%", top: 100, end },
          lines: [
            line("worse", "version", ({ criteria }) => criteria[name] && part(criteria[name].worse)),
            line("good enough", "baseline", ({ criteria }) => criteria[name] && part(criteria[name].good)),
          ],
        },
      ];
    }),
  ];
}

const BOX = { left: 45, top: 8, width: 700, height: 120 };

function plot({ title, unit, top, end, lines }: Plot): string {
  const x = (at: number): string => (BOX.left + (BOX.width * at) / end).toFixed(1);
  const y = (value: number): string => (BOX.top + BOX.height * (1 - Math.min(value, top) / top)).toFixed(1);
  const grid = [0, 0.5, 1].map((part) => {
    const at = y(part * top);
    return `<line class="grid" x1="${BOX.left}" x2="${BOX.left + BOX.width}" y1="${at}" y2="${at}"/><text x="${BOX.left - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${number(part * top)} ${unit}</text>`;
  });
  const times = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<text x="${x(part * end)}" y="${BOX.top + BOX.height + 16}" text-anchor="middle">${safe(duration(part * end))}</text>`,
  );
  const drawn = lines.map(
    ({ of, name, points }) =>
      `<polyline class="${of}" points="${points.map(([at, value]) => `${x(at)},${y(value)}`).join(" ")}"><title>${safe(name)}</title></polyline>`,
  );
  const legend = lines.map(
    ({ of, name }, i) =>
      `<line class="${of}" stroke-width="2" x1="${BOX.left + 110 * i}" x2="${BOX.left + 110 * i + 22}" y1="${BOX.top + BOX.height + 32}" y2="${BOX.top + BOX.height + 32}"/><text x="${BOX.left + 110 * i + 28}" y="${BOX.top + BOX.height + 36}">${safe(name)}</text>`,
  );
  return `<h2>${safe(title)}</h2><svg viewBox="0 0 770 172" role="img" aria-label="${safe(title)}">${[...grid, ...times, ...drawn, ...legend].join("")}</svg>`;
}
