import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { stackEnvironment } from "../../lab/stack";
import { commands } from "../support/documents";
import { assertCount, assertSplit, Client } from "../../lab/client";
import { must, ROOT, stackFile, until, up } from "../../lab/harness";
import { JaegerClient, PrometheusClient } from "../../lab/prometheus";

describe("the README and the guide", () => {
  const stack = path.join(ROOT, "Pulumi.lab.yaml");
  const kept = path.join(ROOT, ".lab", "Pulumi.lab.yaml.kept");
  before(async () => {
    await must("pulumi", "up", "--yes", "--skip-preview", "--stack", "lab", "--non-interactive");
    copyFileSync(stack, kept);
  });
  after(async () => {
    copyFileSync(kept, stack);
    stackFile();
    await up();
  });

  it("shifts the canary by the commands that it shows, and the edit is one line of the stack file", async () => {
    const { exitCode, all } = await execa(
      "bash",
      ["-euc", commands("README.md", "## A canary shift in a minute")],
      {
        cwd: ROOT,
        all: true,
        reject: false,
      },
    );
    assert.equal(exitCode, 0, all);
    const [, preview = ""] = all.split("Previewing update");
    const steps = [...preview.matchAll(/^\s*(\S+) kubernetes:\S+\/v1:(\w+): \(/gm)];
    assert.deepEqual(steps.map(([, sign, kind]) => `${sign} ${kind}`).sort(), ["~ VirtualService"], preview);
    assert.ok(preview.split("\n").length <= 60, preview);
    assert.match(preview, /^\s*category: v1 80 → 70 %, v2 20 → 30 %$/m);
    const diff = await execa("bash", ["-euc", commands("README.md", "## In a pull request")], { cwd: ROOT });
    assert.ok(
      readFileSync(path.join(ROOT, "README.md"), "utf8").includes(diff.stdout.split("\n")[0] ?? ""),
      diff.stdout,
    );
    const client = await Client.open();
    assertSplit(await client.sample(1000), { v1: 70, v2: 30 });
    await client.close();
    const lines = (file: string): string[] => readFileSync(file, "utf8").split("\n");
    const before = lines(kept);
    const changed = lines(stack).filter((line, i) => line !== before[i]);
    assert.deepEqual(
      changed.map((l) => l.trim()),
      ["v2: 30"],
    );
  });

  it("shows the split by the commands of the guide", async () => {
    const script = commands("docs/traffic.md", "# Traffic").replace("shop.example.com", "shop.lab.internal");
    const { stdout } = await execa("bash", ["-euc", script + commands("docs/traffic.md", "## Weights")], {
      cwd: ROOT,
      env: stackEnvironment(),
    });
    const counts = [...stdout.matchAll(/^ *(\d+) x-category-version: (v\d)\r?$/gm)];
    const of = (version: string): number => Number(counts.find(([, , name]) => name === version)?.[1]);
    assert.equal(of("v1") + of("v2"), 200, stdout);
    assertCount("v2", of("v2"), 200, 30);
  });

  it("adds Prometheus and Jaeger by the command of the guide, and shows there what the versions did", async () => {
    const added = await execa("bash", ["-euc", commands("docs/lab.md", "## Observability")], {
      cwd: ROOT,
      all: true,
      reject: false,
    });
    assert.equal(added.exitCode, 0, added.all);
    const forward = execa("bash", ["-euc", `${commands("docs/observability.md", "## In the lab")}wait`], {
      env: stackEnvironment(),
      detached: true,
      all: true,
      reject: false,
    });
    const client = await Client.open();
    try {
      const prometheus = await PrometheusClient.open("http://localhost:9090");
      const jaeger = await JaegerClient.open(20, "http://localhost:16686");
      await until("the rates of both versions and their traces", async () => {
        await client.sample(50);
        const rates = await prometheus
          .byVersion('version:requests:rate5m{seen_by="caller"} > 0')
          .catch((): Record<string, number> => ({}));
        const services = await jaeger.services().catch((): readonly string[] => []);
        return (
          Object.keys(rates).sort().join() === "v1,v2" &&
          ["istio-ingressgateway.istio-ingress", "category.category"].every((s) => services.includes(s))
        );
      });
    } finally {
      await client.close();
      // The forwarding commands too: they run in the background of the shell.
      if (forward.pid !== undefined) process.kill(-forward.pid);
    }
    await forward;
  });
});
