import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { diff } from "../../cli/diff/diff";
import { json } from "../../cli/report/json";
import { reportFile } from "../../cli/report/schema";
import { text } from "../../cli/report/text";
import type { Report } from "../../cli/diff/report";
import { sideOf } from "../support/sides";

interface Edit {
  readonly title: string;
  readonly stack: string;
  readonly first?: Readonly<Record<string, unknown>>;
  readonly edit: Readonly<Record<string, unknown>>;
}

const EDITS = parse(readFileSync(path.join(__dirname, "edits.yaml"), "utf8")) as Edit[];
const GOLDEN = path.join(__dirname, "golden/reports.txt");

function set(config: Record<string, unknown>, values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values)) {
    const [top = "", ...rest] = key.split(".");
    const path = [`shopzier:${top}`, ...rest];
    const last = path.pop() ?? "";
    let at = config;
    for (const part of path) at = (at[part] ??= {}) as Record<string, unknown>;
    if (value === null) Reflect.deleteProperty(at, last);
    else at[last] = value;
  }
}

describe("the report of an edit", () => {
  const reports = new Map<string, Report>();

  before(async function () {
    this.timeout(120_000);
    const unedited = new Map<string, ReturnType<typeof sideOf>>();
    for (const { title, stack, first = {}, edit } of EDITS) {
      const key = stack + JSON.stringify(first);
      const before = await (unedited.get(key) ??
        sideOf(stack, (config) => {
          set(config, first);
        }));
      unedited.set(key, Promise.resolve(before));
      const after = await sideOf(stack, (config) => {
        set(config, first);
        set(config, edit);
      });
      reports.set(title, diff({ title: stack, before, after }));
    }
  });

  it("is as the golden file has it", () => {
    const all = [...reports]
      .map(([title, report]) => `==== ${title}\n${text(report, { width: 120 })}\n`)
      .join("\n");
    if (process.env.UPDATE_GOLDEN) writeFileSync(GOLDEN, all);
    assert.equal(all, readFileSync(GOLDEN, "utf8"));
  });

  it("is as the guide shows it", () => {
    const file = path.join(__dirname, "../../docs/diff.md");
    const guide = readFileSync(file, "utf8");
    const shown = guide.replace(
      /(<!-- report: (.*) -->\n\n```text\n)[\s\S]*?```/g,
      (_, head: string, title: string) => {
        const report = reports.get(title);
        assert.ok(report, title);
        return `${head}${text(report, { width: 120 })}\n\`\`\``;
      },
    );
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, shown);
    assert.equal(guide, shown);
    assert.ok(guide.split("<!-- report:").length > 3);
  });

  it("fits its schema", () => {
    reportFile.parse(JSON.parse(json([...reports.values()])));
  });
});
