import assert from "node:assert/strict";
import { request, type IncomingMessage } from "node:http";
import { serveWatch, type WatchPage } from "../../cli/watch/serve";
import type { WatchReport } from "../../cli/watch/model";
import { shiftReports } from "../support/watch-reports";

describe("the page of shopzier watch", () => {
  let page: WatchPage;
  const reports = shiftReports();

  before(async () => {
    page = await serveWatch(0);
  });
  after(() => page.close());

  const ask = (path: string, host?: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request(page.url + path, { headers: host === undefined ? {} : { host } }, resolve)
        .on("error", reject)
        .end();
    });
  const body = async (answer: IncomingMessage): Promise<string> => {
    let text = "";
    for await (const part of answer) text += String(part);
    return text;
  };

  it("listens on this machine alone, with all that it needs", async () => {
    assert.match(page.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const html = await body(await ask("/"));
    const files = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, file = ""]) => file);
    for (const file of files.filter((one) => one !== "data:,")) {
      const answer = await ask(file);
      assert.deepEqual([file, answer.statusCode], [file, 200]);
      assert.ok((await body(answer)).length > 100, file);
    }
    assert.ok(files.includes("/uplot.js"));
  });

  it("allows no other sources, and is in no other page", async () => {
    for (const path of ["/", "/watch.js", "/nothing"]) {
      const { headers } = await ask(path);
      const policy = String(headers["content-security-policy"]);
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.deepEqual(
        [headers["x-content-type-options"], headers["access-control-allow-origin"]],
        ["nosniff", undefined],
      );
    }
  });

  it("refuses requests by another name than that of this machine", async () => {
    for (const host of [
      "shop.example.com",
      "localhost.example.com",
      "10.0.0.1",
      "127.0.0.1.example.com",
      "[::2]",
    ])
      for (const path of ["/", "/events"]) assert.equal((await ask(path, host)).statusCode, 421, host);
    for (const host of ["localhost:80", "127.0.0.1", "[::1]:7"])
      assert.equal((await ask("/", host)).statusCode, 200, host);
  });

  it("tells what was seen before, and then each report as it comes", async () => {
    const [first, second] = reports as [WatchReport, WatchReport];
    page.send(first);
    const answer = await ask("/events");
    const parts = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const next = async (): Promise<string> => String((await parts.next()).value);
    assert.equal(await next(), `event: past\ndata: ${JSON.stringify([first])}\n\n`);
    page.send(second);
    assert.equal(await next(), `data: ${JSON.stringify(second)}\n\n`);
    answer.destroy();
  });
});
