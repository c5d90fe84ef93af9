/** `shopzier watch`: the split of a route as it is declared, configured, in Envoy and measured. */
import { setTimeout } from "node:timers/promises";
import { styleText } from "node:util";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Shares } from "../../components/traffic/weights";
import { RouteConnection, type RouteOptions } from "../watch/connection";
import { beginWatch, exitCodeOf, reportOf, withReading, type WatchReport } from "../watch/model";
import type { Observed } from "../watch/observed";
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
      const stop = new AbortController();
      const gone = readerGone(process.stdout, stop);
      let last: WatchReport | undefined;
      let drawn = 0;
      try {
        for await (const report of reports(
          { ...options, ...(route !== undefined && { route }), ...(declared && { declared }) },
          stop,
        )) {
          page?.send(report);
          if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
          else if (once ?? process.stdout.isTTY) {
            const lines = watchLines(report).map(({ text, tone }) => coloured(text, tone));
            process.stdout.write(`${drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ""}${lines.join("\n")}\n`);
            drawn = once ? 0 : lines.length;
          } else if (report.at !== last?.at) process.stdout.write(`${plainLines(report).join("\n")}\n`);
          last = report;
        }
      } finally {
        // Its server would keep this process after an error, too.
        await page?.close();
      }
      process.exitCode = gone() ? 0 : last ? exitCodeOf(last) : 1;
    });

/** Ends a watch quietly whose reader has seen enough, such as `| head`. Returns whether it has. */
export function readerGone(out: NodeJS.EventEmitter, stop: AbortController): () => boolean {
  let gone = false;
  out.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    gone = true;
    stop.abort();
  });
  return () => gone;
}

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

async function* reports(options: Options & RouteOptions, stop: AbortController): AsyncGenerator<WatchReport> {
  const connection = await RouteConnection.open(options);
  process.once("SIGINT", () => {
    stop.abort();
  });
  try {
    yield* looks(connection, options, stop.signal);
  } finally {
    await connection.close();
  }
}

type Watched = Pick<RouteConnection, "split" | "criteria" | "history" | "observe">;

/** Without `once`, a look that fails is one of which nothing is clear, and the next may be whole. */
export async function* looks(
  connection: Watched,
  { since, every, once }: Pick<Options, "since" | "every" | "once">,
  signal: AbortSignal,
): AsyncGenerator<WatchReport> {
  let state = beginWatch(connection);
  let { shares } = connection.split;
  let before = false;
  do {
    let observed: Observed;
    try {
      if (!before) for (const one of await connection.history(since * 60)) state = withReading(state, one);
      before = true;
      observed = await connection.observe();
      shares = observed.configured;
    } catch (error) {
      if (once || !(error instanceof SourceError)) throw error;
      observed = notSeen(shares, error.message);
    }
    if (observed.counters.reading) state = withReading(state, observed.counters.reading);
    yield reportOf(state, observed);
    if (once) return;
    await setTimeout(every * 1000, undefined, { signal }).catch(() => undefined);
  } while (!signal.aborted);
}

/** @param configured as it was when last seen. */
const notSeen = (configured: Shares, why: string): Observed => ({
  ...{ at: new Date().toISOString(), configured, gateways: [] },
  counters: { reading: undefined, unclear: [why] },
});

const COLOURS = { bad: "red", good: "green", unclear: "yellow" } as const;
const coloured = (text: string, tone: Tone): string =>
  tone === "plain" ? text : styleText(COLOURS[tone], text, { stream: process.stdout });
