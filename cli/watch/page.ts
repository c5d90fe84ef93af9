/** The page of `shopzier watch --serve`. Its scripts and styles are files of their own, so that the page may forbid all others. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>shopzier watch</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/uplot.css"><link rel="stylesheet" href="/watch.css">
<script src="/uplot.js" defer></script><script src="/watch.js" defer></script>
</head>
<body>
<h1 id="title">waiting for the first look</h1>
<p id="time"></p>
<div class="wide"><table><thead id="head"></thead><tbody id="rows"></tbody></table></div>
<ul id="words"></ul>
<h2>Share of the requests in percent: in Envoy (line) and measured (dots)</h2><div id="shares"></div>
<h2>Failed requests in percent</h2><div id="errors"></div>
<h2>Evidence of being worse: 1 is none, the line is what a verdict takes</h2><div id="evidence"></div>
</body>
</html>
`;

export const STYLE = `
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; margin: 1.2rem 0 .2rem; } p { margin: 0 0 .6rem; opacity: .7; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
ul { padding-left: 1.2rem; } .bad { color: #c62828; } .good { color: #2e7d32; } .unclear { color: #b26a00; }
`;

/** It reads the events of the server, and writes text alone, never markup. */
export const SCRIPT = `
"use strict";
const COLOURS = ["#1565c0", "#c2185b", "#2e7d32", "#6a1b9a", "#bf5b00", "#37474f"];
const byId = (id) => document.getElementById(id);
const percent = (value) => value === null ? "?" : Math.round(value * 100) / 100 + " %";
const ratio = (counts) => !counts || counts.of === 0 ? null : 100 * counts.bad / counts.of;
const about = (value) => value >= 1e4 ? value.toExponential(0) : String(Number(value.toPrecision(2)));
const strength = (found) => found === null ? "" : about(found.evidence) + " of " + about(found.needed);
let reports = [];
const plots = {};

function cells(parent, tag, texts, tone) {
  const row = document.createElement("tr");
  if (tone) row.className = tone;
  for (const text of texts) row.appendChild(document.createElement(tag)).textContent = text;
  parent.appendChild(row);
}

function table(report) {
  const criteria = Object.keys(report.versions[0]?.criteria ?? {});
  byId("head").replaceChildren();
  byId("rows").replaceChildren();
  const declared = report.versions.some((row) => row.declared !== null);
  const head = ["version", ...(declared ? ["declared"] : []), "configured", "in Envoy", "measured", "rate", ...criteria, "evidence worse", "good enough", "verdict"];
  cells(byId("head"), "th", head);
  for (const row of report.versions) {
    const left = row.left === null ? "" : " (" + Math.ceil(row.left) + " s)";
    cells(byId("rows"), "td", [
      row.version, ...(declared ? [percent(row.declared)] : []), percent(row.configured), percent(row.envoy), percent(row.measured),
      row.rate === null ? "?" : Number(row.rate.toPrecision(3)) + "/s",
      ...criteria.map((name) => percent(ratio(row.criteria[name]))),
      strength(row.worse), strength(row.good),
      row.version === report.baseline ? "baseline" : (row.verdict ?? "") + left,
    ], row.verdict === "worse" ? "bad" : row.verdict === "good enough" ? "good" : "");
  }
}

function words(report) {
  byId("words").replaceChildren();
  const say = (text, tone) => {
    const item = byId("words").appendChild(document.createElement("li"));
    item.textContent = text;
    item.className = tone;
  };
  for (const row of report.versions) if (row.words) say(row.words, row.verdict === "worse" ? "bad" : "");
  for (const text of report.drift) say(text, "bad");
  for (const text of report.unclear) say(text, "unclear");
}

function plot(id, lines, scale, grid = { stroke: "#8883" }) {
  const data = [reports.map(({ at }) => Date.parse(at) / 1000), ...lines.map(({ values }) => values)];
  const key = lines.map(({ label }) => label).join();
  if (plots[id]?.key === key) return plots[id].chart.setData(data);
  plots[id]?.chart.destroy();
  const series = lines.map(({ label, colour, dots, dash }) => ({
    label, stroke: colour, width: dots ? 0 : 2, dash, points: { show: dots === true, size: 5, fill: colour }, spanGaps: true,
    paths: dots ? () => null : uPlot.paths.stepped({ align: 1 }),
  }));
  const time = { stroke: "#888", grid: { stroke: "#8883" } };
  const axis = { stroke: "#888", grid, size: 60, values: (_, values) => values.map((value) => value === null ? "" : about(value)) };
  const options = { width: byId(id).clientWidth, height: 190, series: [{}, ...series], axes: [time, axis], scales: { y: scale } };
  plots[id] = { key, chart: new uPlot(options, data, byId(id)) };
}

function draw() {
  const report = reports[reports.length - 1];
  if (!report) return;
  byId("title").textContent = report.virtualService + ", rule " + report.rule;
  byId("time").textContent = report.at;
  table(report);
  words(report);
  const names = report.versions.map(({ version }) => version);
  const lines = (value, more) => names.map((version, i) => ({
    label: version, colour: COLOURS[i % COLOURS.length], ...more,
    values: reports.map(({ versions }) => {
      const row = versions.find((one) => one.version === version);
      return row ? value(row) : null;
    }),
  }));
  plot("shares", [
    ...lines((row) => row.envoy ?? row.configured),
    ...lines((row) => row.measured, { dots: true }).map((line) => ({ ...line, label: line.label + " measured" })),
  ], { range: [0, 100] });
  plot("errors", lines((row) => ratio(row.criteria.errors)), { range: (_, low, high) => [0, Math.max(1, high ?? 1)] });
  const worse = lines((row) => row.worse === null ? null : Math.max(0.01, row.worse.evidence));
  const needed = reports.map(({ versions }) => versions.find((row) => row.worse)?.worse.needed ?? null);
  plot("evidence", [...worse, { label: "needed", colour: "#888", dash: [6, 4], values: needed }], { distr: 3 }, { show: false });
}

const events = new EventSource("/events");
events.addEventListener("past", ({ data }) => { reports = JSON.parse(data); draw(); });
events.onmessage = ({ data }) => { reports = [...reports, JSON.parse(data)].slice(-2000); draw(); };
events.onerror = () => { byId("time").textContent += " (no connection)"; };
`;
