/** A real browser, headless. It is fetched (70 MB), so `make proof` alone has it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { env as environment } from "node:process";
import { WebSocket } from "undici";
import { must, until } from "../../lab/harness";

const CHROMIUM = "@sparticuz/chromium@153.0.0";

/** A browser by the DevTools protocol, which resolves the hosts of the tests. */
export class Browser {
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

  /** A picture of the page at `url` once `drawn` is true there, as PNG; as high as the page is. */
  async picture(url: string, width: number, drawn = "document.body.childElementCount > 0"): Promise<Buffer> {
    const { targetId } = await this.send<{ targetId: string }>("Target.createTarget", {
      url,
      width,
      height: 800,
    });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send<{ sessionId: string }>("Target.attachToTarget", attach);
    const size = { width, height: 800, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", size, sessionId);
    await until("the page is drawn", async () => {
      const expression = `document.readyState === 'complete' && ${drawn}`;
      const { result } = await this.send<{ result: { value: boolean } }>(
        "Runtime.evaluate",
        { expression },
        sessionId,
      );
      return result.value;
    });
    const { data } = await this.send<{ data: string }>(
      "Page.captureScreenshot",
      { format: "png", captureBeyondViewport: true },
      sessionId,
    );
    return Buffer.from(data, "base64");
  }

  async close(): Promise<void> {
    const gone = once(this.process, "exit");
    this.process.kill();
    await gone;
  }
}
