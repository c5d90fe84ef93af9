/** `npm run bench [name ...]`: measures on the lab, both sides in one run; writes docs/benchmarks.md when all were run. */
import Table from "cli-table3";
import { execa } from "execa";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  baseline,
  Client,
  editStackFile,
  must,
  pulumi,
  ROOT,
  setConfig,
  stackFile,
  tool,
  until,
  up,
} from "../lab/harness";
import { gatewayRates } from "./gateway";
import { helmProgram } from "./helm";
import { atMost, inTurn, median, ratio, timed, type Result } from "./measure";
import { observabilityCost } from "./observability";
import { plannerTime, simulatorRates } from "./rules";
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
const labCommand = (command: string): Promise<unknown> =>
  execa("npm", ["run", "-s", "lab", "--", command], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
const preview = async (...args: string[]): Promise<void> => {
  const result = await pulumi("preview", ...args);
  if (result.exitCode !== 0) throw new Error(result.all);
};

const measures: Record<string, () => Promise<Result | Result[]>> = {
  rules: () => Promise.resolve([plannerTime(), ...simulatorRates()]),

  async "weight-edit"() {
    await baseline();
    await prepareEmpty();
    const times = await inTurn(
      7,
      async (round) => {
        await setConfig("traffic.weights.v2", 30 + round);
        return timed(() => up());
      },
      () => timed(() => empty("up", "--yes", "--skip-preview")),
    );
    return ratio("`pulumi up` after a weight edit, against `up` of an empty program", times, 1.3);
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

  async barrier() {
    await baseline();
    const client = await Client.open();
    let flip = 0;
    const shift = async (wait: boolean): Promise<number> => {
      const [from, to] = flip++ % 2 ? ["v2", "v1"] : ["v1", "v2"];
      editStackFile((config) => {
        config["shopzier:traffic"] = { weights: { [to]: 100, [from]: 0 } };
        config["shopzier:propagation"] = { wait };
      });
      return timed(async () => {
        await up();
        // What the barrier waits for, seen from outside.
        for (let row = 0; row < 5;) row = (await client.ask()).version === to ? row + 1 : 0;
      });
    };
    const times = await inTurn(
      6,
      () => shift(true),
      () => shift(false),
    );
    await client.close();
    return atMost("what the propagation barrier adds to the propagation", times.ours - times.theirs, 0.5);
  },

  async preview() {
    await baseline();
    await prepareEmpty();
    const times = await inTurn(
      7,
      () => timed(() => preview()),
      () => timed(() => empty("preview")),
    );
    return ratio("no-change `preview`, against `preview` of an empty program", times, 1.2);
  },

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
    const times = await inTurn(
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
      times,
      1,
    );
  },

  async "many-versions"() {
    const withVersions = (count: number) => async (): Promise<number> => {
      stackFile((config) => {
        const { versions } = config["shopzier:category"];
        const names = Array.from({ length: count }, (_, i) => `v${i + 1}`);
        config["shopzier:category"].versions = Object.fromEntries(names.map((n) => [n, { ...versions.v2 }]));
        config["shopzier:traffic"] = {
          weights: Object.fromEntries(names.map((n, i) => [n, i === 0 ? "rest" : 1])),
        };
      });
      return timed(() => preview());
    };
    await baseline();
    const times = await inTurn(5, withVersions(50), withVersions(2));
    return ratio("`preview` with 50 versions, against 2", times, 1.5);
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

  service: serviceRate,

  gateway: gatewayRates,

  observability: observabilityCost,

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

/** The reason for each missed target, which is printed below the table. */
const REASONS: Readonly<Record<string, string>> = {
  "`pulumi up` after a weight edit, against `up` of an empty program":
    "An empty program starts no provider and has no resources. The difference is the start of the Kubernetes provider (about 0.4 s), the checks of 30 resources one after the other, the loading of this program, and the barrier.",
  "no-change `preview`, against `preview` of an empty program": "As above, without the barrier.",
  "install everything, against `helm install --wait` three times, `kubectl apply`, `rollout status`":
    "Pulumi's own start, and what the other side leaves out: waiting until istiod's webhook refuses what is wrong and until every gateway pod has the route with healthy endpoints.",
  "`preview` with 50 versions, against 2":
    "48 versions are 144 more resources, each checked by the provider in about 25 ms.",
};

interface Exported {
  readonly deployment: {
    readonly resources: readonly { readonly type: string; readonly inputs?: Record<string, unknown> }[];
  };
}

/** The same objects as the stack's, for Helm and kubectl. */
async function helmInstall(
  helm: string,
  folder: string,
): Promise<{ install: () => Promise<void>; remove: () => Promise<void> }> {
  const exported = await must("pulumi", "stack", "export", "--stack", "lab");
  const resources = (JSON.parse(exported) as Exported).deployment.resources.filter((r) =>
    r.type.startsWith("kubernetes:"),
  );
  const objects = resources
    .filter((r) => r.type !== "kubernetes:helm.sh/v3:Release")
    .map((r) => Object.fromEntries(Object.entries(r.inputs ?? {}).filter(([key]) => !key.startsWith("__"))));
  const manifest = (name: string, items: unknown[]): string => {
    const file = path.join(folder, name);
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    return file;
  };
  const namespaces = manifest(
    "namespaces.json",
    objects.filter((o) => o.kind === "Namespace"),
  );
  const others = manifest(
    "objects.json",
    objects.filter((o) => o.kind !== "Namespace"),
  );
  const releases = resources
    .filter((r) => r.type === "kubernetes:helm.sh/v3:Release")
    .map(({ inputs = {} }) => {
      const file = path.join(folder, `${String(inputs.name)}.json`);
      writeFileSync(file, JSON.stringify(inputs.values));
      return {
        name: String(inputs.name),
        namespace: String(inputs.namespace),
        chart: String(inputs.chart),
        file,
      };
    })
    .sort((a, b) => order(a.name) - order(b.name));
  const deployments = objects
    .filter((o) => o.kind === "Deployment")
    .map((o) => o.metadata as { name: string; namespace: string });
  return {
    install: async () => {
      await must("kubectl", "apply", "-f", namespaces);
      for (const { name, namespace, chart, file } of releases) {
        await must(helm, "install", name, chart, "-n", namespace, "-f", file, "--wait");
      }
      await must("kubectl", "apply", "-f", others);
      for (const { name, namespace } of deployments) {
        await must("kubectl", "rollout", "status", `deployment/${name}`, "-n", namespace);
      }
    },
    remove: async () => {
      await must("kubectl", "delete", "-f", others, "--ignore-not-found");
      for (const { name, namespace } of [...releases].reverse())
        await must(helm, "uninstall", name, "-n", namespace, "--wait");
      await must("kubectl", "delete", "-f", namespaces);
      await until(
        "the namespaces are gone",
        async () => (await tool("kubectl", "get", "-f", namespaces)).exitCode !== 0,
      );
    },
  };
}

const order = (release: string): number => ["istio-base", "istiod", "istio-ingressgateway"].indexOf(release);

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
  const rows = results.map((r) => [
    r.name,
    r.ours,
    r.against,
    r.ratio,
    r.target,
    r.met === undefined ? "-" : r.met ? "met" : "missed",
  ]);
  const head = ["measure", "ours", "against", "ratio", "target", ""];
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  console.log(table.toString());
  if (wanted.length === 0) {
    const markdown = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
    const istio = await must("pulumi", "config", "get", "--path", "shopzier:istio.version", "--stack", "lab");
    const versions = `Node ${process.version}, Pulumi ${(await must("pulumi", "version")).trim()}, Istio ${istio.trim()}`;
    const missed = results.filter((r) => r.met === false);
    const reasons = missed
      .map((r) => `- ${r.name}: ${REASONS[r.name] ?? "no reason is known yet."}`)
      .join("\n");
    writeFileSync(
      path.join(ROOT, "docs/benchmarks.md"),
      `# Benchmarks\n\nWritten by \`npm run bench\` on the lab: both sides of a ratio in one run. ` +
        `Times of a ratio are medians, both sides in turn. A rate of requests is that of one load of eight seconds, ` +
        `one side after the other; the rate without observability is the median of three.\n\n` +
        `Machine: ${os.cpus().length} cores (${os.cpus()[0]?.model ?? "unknown"}), ` +
        `${Math.round(os.totalmem() / 2 ** 30)} GiB; ${versions}.\n\n${markdown}\n` +
        (missed.length > 0 ? `\nTargets that are missed, and why:\n\n${reasons}\n` : ""),
    );
    await execa("prettier", ["--write", "docs/benchmarks.md"], { cwd: ROOT, preferLocal: true });
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
