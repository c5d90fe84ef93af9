/** What pages see of the gateway's answers in a real browser. It is fetched (70 MB), so `make proof` alone runs this. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { WebSocket } from "undici";
import { baseline, LIST, must, until } from "../../lab/harness";
import { issuer } from "../support/tokens";

const CHROMIUM = "@sparticuz/chromium@153.0.0";
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

/** A browser by the DevTools protocol, which resolves the hosts of the tests. */
class Browser {
  private next = 0;
  private readonly waiting = new Map<number, (result: unknown) => void>();

  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: WebSocket,
  ) {
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (id !== undefined) this.waiting.get(id)?.(result);
    });
  }

  static async open(folder: string): Promise<Browser> {
    await must("npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, CHROMIUM);
    const found =
      "process.env.TMPDIR = process.argv[1]; import(process.argv[2]).then((m) => m.default.executablePath()).then(console.log)";
    const entry = path.join(folder, "node_modules/@sparticuz/chromium/build/index.js");
    const program = (await must("node", "--eval", found, folder, entry)).trim();
    const process = spawn(program, [
      ...["--headless=shell", "--no-sandbox", "--no-zygote", "--single-process", "--disable-gpu"],
      ...["--disable-dev-shm-usage", "--remote-debugging-port=0", `--user-data-dir=${folder}/profile`],
      "--host-resolver-rules=MAP shop.lab.internal 10.88.0.1, MAP *.lab.internal 127.0.0.1",
    ]);
    let said = "";
    process.stderr.on("data", (data) => (said += String(data)));
    await until("the browser listens", () => /DevTools listening on \S+/.test(said));
    const socket = new WebSocket(/DevTools listening on (\S+)/.exec(said)?.[1] ?? "");
    await new Promise((resolve) => {
      socket.addEventListener("open", resolve);
    });
    return new Browser(process, socket);
  }

  private send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = ++this.next;
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve) =>
      this.waiting.set(id, (result) => {
        resolve(result as T);
      }),
    );
  }

  /** What `expression` comes to in the page at `url`. */
  async evaluate<T>(url: string, expression: string): Promise<T> {
    const { targetId } = await this.send<{ targetId: string }>("Target.createTarget", { url });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send<{ sessionId: string }>("Target.attachToTarget", attach);
    const run = async <V>(text: string): Promise<V> => {
      const how = { expression: text, awaitPromise: true, returnByValue: true };
      return (await this.send<{ result: { value: V } }>("Runtime.evaluate", how, sessionId)).result.value;
    };
    await until("the page is there", async () => url.startsWith(await run<string>("location.origin")));
    return run(expression);
  }

  async close(): Promise<void> {
    const gone = once(this.process, "exit");
    this.process.kill();
    await gone;
  }
}

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
