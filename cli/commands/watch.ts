/** `shopzier watch`: the split of a route as it is declared, configured, in Envoy and measured. */
import { setTimeout } from "node:timers/promises";
import { styleText } from "node:util";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { RouteOptions } from "../watch/connection";
import { beginWatch, exitCodeOf, reportOf, withReading, type WatchReport } from "../watch/model";
import type { WatchPage } from "../watch/serve";
import { messageOf, SourceError } from "../sources/source-error";
import { plainLines, watchLines, type Tone } from "../watch/text";
import { withRoute } from "./route-options";
import { positive, sideOf, type OneSideOptions } from "./sides";

interface Options extends Omit<RouteOptions, "declared" | "route">, Omit<OneSideOptions, "ref"> {
  readonly every: number;
  readonly since: number;
  readonly once?: true;
  readonly json?: true;
  readonly serve?: number;
}

export const watchCommand = (program: Command): Command =>
  withRoute(
    program
      .command("watch")
      .description(
        "show the shares of versions as configured, in Envoy and measured, and what the evidence says",
      )
      .argument("[route]", "VirtualService, namespace/name (default: the only one with versions)"),
  )
    .addOption(new Option("--file <path...>", "manifests that declare the route"))
    .addOption(new Option("--stack <name>", "of the Pulumi program that declares the route"))
    .addOption(new Option("-C, --cwd <folder>", "of the Pulumi program").default("."))
    .addOption(
      new Option("--since <minutes>", "how far back counting begins").argParser(positive).default(10),
    )
    .addOption(new Option("--every <seconds>", "between two looks").argParser(positive).default(5))
    .addOption(new Option("--once", "one look; exit code 2 where something differs or a version is worse"))
    .addOption(new Option("--json", "for programs; a line for each look"))
    .addOption(
      new Option("--serve [port]", "also as a page on 127.0.0.1 (default: any free port)")
        .argParser(portNumber)
        .preset(0),
    )
    .action(async (route: string | undefined, options: Options) => {
      const { file, stack, once, json } = options;
      const declared = (file ?? stack) ? (await sideOf(options)).objects : undefined;
      const page = options.serve === undefined ? undefined : await serving(options.serve);
      let last: WatchReport | undefined;
      let drawn = 0;
      for await (const report of reports({
        ...options,
        ...(route !== undefined && { route }),
        ...(declared && { declared }),
      })) {
        page?.send(report);
        if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
        else if (once ?? process.stdout.isTTY) {
          const lines = watchLines(report).map(({ text, tone }) => coloured(text, tone));
          process.stdout.write(`${drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ""}${lines.join("\n")}\n`);
          drawn = once ? 0 : lines.length;
        } else if (report.at !== last?.at) process.stdout.write(`${plainLines(report).join("\n")}\n`);
        last = report;
      }
      await page?.close();
      process.exitCode = last ? exitCodeOf(last) : 1;
    });

async function serving(port: number): Promise<WatchPage> {
  // Fastify takes a while to load.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would be made before all else
  const { serveWatch } = require("../watch/serve") as typeof import("../watch/serve");
  const page = await serveWatch(port).catch((error: unknown) => {
    throw new SourceError(`--serve: found port ${port}, which cannot be used: ${messageOf(error)}`);
  });
  process.stderr.write(`${page.url}\n`);
  return page;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new InvalidArgumentError("A port from 0 to 65535 is allowed.");
}

async function* reports(options: Options & RouteOptions): AsyncGenerator<WatchReport> {
  // It loads Pulumi's SDK, which other commands do without.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would be made before all else
  const { RouteConnection } = require("../watch/connection") as typeof import("../watch/connection");
  const connection = await RouteConnection.open(options);
  const stop = new AbortController();
  process.once("SIGINT", () => {
    stop.abort();
  });
  try {
    let state = beginWatch(connection);
    for (const reading of await connection.history(options.since * 60)) state = withReading(state, reading);
    for (;;) {
      const observed = await connection.observe();
      if (observed.counters.reading) state = withReading(state, observed.counters.reading);
      yield reportOf(state, observed);
      if (options.once) return;
      await setTimeout(options.every * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return;
    }
  } finally {
    await connection.close();
  }
}

const COLOURS = { bad: "red", good: "green", unclear: "yellow" } as const;
const coloured = (text: string, tone: Tone): string =>
  tone === "plain" ? text : styleText(COLOURS[tone], text, { stream: process.stdout });
