/** The documentation's site, as `npm run docs:site` builds it and as a browser shows it. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { must, ROOT } from "../../lab/harness";
import { Browser, type Page } from "../support/browser";

const SITE = path.join(ROOT, "docs/site/dist/site");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** Whether the page can be scrolled sideways, and by which elements. */
const WIDER = `[...document.querySelectorAll("body *")]
  .filter(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.tagName + "." + one.className).slice(0, 20)`;

const search = (text: string): string => `(async () => {
  const found = async (selector) => {
    for (let n = 0; n < 200; n++) {
      const one = document.querySelector(selector);
      if (one) return one;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(selector);
  };
  (await found(".DocSearch-Button")).click();
  const input = await found("#localsearch-input");
  input.value = ${JSON.stringify(text)};
  input.dispatchEvent(new Event("input"));
  return (await found("#localsearch-list a")).getAttribute("href");
})()`;

describe("proof: the site", function () {
  this.timeout("10m");
  const folder = mkdtempSync(path.join(tmpdir(), "site-"));
  let browser: Browser;
  let server: Server;
  let origin: string;
  before(async () => {
    // It fails where a link leads nowhere.
    await must("npm", "run", "-s", "docs:site");
    browser = await Browser.open(folder);
    server = createServer(({ url = "/" }, response) => {
      const { pathname } = new URL(url, "http://site");
      const file = path.join(SITE, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
      const there = existsSync(file);
      response.writeHead(there ? 200 : 404, { "content-type": TYPES[path.extname(file)] ?? "text/plain" });
      response.end(there ? readFileSync(file) : "");
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.close();
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const clean = (page: Page): void => {
    assert.deepEqual(page.errors, []);
    assert.ok(page.requested.length > 3, "requests are seen");
    assert.deepEqual(
      page.requested.filter((url) => !url.startsWith(origin) && !url.startsWith("data:")),
      [],
    );
  };

  for (const width of [390, 1280])
    for (const at of [
      "",
      "start.html",
      "traffic.html",
      "architecture.html",
      "configuration.html",
      "errors.html",
    ])
      it(`/${at}: fits into ${width} pixels, without an error or a foreign host`, async () => {
        const page = await browser.visit(`${origin}/${at}`, width);
        assert.deepEqual(await page.evaluate(WIDER), []);
        assert.ok(await page.evaluate(`document.querySelector("h1").innerText.length > 3`));
        clean(page);
      });

  for (const [text, href] of [
    ["mirror percent", "/traffic.html#mirroring"],
    ["SM0406", "/errors.html"],
    ["VersionRoutesArgs", "/api/index/interfaces/VersionRoutesArgs.html"],
  ] as const)
    it(`finds ${text}`, async () => {
      const page = await browser.visit(`${origin}/`);
      assert.equal((await page.evaluate<string>(search(text))).split(/(?<=errors.html|Args.html)#/)[0], href);
      clean(page);
    });

  it("has the pages for programs that read text", () => {
    const overview = readFileSync(path.join(SITE, "llms.txt"), "utf8");
    const links = [...overview.matchAll(/\]\(([^)]*)\)/g)].map(([, link = ""]) => link);
    assert.ok(links.length > 30);
    assert.deepEqual(
      links.filter((link) => !existsSync(path.join(SITE, link))),
      [],
    );
    assert.match(readFileSync(path.join(SITE, "llms-full.txt"), "utf8"), /^<!-- docs\/traffic.md -->$/m);
  });
});
