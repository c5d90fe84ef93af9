/** What pages see of the gateway's answers in a real browser. It is fetched (70 MB), so `make proof` alone runs this. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { baseline, LIST } from "../../lab/harness";
import { Browser } from "../support/browser";
import { issuer } from "../support/tokens";

const [PAGES, GATEWAY] = [18_094, "http://shop.lab.internal:30080"];
const page = (name: string): string => `http://${name}.lab.internal:${PAGES}`;
const PRIVATE = "/api/v1/private/category";

/** What a page is told, by request. */
type Seen = Readonly<Record<string, number | string>>;

/** Asks the gateway as a page does: `cors` where the answer or its absence shows in `fetch`, else the status. */
const ASK = `(async () => {
  const ask = async (path, init) => {
    try { return (await fetch(${JSON.stringify(GATEWAY)} + path, init)).status; }
    catch (error) { return error.name; }
  };
  const limited = { headers: { "x-limited": "1" } };
  await ask(${JSON.stringify(LIST)}, limited);
  return {
    plain: await ask(${JSON.stringify(LIST)}),
    "a wrong token": await ask(${JSON.stringify(LIST)}, { headers: { authorization: "Bearer wrong" } }),
    "no token": await ask(${JSON.stringify(PRIVATE)}),
    "no token, after a preflight": await ask(${JSON.stringify(PRIVATE)}, { method: "PUT" }),
    "a method that is not allowed": await ask(${JSON.stringify(LIST)}, { method: "DELETE" }),
    "above the limit": await ask(${JSON.stringify(LIST)}, limited),
  };
})()`;

describe("proof: pages of other origins", function () {
  this.timeout("5m");
  const folder = mkdtempSync(path.join(tmpdir(), "browser-"));
  let browser: Browser;
  let pages: Server;
  before(async () => {
    pages = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>a page</title>");
    }).listen(PAGES, "127.0.0.1");
    browser = await Browser.open(folder);
    const id = "https://id.example.com/";
    await baseline((config) => {
      config["shopzier:security"] = {
        authentication: {
          jwt: [{ issuer: id, audiences: ["shop"], jwks: issuer(id, "shop").jwks }],
          required: [{ paths: [PRIVATE] }],
        },
      };
      Object.assign(config["shopzier:traffic"] as object, {
        cors: { origins: [page("page")], methods: ["PUT"], headers: ["authorization", "x-limited"] },
        rules: [
          {
            ...{ name: "limited", match: { path: { exact: LIST }, headers: { "x-limited": "1" } }, to: "v1" },
            rateLimit: { requests: 1, per: "1h" },
          },
        ],
      });
    });
  });
  after(async () => {
    pages.close();
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
    await baseline();
  });

  it("see each answer, refusals too, where their origin may, and nothing where it may not", async () => {
    assert.deepEqual(await browser.evaluate<Seen>(page("page"), ASK), {
      plain: 200,
      "a wrong token": 401,
      "no token": 403,
      "no token, after a preflight": 403,
      "a method that is not allowed": "TypeError",
      "above the limit": 429,
    });
    const foreign = await browser.evaluate<Seen>(page("evil"), ASK);
    assert.deepEqual([...new Set(Object.values(foreign))], ["TypeError"]);
  });
});
