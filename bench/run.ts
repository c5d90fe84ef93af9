/** `npm run bench [name ...]`: measures on the lab, both sides in one run; writes docs/benchmarks.md when all were run. */
import { execa } from "execa";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Client } from "../lab/client";
import { baseline, editStackFile, must, pulumi, ROOT, setConfig, stackFile, up } from "../lab/harness";
import { barrierCost, largeMeshCost } from "./barrier";
import { bareProgram } from "./bare-program";
import { largeReport, offlineReport, previewReport } from "./diff";
import { gatewayRates } from "./gateway";
import { helmProgram } from "./helm";
import { atMost, inTurn, median, ratio, timed, type Result } from "./measure";
import { observabilityCost } from "./observability";
import { helmInstall } from "./plain-install";
import { report } from "./report";
import { rollbackSpeed } from "./rollback";
import { plannerTime, requestsTime, simulatorRates } from "./rules";
import { serviceRate } from "./service";

const EMPTY = path.join(ROOT, "bench/empty");
/** Pulumi's own loader without type checks. */
process.env.PULUMI_NODEJS_TRANSPILE_ONLY = "true";
const empty = (...args: string[]): Promise<string> =>
  must("pulumi", "--cwd", EMPTY, ...args, "--stack", "empty", "--non-interactive");
const prepareEmpty = async (): Promise<void> => {
  await must("pulumi", "--cwd", EMPTY, "stack", "select", "--create", "empty", "--non-interactive");
  await empty("up", "--yes", "--skip-preview");
};
const labCommand = (...command: string[]): Promise<unknown> =>
  execa("npm", ["run", "-s", "lab", "--", ...command], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
const preview = async (...args: string[]): Promise<void> => {
  const result = await pulumi("preview", ...args);
  if (result.exitCode !== 0) throw new Error(result.all);
};

/** Ours against an empty program, and against one that registers the same resources. */
const sides = (
  name: string,
  command: string,
  { ours, plain, nothing }: { ours: number; plain: number; nothing: number },
  limit: number,
): Result[] => [
  ratio(`${name}, against ${command} of an empty program`, ours, nothing, limit),
  ratio(`${name}, against ${command} of a bare program`, ours, plain, 1.1),
];

const measures: Record<string, () => Promise<Result | Result[]>> = {
  rules: () => Promise.resolve([plannerTime(), ...simulatorRates(), requestsTime()]),

  async "weight-edit"() {
    await baseline();
    await prepareEmpty();
    const bare = await bareProgram();
    const [ours, plain, nothing] = await inTurn(
      7,
      async (round) => {
        await setConfig("traffic.weights.v2", 30 + round);
        await bare.record();
        return timed(() => up());
      },
      () => timed(() => bare.pulumi("up", "--yes", "--skip-preview")),
      () => timed(() => empty("up", "--yes", "--skip-preview")),
    );
    bare.remove();
    return sides("`pulumi up` after a weight edit", "`up`", { ours, plain, nothing }, 1.3);
  },

  async "new-split"() {
    await baseline();
    const client = await Client.open();
    const delays: number[] = [];
    for (let round = 0; round < 6; round++) {
      const [from, to] = round % 2 ? ["v2", "v1"] : ["v1", "v2"];
      editStackFile((config) => {
        config["shopzier:traffic"] = { weights: { [to]: 100, [from]: 0 } };
      });
      await up();
      const ended = performance.now();
      let first = ended;
      for (let row = 0; row < 20;) {
        const answer = await client.ask();
        row = answer.version === to ? row + 1 : 0;
        if (row === 1) first = answer.at;
      }
      delays.push(Math.max(0, first - ended) / 1000);
    }
    await client.close();
    return atMost("gateway at the new split after that `up` ended", Math.max(...delays), 0.5);
  },

  barrier: barrierCost,

  "large-mesh": largeMeshCost,

  async preview() {
    await baseline();
    await prepareEmpty();
    const bare = await bareProgram();
    const [ours, plain, nothing] = await inTurn(
      7,
      () => timed(() => preview()),
      () => timed(() => bare.pulumi("preview")),
      () => timed(() => empty("preview")),
    );
    bare.remove();
    return sides("no-change `preview`", "`preview`", { ours, plain, nothing }, 1.2);
  },

  // A bare program is no side of this: nothing in it waits for istiod's webhook, so that its install fails now and then.
  async install() {
    const helm = await helmProgram();
    const folder = mkdtempSync(path.join(os.tmpdir(), "shopzier-bench-"));
    await baseline();
    const releases = await helmInstall(helm, folder);
    const destroy = async (): Promise<void> => {
      const result = await pulumi("destroy", "--yes", "--skip-preview");
      if (result.exitCode !== 0) throw new Error(result.all);
    };
    await destroy();
    const [ours, charts] = await inTurn(
      3,
      async () => {
        const time = await timed(() => up());
        await destroy();
        return time;
      },
      async () => {
        const time = await timed(releases.install);
        await releases.remove();
        return time;
      },
    );
    rmSync(folder, { recursive: true });
    await up();
    return ratio(
      "install everything, against `helm install --wait` three times, `kubectl apply`, `rollout status`",
      ...([ours, charts, 1] as const),
    );
  },

  async "many-versions"() {
    const named = (count: number): void => {
      stackFile((config) => {
        const { versions } = config["shopzier:category"];
        const names = Array.from({ length: count }, (_, i) => `v${i + 1}`);
        config["shopzier:category"].versions = Object.fromEntries(names.map((n) => [n, { ...versions.v2 }]));
        config["shopzier:traffic"] = {
          weights: Object.fromEntries(names.map((n, i) => [n, i === 0 ? "rest" : 1])),
        };
      });
    };
    await baseline();
    const bare = await bareProgram();
    const withVersions = (count: number) => (): Promise<number> => {
      named(count);
      return timed(() => preview());
    };
    const bareWith = (count: number) => async (): Promise<number> => {
      named(count);
      await bare.record();
      return timed(() => bare.pulumi("preview"));
    };
    const [many, few, bareMany, bareFew] = await inTurn(
      5,
      ...([withVersions(50), withVersions(2), bareWith(50), bareWith(2)] as const),
    );
    bare.remove();
    return [
      ratio("`preview` with 50 versions, against 2", many, few, 1.5),
      ratio("`preview` of a bare program with 50 versions, against 2", bareMany, bareFew, 1.5),
      ratio("`preview` with 50 versions, against that of a bare program", many, bareMany, 1.1),
    ];
  },

  async "wrong-file"() {
    stackFile((config) => {
      config["shopzier:traffic"] = { weights: { v1: 80, v2: 19 } };
    });
    const times: number[] = [];
    for (let round = 0; round < 5; round++)
      times.push(
        await timed(async () => {
          const { exitCode, all } = await pulumi("preview");
          assert.notEqual(exitCode, 0, all);
          assert.match(all, /weights that sum to 99 \(v1 80, v2 19\)/);
        }),
      );
    return atMost("`pulumi preview` of a wrong stack file, until its report", median(times), 5);
  },

  async rollback() {
    await prepareEmpty();
    return rollbackSpeed(() => timed(() => empty("up", "--yes", "--skip-preview")));
  },

  "offline-report": offlineReport,

  "large-report": largeReport,

  "preview-report": previewReport,

  service: serviceRate,

  gateway: gatewayRates,

  async observability() {
    await labCommand("up", "--all");
    return observabilityCost();
  },

  async lab() {
    await labCommand("down");
    const cold = await timed(() => labCommand("up"));
    const again = await timed(() => labCommand("up"));
    return [
      atMost("`make up` from nothing to a measured split, programs and images cached", cold, 90),
      atMost("`make up` when it is up already", again, 15),
    ];
  },
};

async function main(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.filter((name) => !(name in measures));
  if (unknown.length > 0) {
    throw new Error(`no measure ${unknown.join(", ")}; there are ${Object.keys(measures).join(", ")}`);
  }
  const results: Result[] = [];
  const names = wanted.length > 0 ? wanted : Object.keys(measures);
  for (const [index, name] of names.entries()) {
    const measure = measures[name];
    if (!measure) continue;
    process.stderr.write(`measure ${index + 1} of ${names.length}: ${name}\n`);
    const took = await timed(async () => results.push(...[await measure()].flat()));
    process.stderr.write(`measure ${index + 1} of ${names.length}: ${name}, ${took.toFixed(0)} s\n`);
  }
  await report(results, { write: wanted.length === 0 });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
