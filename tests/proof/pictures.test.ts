/** Pictures for docs/, of pages as a browser draws them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { diff } from "../../cli/diff/diff";
import { html } from "../../cli/report/html";
import { Browser } from "../support/browser";
import { sideOf } from "../support/sides";

type Weights = { "shopzier:traffic": { weights: Record<string, unknown> } };
type Versions = { "shopzier:category": { versions: Record<string, Record<string, unknown>> } };

describe("proof: pictures", function () {
  this.timeout("5m");
  const folder = mkdtempSync(path.join(tmpdir(), "pictures-"));
  let browser: Browser;
  before(async () => {
    browser = await Browser.open(folder);
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("docs/report.png: the page of a report", async () => {
    const after = await sideOf("prod", (config) => {
      const { "shopzier:traffic": traffic, "shopzier:category": category } = config as unknown as Weights &
        Versions;
      traffic.weights.v2 = 20;
      Object.assign(category.versions.v2 ?? {}, { image: "registry.example.com/category-api:1.1.0" });
      Object.assign(traffic, {
        rules: [{ name: "cohort-b", match: { cookies: { cohort: "b" } }, to: "v2" }],
      });
    });
    const page = path.join(folder, "report.html");
    writeFileSync(
      page,
      html([
        diff({
          title: "prod",
          before: { ...(await sideOf("prod")), title: "origin/main" },
          after: { ...after, title: "the working tree" },
        }),
      ]),
    );
    const url = pathToFileURL(page).href;
    const wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert.equal(await browser.evaluate(url, wider), false, "the page is wider than its window");
    const picture = await browser.picture(url, 1000);
    assert.ok(picture.length > 10_000, `${picture.length} bytes`);
    writeFileSync(path.join(__dirname, "../../docs/report.png"), picture);
  });
});
