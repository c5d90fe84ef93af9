/** `shopzier shift`: raises the share of a version step by step, as far as the evidence allows. */
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { Option, type Command } from "commander";
import type { Criterion } from "../../components/evidence";
import { writtenMaxStep } from "../../components/traffic/route-risks";
import { effectiveShares } from "../../components/traffic/weights";
import { defined } from "../../components/istio/without-undefined";
import { deployed, isGoingBack, Proposals } from "../propose/propose";
import { commitFollower } from "../shift/commit-steps";
import type { EndEvent, Untimed } from "../shift/events";
import {
  jsonFollower,
  plainFollower,
  terminalFollower,
  webhookFollower,
  type Follower,
} from "../shift/follow";
import { shiftSteps } from "../shift/plan";
import { refuseOfAnother } from "../shift/route-owner";
import { runShift, type ShiftRun, type World } from "../shift/run-shift";
import { isResumed, readMark, type ShiftMark } from "../../components/traffic/shift-mark";
import { shiftHtml, shiftMarkdown } from "../shift/shift-report";
import { Wishes } from "../shift/wish";
import { lastWriter, liveShares } from "../shift/written-route";
import type { ClusterNames } from "../../components/kubernetes/api-server";
import { messageOf, SourceError } from "../sources/source-error";
import { LiveRoutes } from "../sources/live-route";
import { StackSite } from "../sources/stack-site";
import type { ShiftEvent } from "../shift/events";
import { RouteConnection, type RouteOptions } from "../watch/connection";
import { objective, positive, share } from "./sides";
import { withRoute } from "./route-options";

interface Options extends Omit<RouteOptions, "declared" | "route"> {
  readonly cwd: string;
  readonly stack?: string;
  readonly virtualService?: string;
  readonly to: number;
  readonly availability?: number;
  readonly latency?: number;
  readonly stepLimit?: number;
  readonly json?: true;
  readonly report?: readonly string[];
  readonly webhook?: string;
  readonly commit?: true;
  readonly propose?: true;
}

const EXIT: Readonly<Record<EndEvent["outcome"], number>> = {
  ...{ arrived: 0, held: 2, "went back": 2 },
  ...{ proposed: 0, "proposed back": 2 },
};

/** Between two looks. Prometheus has new counts less often. */
const LOOK_MS = 2000;

export const shiftCommand = (program: Command): Command =>
  withRoute(
    program
      .command("shift")
      .description("raise the share of a version step by step, as far as the evidence allows, or go back")
      .argument("<version>", "the subset that gets more requests"),
  )
    .addOption(new Option("--to <percent>", "of the requests at the end").argParser(share).default(100))
    .addOption(new Option("--stack <name>", "of the Pulumi program"))
    .addOption(new Option("--virtual-service <name>", "namespace/name, where several have versions"))
    .addOption(new Option("-C, --cwd <folder>", "of the Pulumi program").default("."))
    .addOption(
      new Option(
        "--availability <percent>",
        "of the requests that succeed (default: as of the alerts)",
      ).argParser(objective),
    )
    .addOption(
      new Option(
        "--latency <percent>",
        "of the requests that are fast (default: as of the alerts)",
      ).argParser(objective),
    )
    .addOption(
      new Option(
        "--step-limit <seconds>",
        "a step without a decision is held after it (default: twice of what it takes at the traffic there is)",
      ).argParser(positive),
    )
    .addOption(new Option("--webhook <url>", "told of each step, the hold and the way back, as JSON"))
    .addOption(new Option("--commit", "each step as a git commit of the stack file with its verdict"))
    .addOption(
      new Option(
        "--propose",
        "open the next step as a pull request of GitHub or GitLab, instead of doing it",
      ).conflicts("commit"),
    )
    .addOption(new Option("--report <file...>", "at the end: .md, .html"))
    .addOption(new Option("--json", "an event a line"))
    .action(async (version: string, options: Options) => {
      const outcome = await shift(version, options);
      process.exitCode = EXIT[outcome];
    });

async function shift(version: string, options: Options): Promise<EndEvent["outcome"]> {
  for (const file of options.report ?? []) refuseReport(file);
  const site = StackSite.open(options.cwd, options.stack);
  // What is counted and what is written must be of one cluster.
  const cluster = site.cluster(options);
  const connection = await RouteConnection.open({
    ...options,
    ...cluster,
    ...(options.virtualService !== undefined && { route: options.virtualService }),
  });
  const events: ShiftEvent[] = [];
  const followers = await followersOf(options, site);
  const tell = async (event: Untimed): Promise<void> => {
    const told = { ...event, at: new Date().toISOString() } as ShiftEvent;
    events.push(told);
    for (const follower of followers) await follower.tell(told);
  };
  const wishes = new Wishes((words) => void tell({ event: "waits", words }));
  const deaf = wishes.listen();
  try {
    const { world, run } = await prepared(version, options, { site, cluster, connection, wishes, tell });
    return await runShift(world, run);
  } finally {
    deaf();
    await connection.close();
    for (const file of events.length > 0 ? (options.report ?? []) : []) report(file, events);
  }
}

/** A fault that is seen only at the end would cost the report of the whole shift. */
function refuseReport(file: string): void {
  if (!/\.(md|html)$/.test(file))
    throw new SourceError(`--report: found ${file}\n  allowed: a file that ends with .md or .html`);
  const folder = path.dirname(path.resolve(file));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new SourceError(
      `--report: found ${file}, whose folder does not exist\n  repair:  mkdir -p ${path.dirname(file)}`,
    );
}

/** Neither the outcome nor an error of the shift is lost where the file cannot be written. */
function report(file: string, events: readonly ShiftEvent[]): void {
  try {
    writeFileSync(file, file.endsWith(".md") ? shiftMarkdown(events) : shiftHtml(events));
  } catch (error) {
    console.error(`--report: ${file} was not written: ${messageOf(error)}`);
  }
}

async function followersOf({ json, webhook, commit }: Options, site: StackSite): Promise<Follower[]> {
  const out = process.stdout;
  const shown = json ? jsonFollower(out) : out.isTTY ? terminalFollower(out) : plainFollower(out);
  const failed = (words: string): void => {
    console.error(words);
  };
  return [
    shown,
    ...(webhook === undefined ? [] : [webhookFollower(webhook, failed)]),
    ...(commit ? [await commitFollower(site.file, failed, site.project.name)] : []),
  ];
}

interface Parts {
  readonly site: StackSite;
  readonly cluster: ClusterNames;
  readonly connection: RouteConnection;
  readonly wishes: Wishes;
  readonly tell: World["tell"];
}

/** What a shift starts from, and what it touches. */
async function prepared(
  version: string,
  { to, stepLimit, availability, latency, propose }: Options,
  { site, cluster, connection, wishes, tell }: Parts,
): Promise<{ readonly world: World; readonly run: ShiftRun }> {
  const proposals = propose ? await Proposals.open(site) : undefined;
  const routes = LiveRoutes.connect(cluster);
  const name = `${connection.split.namespace}/${connection.split.name}`;
  const object = await routes.read(name);
  refuseOfAnother(object, site.stack, site.project.name);
  const live = liveShares(object, version);
  if (!(version in live)) {
    const versions = Object.keys(connection.split.shares);
    throw new SourceError(
      `No rule of ${name} splits requests between ${version} and others. Allowed: ${versions.join(", ")}.`,
    );
  }
  const found = readMark(object.metadata.annotations);
  const resumed = isResumed(found, version) || (proposals !== undefined && isGoingBack(found, version, live));
  const mark: ShiftMark =
    found && resumed
      ? { ...found, to }
      : { version, to, before: site.weights(), at: new Date().toISOString() };
  const settled = proposals && deployed(site, live);
  const before = effectiveShares(mark.before);
  const from = before[version] ?? 0;
  if (from >= to)
    throw new SourceError(`${version} has ${from} % already. Allowed: --to above that, up to 100.`);
  if (found && resumed && to !== found.to && to <= (live[version] ?? 0))
    throw new SourceError(
      `${version} has ${live[version] ?? 0} % by a shift that has not ended. Allowed: --to above that. shopzier rollback goes back.`,
    );
  const steps = shiftSteps(to, from, writtenMaxStep(object.metadata.annotations));
  const [baseline] = Object.entries(before)
    .filter(([other, share]) => other !== version && share > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([other]) => other);
  const settings = {
    candidates: [version],
    criteria: withObjectives(connection.criteria, { errors: availability, latency }),
    ...(baseline !== undefined && { baseline }),
  };
  await tell({
    event: "begin",
    ...{ version, to, resumed, before: mark.before, baseline: baseline ?? null },
    from: live[version] ?? 0,
    steps: steps.filter((step) => step > (live[version] ?? 0)),
  });
  const world: World = {
    now: () => performance.now() / 1000,
    look: () =>
      patiently(tell, async () => {
        const seen = await routes.read(name);
        return {
          written: site.weights(),
          live: liveShares(seen, version),
          changedBy: lastWriter(seen),
          pods: await routes.pods(seen, version),
          mark: readMark(seen.metadata.annotations),
        };
      }),
    counts: async () => {
      try {
        return (await connection.observe()).counters;
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        return { reading: undefined, unclear: [error.message] };
      }
    },
    mark: (one) => routes.mark(object, one),
    write: (weights) => {
      site.write(weights);
      return Promise.resolve();
    },
    setRoute: async (weights) => {
      try {
        await site.setRoute(routes, await routes.read(name), version, weights);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        // `up` follows, which does the same or says more.
        await tell({ event: "waits", words: error.message });
      }
    },
    up: (what) => site.up(what, (words) => void tell({ event: "waits", words })),
    pause: () => wishes.pause(LOOK_MS),
    wish: () => wishes.wish(),
    ...(proposals && {
      propose: (way, weights, from, why) => proposals.propose({ version, way, weights, from, why }),
    }),
    tell,
  };
  return {
    world,
    run: {
      ...{ mark, resumed, steps, settings },
      ...defined({ stepLimit, settled }),
    },
  };
}

/** @param percents of good requests, by criterion. */
const withObjectives = (
  criteria: Readonly<Record<string, Criterion>>,
  percents: Readonly<Record<string, number | undefined>>,
): Record<string, Criterion> =>
  Object.fromEntries(
    Object.entries(criteria).map(([name, criterion]) => {
      const percent = percents[name];
      if (percent === undefined) return [name, criterion];
      return [name, { ...criterion, objective: Number((1 - percent / 100).toPrecision(6)) }];
    }),
  );

/** How often a cluster that does not answer is asked again. */
const ATTEMPTS = 15;

/** @throws SourceError the last one. */
async function patiently<T>(tell: World["tell"], ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SourceError) || attempt === ATTEMPTS) throw error;
      if (attempt === 1) await tell({ event: "waits", words: error.message });
      await setTimeout(LOOK_MS);
    }
  }
}
