import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { diff } from "../../cli/diff/diff";
import type { Report } from "../../cli/diff/report";
import { text } from "../../cli/report/text";
import type { Side } from "../../cli/side";
import { sideOf } from "../support/sides";

const AFTER = "5e6756d";
const GUIDE = path.join(__dirname, "../../docs/pull-requests.md");

interface Config {
  "shopzier:traffic": { weights: Record<string, number | string> };
  "shopzier:category": { host: string; versions: Record<string, { image: string }> };
}
const EDITS: Readonly<Record<string, (config: Config) => void>> = {
  shift: (config) => {
    config["shopzier:traffic"].weights = { v1: "rest", v2: 20 };
  },
  danger: (config) => {
    const category = config["shopzier:category"];
    config["shopzier:traffic"].weights = { v1: 0, v2: 100 };
    category.host = "store.example.com";
    category.versions.v2 = { ...category.versions.v2, image: "registry.example.com/category-api:2.0.0" };
  },
  failure: (config) => {
    config["shopzier:traffic"].weights = { v1: 90, v2: 20 };
  },
};

/** As `shopzier diff` has it, where a program that fails gives a report, too. */
async function reportOf(before: Side, name: string): Promise<Report> {
  const titled = { ...before, title: "main" };
  try {
    const after = await sideOf("prod", (config) => EDITS[name]?.(config as unknown as Config));
    return diff({ title: "prod", before: titled, after: { ...after, title: AFTER } });
  } catch (error) {
    const message = `The program of ${AFTER} failed:\n${(error as Error).message}`;
    return diff({ title: "prod", before: titled, after: { ...titled, title: AFTER }, error: message });
  }
}

describe("docs/pull-requests.md", () => {
  it("shows reports as they are (UPDATE_GOLDEN=1 writes them)", async () => {
    const before = await sideOf("prod");
    let guide = readFileSync(GUIDE, "utf8");
    const committed = guide;
    for (const name of Object.keys(EDITS)) {
      const shown = `<!-- report: ${name} -->\n\n\`\`\`text\n${text(await reportOf(before, name), { width: 120 })}\n\`\`\`\n`;
      const place = new RegExp(`<!-- report: ${name} -->\\n(\\n\`\`\`text\\n[^]*?\\n\`\`\`\\n)?`);
      assert.match(guide, place);
      guide = guide.replace(place, () => shown);
    }
    if (process.env.UPDATE_GOLDEN) writeFileSync(GUIDE, guide);
    else assert.equal(guide, committed);
  });
});
