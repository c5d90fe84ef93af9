/** A page on this machine that shows the reports of `shopzier watch` as they come. */
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import fastify from "fastify";
import type { WatchReport } from "./model";
import { PAGE, SCRIPT, STYLE } from "./page";

export interface WatchPage {
  readonly url: string;
  readonly send: (report: WatchReport) => void;
  readonly close: () => Promise<void>;
}

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};
/** A page of another site may have a name that leads here (DNS rebinding). Its requests have that name. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;
/** Reports that a page gets which is opened later. */
const KEPT = 2000;

/** @param port 0: any that is free. */
export async function serveWatch(port: number): Promise<WatchPage> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  const open = new Set<ServerResponse>();
  let past: readonly WatchReport[] = [];
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    if (!LOOPBACK.test(request.headers.host ?? "")) {
      await reply
        .code(421)
        .type("text/plain")
        .send("Only for this machine: ask for 127.0.0.1 or localhost.\n");
    }
  });
  const library = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), "utf8");
  for (const [path, type, text] of [
    ["/", "text/html", PAGE],
    ["/watch.css", "text/css", STYLE],
    ["/watch.js", "text/javascript", SCRIPT],
    ["/uplot.css", "text/css", library("uPlot.min.css")],
    ["/uplot.js", "text/javascript", library("uPlot.iife.min.js")],
  ] as const) {
    app.get(path, (_request, reply) => reply.type(`${type}; charset=utf-8`).send(text));
  }
  app.get("/events", (request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    reply.raw.write(`event: past\ndata: ${JSON.stringify(past)}\n\n`);
    open.add(reply.raw);
    request.raw.once("close", () => open.delete(reply.raw));
  });
  const url = await app.listen({ host: "127.0.0.1", port });
  return {
    url,
    send: (report) => {
      past = [...past, report].slice(-KEPT);
      for (const response of open) response.write(`data: ${JSON.stringify(report)}\n\n`);
    },
    close: () => app.close(),
  };
}
