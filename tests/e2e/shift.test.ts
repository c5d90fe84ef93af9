import { execa, type ResultPromise } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { EndEvent, ShiftEvent } from "../../cli/shift/events";
import { Client, countByVersion, failures, lastMostly } from "../../lab/client";
import {
  applyObjects,
  deleteObjects,
  kubectl,
  NAMESPACE,
  programFolder,
  pulumi,
  ROOT,
  stackFile,
  tool,
  up,
  until,
} from "../../lab/harness";
import { OBSERVED, observing } from "../../lab/prometheus";
import { stackEnvironment } from "../../lab/stack";

const COMMAND = path.join(ROOT, "components/dist/cli/shopzier.cjs");
const STACK_FILE = path.join(ROOT, ".lab/e2e/Pulumi.lab.yaml");
/** The program in a folder with a stack file of its own. */
const FOLDER = path.join(ROOT, ".lab/e2e/shift");
const FILE = path.join(FOLDER, "Pulumi.lab.yaml");

/** The sidecars of v2 answer 5 percent of the requests with an error of their own. */
const FAULT = {
  apiVersion: "networking.istio.io/v1alpha3",
  kind: "EnvoyFilter",
  metadata: { name: "shift-fault", namespace: NAMESPACE },
  spec: {
    workloadSelector: { labels: { version: "v2" } },
    configPatches: [
      {
        applyTo: "HTTP_FILTER",
        match: {
          context: "SIDECAR_INBOUND",
          listener: {
            filterChain: {
              filter: {
                name: "envoy.filters.network.http_connection_manager",
                subFilter: { name: "envoy.filters.http.router" },
              },
            },
          },
        },
        patch: {
          operation: "INSERT_BEFORE",
          value: {
            name: "shift-fault",
            typed_config: {
              "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
              abort: { http_status: 500, percentage: { numerator: 5, denominator: "HUNDRED" } },
            },
          },
        },
      },
    ],
  },
};

const OPTIONS = { env: stackEnvironment(), reject: false, all: true, stdin: "ignore" } as const;
const run = (...args: string[]): ResultPromise<typeof OPTIONS> =>
  execa("node", [COMMAND, ...args, "--stack", "lab", "-C", FOLDER], OPTIONS);
/** Objectives that a few hundred requests suffice for. */
const shift = (...args: string[]): ReturnType<typeof run> =>
  run(
    ...["shift", "v2", "--json", "--availability", "95", "--latency", "95"],
    ...["--prometheus", "prometheus/prometheus:9090", "--metrics", "envoy", ...args],
  );
const eventsOf = (text: string): ShiftEvent[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as ShiftEvent);
function endOf(text: string): EndEvent {
  const last = eventsOf(text).at(-1);
  assert.ok(last?.event === "end", text);
  return last;
}
const weightsInFile = (): unknown => {
  const { config } = parse(readFileSync(FILE, "utf8")) as {
    config: { "shopzier:traffic": { weights: object } };
  };
  return config["shopzier:traffic"].weights;
};
async function weightsOnRoute(): Promise<string> {
  return kubectl(
    ...["get", "virtualservice", "category", "-n", NAMESPACE],
    ...["-o", "jsonpath={.spec.http[*].route[*].weight}"],
  );
}
describe("shopzier shift and rollback", function () {
  this.timeout("5m");
  let client: Client;
  before(async () => {
    await execa("npm", ["run", "-s", "bundle:cli", "-w", "components"], { cwd: ROOT });
    const { metrics, prometheus } = OBSERVED;
    stackFile((config) => {
      observing({ metrics, prometheus })(config);
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 10 } };
    });
    await up();
    programFolder("shift");
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await tool("kubectl", "delete", "envoyfilter", "shift-fault", "-n", NAMESPACE, "--ignore-not-found");
    // What a failed test has left is not what the harness knows.
    await up();
    rmSync(FOLDER, { recursive: true, force: true });
  });

  it("holds without traffic, and says so; rollback --now goes back without leaving drift", async () => {
    const held = await shift("--step-limit", "6");
    assert.equal(held.exitCode, 2, held.all);
    const end = endOf(held.stdout);
    assert.deepEqual([end.outcome, end.shares], ["held", { v1: 75, v2: 25 }]);
    assert.match(end.why, /^No decision within 6 s\. .*no (requests|counter of requests)/i);
    assert.deepEqual(weightsInFile(), { v1: "rest", v2: 25 });

    const back = await run("rollback", "--now");
    assert.equal(back.exitCode, 0, back.all);
    assert.match(back.all, /The route is set\. Pulumi follows\./);
    assert.deepEqual(weightsInFile(), { v1: "rest", v2: 10 });
    assert.equal(await weightsOnRoute(), "90 10");
    copyFileSync(FILE, STACK_FILE);
    const preview = await pulumi("preview", "--refresh", "--expect-no-changes");
    assert.equal(preview.exitCode, 0, preview.all);
  });

  it("goes back from a version with 5 percent errors, after few of them", async () => {
    await applyObjects(FAULT);
    await until("an error of v2", async () => (failures(await client.sample(100))[500] ?? 0) > 0, 20);
    const load = client.load(100);
    // The report that docs/shift.md shows.
    const back = await shift("--report", path.join(ROOT, ".lab/e2e/shift.md"));
    const answers = await load.stop();
    await deleteObjects(FAULT);
    // A sidecar has the fault until istiod has told it, and connections that are open keep it until the old listener is gone.
    await until(
      "v2 has no fault",
      async () => Object.keys(failures(await client.sample(2000))).length === 0,
      90,
    );
    assert.equal(back.exitCode, 2, back.all);
    const end = endOf(back.stdout);
    assert.deepEqual([end.outcome, end.shares], ["went back", { v1: 90, v2: 10 }], back.all);
    assert.match(back.stdout, /v2 is worse than v1/);
    assert.deepEqual(Object.keys(failures(answers)), ["500"]);
    const events = eventsOf(back.stdout);
    const at = (event: string): number => Date.parse(events.find((one) => one.event === event)?.at ?? "");
    const seconds = (at("back") - at("up")) / 1000;
    const bad = failures(answers)[500] ?? 0;
    console.log(`      way back after ${seconds.toFixed(1)} s at 25 %, ${bad} bad answers from start to end`);
    assert.ok(seconds < 60 && bad < 150, `${seconds} s, ${bad} bad answers`);
    assert.deepEqual(weightsInFile(), { v1: "rest", v2: 10 });
  });

  it("arrives with an equal version, killed in the middle and run again, and loses nothing; rollback", async () => {
    const load = client.load(100);
    const first = shift();
    for await (const line of first) {
      const [event] = eventsOf(line);
      if (event?.event === "up") first.kill("SIGKILL");
    }
    await first;
    assert.equal(await weightsOnRoute(), "75 25");

    const started = performance.now();
    const second = await shift("--report", path.join(FOLDER, "report.html"), path.join(FOLDER, "report.md"));
    const took = (performance.now() - started) / 1000;
    assert.equal(second.exitCode, 0, second.all);
    const events = eventsOf(second.stdout);
    const begin = events.find((one) => one.event === "begin");
    assert.ok(begin?.event === "begin" && begin.resumed);
    assert.deepEqual(
      events.flatMap((one) => (one.event === "up" ? [one.share] : [])),
      [25, 50, 100],
      "what had begun is written once more",
    );
    const page = readFileSync(path.join(FOLDER, "report.html"), "utf8");
    assert.match(page, /<h1>v2 arrived at 100 %<\/h1>/);
    assert.match(readFileSync(path.join(FOLDER, "report.md"), "utf8"), /\| Arrived\. v2 is good enough/);

    const entered = performance.now();
    const back = await run("rollback");
    const ended = (performance.now() - entered) / 1000;
    const answers = await load.stop();
    assert.equal(back.exitCode, 0, back.all);
    assert.deepEqual(failures(answers), {});
    const last = (lastMostly(answers, "v2") - entered) / 1000;
    console.log(
      `      ${answers.length} requests, 0 lost; 25 → 100 % in ${took.toFixed(0)} s; rollback: last request after ${last.toFixed(1)} s, ended after ${ended.toFixed(1)} s`,
    );
    assert.ok(last > 0 && last < 30, String(last));
    assert.ok((countByVersion(answers).v2 ?? 0) > 0);
    assert.deepEqual(weightsInFile(), { v1: "rest", v2: 10 });
    assert.equal(await weightsOnRoute(), "90 10");
  });
});
