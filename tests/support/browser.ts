/** A real browser, headless. It is fetched (70 MB), so `make proof` alone has it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { env as environment } from "node:process";
import { WebSocket } from "undici";
import { must, until } from "../../lab/harness";

const CHROMIUM = "@sparticuz/chromium@153.0.0";

interface Event {
  readonly method?: string;
  readonly params?: {
    readonly type?: string;
    readonly request?: { readonly url: string };
    readonly entry?: { readonly level: string; readonly text: string };
    readonly args?: readonly { readonly value?: unknown }[];
    readonly exceptionDetails?: {
      readonly text: string;
      readonly exception?: { readonly description: string };
    };
  };
}
interface Message extends Event {
  readonly id?: number;
  readonly result?: unknown;
  readonly sessionId?: string;
}

export class Page {
  /** Addresses that the page has asked for. */
  readonly requested: string[] = [];
  /** Errors of its scripts and of what it loads. */
  readonly errors: string[] = [];

  constructor(private readonly send: <T>(method: string, params: object) => Promise<T>) {}

  note({ method, params = {} }: Event): void {
    const { request, entry, args = [], exceptionDetails: thrown } = params;
    if (method === "Network.requestWillBeSent" && request !== undefined) this.requested.push(request.url);
    if (method === "Log.entryAdded" && entry?.level === "error") this.errors.push(entry.text);
    if (method === "Runtime.consoleAPICalled" && params.type === "error")
      this.errors.push(args.map(({ value }) => String(value)).join(" "));
    if (thrown !== undefined) this.errors.push(thrown.exception?.description ?? thrown.text);
  }

  /** What `expression` comes to, which may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const how = { expression, awaitPromise: true, returnByValue: true };
    return (await this.send<{ result: { value: T } }>("Runtime.evaluate", how)).result.value;
  }

  /** A picture as PNG: of the window, or of the whole page. */
  async picture(whole: boolean): Promise<Buffer> {
    const how = { format: "png", captureBeyondViewport: whole };
    return Buffer.from((await this.send<{ data: string }>("Page.captureScreenshot", how)).data, "base64");
  }
}

/** A browser by the DevTools protocol, which resolves the hosts of the tests. */
export class Browser {
  private next = 0;
  private readonly waiting = new Map<number, (result: unknown) => void>();
  private readonly pages = new Map<string, Page>();

  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: WebSocket,
  ) {
    socket.addEventListener("message", ({ data }) => {
      const { id, result, sessionId, ...event } = JSON.parse(String(data)) as Message;
      if (id !== undefined) this.waiting.get(id)?.(result);
      else if (sessionId !== undefined) this.pages.get(sessionId)?.note(event);
    });
  }

  static async open(folder: string): Promise<Browser> {
    await must("npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, CHROMIUM);
    const found =
      "process.env.TMPDIR = process.argv[1]; import(process.argv[2]).then((m) => m.default.executablePath()).then(console.log)";
    const entry = path.join(folder, "node_modules/@sparticuz/chromium/build/index.js");
    const program = (await must("node", "--eval", found, folder, entry)).trim();
    const flags = [
      ...["--headless=shell", "--no-sandbox", "--no-zygote", "--single-process", "--disable-gpu"],
      ...["--disable-dev-shm-usage", "--remote-debugging-port=0", `--user-data-dir=${folder}/profile`],
      "--host-resolver-rules=MAP shop.lab.internal 10.88.0.1, MAP *.lab.internal 127.0.0.1",
    ];
    // The language of a browser without one ("POSIX") is none that its own Intl takes.
    const process = spawn(program, flags, { env: { ...environment, LC_ALL: "en_US.UTF-8" } });
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

  /** The page at `url`, drawn, in a window of this width. */
  async visit(url: string, width = 1280): Promise<Page> {
    const { targetId } = await this.send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send<{ sessionId: string }>("Target.attachToTarget", attach);
    const page = new Page((method, params) => this.send(method, params, sessionId));
    this.pages.set(sessionId, page);
    for (const domain of ["Network", "Runtime", "Log"]) await this.send(`${domain}.enable`, {}, sessionId);
    const size = { width, height: 800, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", size, sessionId);
    await this.send("Page.navigate", { url }, sessionId);
    const drawn = "location.href !== 'about:blank' && document.readyState === 'complete'";
    await until("the page is drawn", () => page.evaluate<boolean>(drawn));
    return page;
  }

  /** What `expression` comes to in the page at `url`. */
  async evaluate<T>(url: string, expression: string): Promise<T> {
    return (await this.visit(url)).evaluate(expression);
  }

  /** A picture of the page at `url` once `drawn` is true there, as PNG; as high as the page is. */
  async picture(url: string, width: number, drawn = "document.body.childElementCount > 0"): Promise<Buffer> {
    const page = await this.visit(url, width);
    await until("the picture is drawn", () => page.evaluate<boolean>(drawn));
    return page.picture(true);
  }

  async close(): Promise<void> {
    const gone = once(this.process, "exit");
    this.process.kill();
    await gone;
  }
}
