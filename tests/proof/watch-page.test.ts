/** The page of `shopzier watch --serve` in a browser, and its picture for docs/. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serveWatch, type WatchPage } from "../../cli/watch/serve";
import { Browser } from "../support/browser";
import { shiftReports } from "../support/watch-reports";

describe("proof: the page of shopzier watch", function () {
  this.timeout("5m");
  const folder = mkdtempSync(path.join(tmpdir(), "watch-"));
  const reports = shiftReports();
  let browser: Browser;
  let page: WatchPage;
  before(async () => {
    browser = await Browser.open(folder);
    page = await serveWatch(0);
    for (const report of reports.slice(0, 60)) page.send(report);
  });
  after(async () => {
    await page.close();
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What `expression` comes to once `ready` is true, or after two seconds. A browser keeps six pages with a stream of events at most. */
  const soon = <T>(ready: string, expression: string): Promise<T> =>
    browser.evaluate<T>(
      page.url,
      `(async () => { for (let i = 0; i < 40 && !(${ready}); i++) await new Promise((r) => setTimeout(r, 50)); return ${expression}; })()`,
    );

  it("shows the table, the verdict and three plots, by its own scripts alone", async () => {
    const plots = "document.querySelectorAll('.uplot canvas').length";
    const text = (id: string): string => `document.getElementById('${id}').innerText`;
    const wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    const [count, title, rows, words, tooWide] = await soon<[number, string, string, string, boolean]>(
      `${plots} === 3`,
      `[${plots}, ${text("title")}, ${text("rows")}, ${text("words")}, ${wider}]`,
    );
    assert.deepEqual([count, title, tooWide], [3, "web/shop, rule all", false]);
    assert.match(rows, /v1.*v2.*worse/s);
    assert.match(words, /v2 is worse than v1/);
  });

  it("shows each report as it comes", async () => {
    const last = reports[60];
    setTimeout(() => {
      if (last) page.send(last);
    }, 300);
    const time = `document.getElementById('time').textContent === '${last?.at ?? ""}'`;
    assert.equal(await soon(time, time), true);
  });

  it("writes no markup that a name brings along", async () => {
    const [first] = reports;
    assert.ok(first);
    page.send({ ...first, drift: ["<img src=x onerror=document.title='run'>"] });
    const shown = "document.getElementById('words').innerText.includes('<img')";
    const state = await soon(
      shown,
      `[${shown}, document.querySelectorAll('#words img').length, document.title]`,
    );
    assert.deepEqual(state, [true, 0, "shopzier watch"]);
  });

  it("docs/watch.png", async () => {
    const shown = await serveWatch(0);
    for (const report of reports) shown.send(report);
    const picture = await browser.picture(
      shown.url,
      1000,
      "document.querySelectorAll('.uplot canvas').length === 3",
    );
    await shown.close();
    assert.ok(picture.length > 10_000, `${picture.length} bytes`);
    writeFileSync(path.join(__dirname, "../../docs/watch.png"), picture);
  });
});
