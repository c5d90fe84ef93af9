/** `shopzier plan`: what a shift takes, before it begins. */
import { Option, type Command } from "commander";
import { about, duration } from "../../components/evidence/verdict-words";
import { counted, number } from "../diff/words";
import { columns } from "../report/columns";
import { plannedShift, type Shift, type ShiftOptions } from "../shift/plan";
import { SourceError } from "../sources/source-error";
import { RouteConnection, type RouteOptions } from "../watch/connection";
import { beginWatch, rateOf, withReading } from "../watch/model";
import { withRoute } from "./route-options";
import { objective, positive, share, sideOf, withOneSide, type OneSideOptions } from "./sides";

interface Options extends OneSideOptions, Omit<ShiftOptions, "version" | "rate">, RouteOptions {
  readonly rate?: number;
  readonly json?: true;
}

export const planCommand = (program: Command): Command =>
  withRoute(
    withOneSide(
      program
        .command("plan")
        .description("say which steps a shift takes, how long each needs to be judged, and how many pods")
        .argument("<version>", "the subset that gets more requests"),
    ),
  )
    .addOption(new Option("--to <percent>", "of the requests at the end").argParser(share).default(100))
    .addOption(
      new Option(
        "--rate <n>",
        "requests per second of all versions together (default: as Prometheus counted lately)",
      ).argParser(positive),
    )
    .addOption(
      new Option("--availability <percent>", "of the requests that succeed")
        .argParser(objective)
        .default(99.9),
    )
    .addOption(
      new Option("--latency <percent>", "of the requests that are fast").argParser(objective).default(99),
    )
    .addOption(
      new Option("--detect <n>", "times as many bad requests are to be seen").argParser(positive).default(2),
    )
    .addOption(new Option("--virtual-service <name>", "namespace/name, where several have the version"))
    .addOption(new Option("--json", "for programs"))
    .action(async (version: string, options: Options) => {
      const { objects } = await sideOf(options);
      const rate = options.rate ?? (await measuredRate(options));
      const shift = plannedShift(objects, { ...options, version, rate });
      process.stdout.write(options.json ? `${JSON.stringify(shift, null, 2)}\n` : planText(shift));
    });

/** Requests per second in the cluster. @throws SourceError where none were counted lately. */
async function measuredRate(options: Options): Promise<number> {
  const { virtualService: route } = options;
  const connection = await RouteConnection.open({ ...options, ...(route !== undefined && { route }) });
  try {
    const rate = rateOf((await connection.history(600)).reduce(withReading, beginWatch(connection)));
    if (rate !== undefined && rate > 0) return rate;
  } finally {
    await connection.close();
  }
  throw new SourceError(
    "--rate: found none, and Prometheus counted no requests lately\n  allowed: requests per second, such as --rate 200",
  );
}

/** Ends with a line break. */
export function planText({ version, from, baseline, pods, steps, expected, longest }: Shift): string {
  const last = steps.at(-1)?.share ?? from;
  const rows = steps.map(({ share, rate, pass, see, limit, judged, pods: needs }) => [
    `${number(share)} %`,
    `${about(rate)}/s`,
    `${about(pass.requests)} requests, ${duration(pass.seconds)}`,
    `${about(see.requests)} requests, ${duration(see.seconds)}`,
    judged ? duration(limit) : "cannot be judged at this traffic",
    needs === undefined
      ? ""
      : `${counted(needs, "pod")}${needs > (pods ?? needs) ? ` (has ${pods ?? 0})` : ""}`,
  ]);
  const head = [
    "share",
    "gets",
    "a good version passes after",
    "a bad one is seen after",
    "held after",
    "needs",
  ];
  const judged = steps.every((step) => step.judged)
    ? `A good version takes about ${duration(expected)}; if each step lasts until it is held, ${duration(longest)}.`
    : "A step that cannot be judged shows neither good nor bad within an hour. More traffic, a lower objective or --detect above 2 helps.";
  return [
    `${version}: ${number(from)} % → ${number(last)} %, beside ${baseline ?? "no other version"}.`,
    "",
    ...columns([head, ...rows]).map((line) => `  ${line}`),
    "",
    judged,
    "",
  ].join("\n");
}
