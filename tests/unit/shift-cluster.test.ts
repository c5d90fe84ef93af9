import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { planCommand } from "../../cli/commands/plan";
import { rollbackCommand } from "../../cli/commands/rollback";
import { shiftCommand } from "../../cli/commands/shift";
import { commitFollower } from "../../cli/shift/commit-steps";
import { SourceError } from "../../cli/sources/source-error";
import { StackSite } from "../../cli/sources/stack-site";

const OWN = "organization urn:pulumi:prod::shop::kubernetes:VirtualService::shop";
const MARK = JSON.stringify({
  ...{ version: "v2", to: 50, at: "2026-11-30T12:00:00Z" },
  before: { v1: "rest", v2: 10 },
});

/** What the next answers say. */
const world = { owner: OWN, marked: false, deployments: true };
let asked: string[] = [];

const answer = (url: string, prometheus: string): unknown => {
  const shop = {
    metadata: {
      ...{ name: "shop", namespace: "web" },
      managedFields: [
        { manager: "pulumi-kubernetes-1", operation: "Apply", fieldsV1: { "f:spec": {}, "f:metadata": {} } },
      ],
      annotations: {
        "shopzier-mesh/owner": world.owner,
        ...(world.marked && { "shopzier-mesh/shift": MARK }),
        "shopzier-mesh/metrics": JSON.stringify({ prometheus, source: "istio" }),
      },
    },
    spec: {
      hosts: ["shop"],
      http: [
        {
          name: "all",
          route: Object.entries({ v1: 90, v2: 10 }).map(([subset, weight]) => ({
            destination: { host: "shop", subset, port: { number: 80 } },
            weight,
          })),
        },
      ],
    },
  };
  const versions = ["v1", "v2"];
  if (url.endsWith("/networking.istio.io/v1"))
    return { resources: [{ name: "virtualservices", kind: "VirtualService", namespaced: true }] };
  if (url.endsWith("/virtualservices")) return { items: [shop] };
  if (url.includes("/virtualservices/")) return shop;
  if (url.includes("/services/")) return { spec: { selector: { app: "shop" } } };
  if (url.endsWith("/destinationrules"))
    return {
      items: [
        { spec: { host: "shop", subsets: versions.map((name) => ({ name, labels: { version: name } })) } },
      ],
    };
  if (url.endsWith("/deployments"))
    return {
      items: (world.deployments ? versions : []).map((version) => ({
        spec: { replicas: 1, template: { metadata: { labels: { app: "shop", version } } } },
        status: { readyReplicas: 1 },
      })),
    };
  if (url.includes("/api/v1/query")) return { status: "success", data: { result: [] } };
  return undefined;
};

describe("the cluster of a shift", function () {
  this.timeout("1m");
  const folder = mkdtempSync(path.join(tmpdir(), "shopzier-cluster-"));
  const kubeconfig = path.join(folder, "kubeconfig");
  const weights = "  shop:traffic:\n    weights:\n      v1: rest\n      v2: 10\n";
  const servers: Server[] = [];
  const { PATH, KUBECONFIG } = process.env;

  before(async () => {
    const names = ["staging", "prod"];
    const ports: number[] = [];
    for (const name of names) {
      const server = createServer(({ url = "", method }, response) => {
        asked.push(`${name} ${method ?? ""} ${url.split("?")[0] ?? ""}`);
        const found =
          method === "GET" ? answer(url.split("?")[0] ?? "", `http://127.0.0.1:${ports[0] ?? 0}`) : undefined;
        response.writeHead(found === undefined ? 409 : 200, { "content-type": "application/json" });
        response.end(JSON.stringify(found ?? { kind: "Status", message: "conflict with another manager" }));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      servers.push(server);
      ports.push((server.address() as AddressInfo).port);
    }
    const config = {
      clusters: names.map((name, i) => ({
        name,
        cluster: { server: `http://127.0.0.1:${ports[i] ?? 0}`, "insecure-skip-tls-verify": true },
      })),
      users: [{ name: "u", user: {} }],
      contexts: names.map((name) => ({ name, context: { cluster: name, user: "u" } })),
      "current-context": "staging",
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: shop\nruntime: nodejs\n");
    mkdirSync(path.join(folder, "bin"));
    const pulumi = path.join(folder, "bin", "pulumi");
    writeFileSync(pulumi, '#!/bin/sh\necho "error: refused for the test"\nexit 1\n');
    chmodSync(pulumi, 0o755);
    process.env.PATH = `${path.join(folder, "bin")}:${PATH ?? ""}`;
    process.env.KUBECONFIG = kubeconfig;
  });
  after(() => {
    process.env.PATH = PATH;
    if (KUBECONFIG === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = KUBECONFIG;
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    Object.assign(world, { owner: OWN, marked: false, deployments: true });
    asked = [];
    stackFile("prod", weights);
  });

  const stackFile = (stack: string, config: string): void => {
    writeFileSync(path.join(folder, `Pulumi.${stack}.yaml`), `config:\n${config}`);
  };

  /** Runs a command as the command line does. @returns the error and what it wrote. */
  const run = async (...args: string[]): Promise<{ error: Error; text: string }> => {
    const program = new Command("shopzier").exitOverride().configureOutput({ writeErr: () => undefined });
    for (const add of [shiftCommand, rollbackCommand, planCommand]) add(program);
    for (const command of program.commands)
      command.exitOverride().configureOutput({ writeErr: () => undefined });
    let text = "";
    const { log, error: failed } = console;
    // Mocha's own method is put back, not one that is bound.
    const write = Object.getOwnPropertyDescriptor(process.stdout, "write");
    console.log = console.error = (line: unknown) => void (text += `${String(line)}\n`);
    process.stdout.write = (line) => {
      text += String(line);
      return true;
    };
    try {
      await program.parseAsync([...args, "-C", folder, "--stack", "prod"], { from: "user" });
      return { error: new Error("none"), text };
    } catch (error) {
      return { error: error as Error, text };
    } finally {
      [console.log, console.error] = [log, failed];
      if (write) Object.defineProperty(process.stdout, "write", write);
      else Reflect.deleteProperty(process.stdout, "write");
      process.exitCode = 0;
    }
  };
  const clustersAsked = (): string[] =>
    [...new Set(asked.filter((one) => one.includes("/apis/")).map((one) => one.split(" ")[0] ?? ""))].sort();

  it("is one: that of the options, else that of the stack, also for what is written", async () => {
    const byOption = await run("shift", "v2", "--to", "25", "--context", "prod");
    assert.match(byOption.error.message, /VirtualService: conflict/, "its mark was refused");
    assert.deepEqual(clustersAsked(), ["prod"]);
    asked = [];
    stackFile("prod", `  kubernetes:context: prod\n${weights}`);
    await run("shift", "v2", "--to", "25");
    assert.deepEqual(clustersAsked(), ["prod"]);
    asked = [];
    await run("shift", "v2", "--to", "25", "--context", "staging");
    assert.deepEqual(clustersAsked(), ["staging"]);
    asked = [];
    await run("rollback", "--context", "staging", "--kubeconfig", kubeconfig);
    assert.deepEqual(clustersAsked(), ["staging"]);
    const { error } = await run("rollback", "--context", "nope");
    assert.match(error.message, /^context: found nope\n {2}allowed: .*: staging, prod$/);
  });

  it("must be named where the stack's is encrypted", async () => {
    for (const key of ["kubeconfig", "context", "cluster"]) {
      stackFile("prod", `  kubernetes:${key}:\n    secure: v1:abc:def\n${weights}`);
      for (const args of [["shift", "v2"], ["rollback"]]) {
        const { error } = await run(...args);
        assert.ok(error instanceof SourceError);
        assert.match(error.message, new RegExp(`^kubernetes:${key} of Pulumi.prod.yaml: found an encrypted`));
        assert.match(error.message, /allowed: .*\n {2}repair: .*--kubeconfig FILE or --context NAME$/);
      }
      const site = StackSite.open(folder, "prod");
      assert.deepEqual(site.cluster({ context: "staging" }), { context: "staging" });
    }
    assert.deepEqual(asked, []);
    stackFile(
      "prod",
      `  kubernetes:cluster: c\n  kubernetes:kubeconfig:\n    secure: v1:abc:def\n${weights}`,
    );
    assert.deepEqual(StackSite.open(folder, "prod").cluster({ kubeconfig }), { kubeconfig, cluster: "c" });
  });

  it("has VirtualServices of other stacks, which are left alone", async () => {
    for (const owner of [OWN.replace("prod", "dev"), OWN.replace("::shop::", "::other::")]) {
      world.owner = owner;
      const { error } = await run("shift", "v2", "--to", "25");
      assert.ok(error instanceof SourceError);
      assert.match(
        error.message,
        /^VirtualService web\/shop: found owner .*\n {2}allowed: stack prod of project shop\n/,
      );
    }
    assert.ok(asked.every((one) => one.split(" ")[1] === "GET"));
  });

  it("may have pods of no Deployment: they are unknown, which stops no rollback", async () => {
    Object.assign(world, { marked: true, deployments: false });
    const { error, text } = await run("rollback");
    assert.match(text, /v2: found no Deployment, so its pods are not known\./);
    assert.match(error.message, /^pulumi up failed: refused for the test/);
  });

  it("may refuse the route of rollback --now: it is said, and pulumi up follows", async () => {
    world.marked = true;
    const { error, text } = await run("rollback", "--now");
    assert.match(text, /^The route is not set: http.*conflict.*\nPulumi follows\.$/m);
    assert.match(error.message, /^pulumi up failed: refused for the test/);
  });

  it("is not asked for arguments that cannot be meant", async () => {
    const missing = path.join(folder, "missing", "x.html");
    for (const [args, words] of [
      [["--to", "60.125"], /At most 2 decimals are allowed/],
      [["--to", "101"], /At most 100/],
      [["--availability", "100"], /A number below 100 is allowed/],
      [["--latency", "100"], /A number below 100 is allowed/],
      [
        ["--report", missing],
        /^--report: found .*x\.html, whose folder does not exist\n {2}repair: {2}mkdir/,
      ],
    ] as const) {
      for (const command of args[0] === "--report" ? ["shift"] : ["shift", "plan"])
        assert.match(
          (await run(command, "v2", ...args)).error.message,
          words,
          `${command} ${args.join(" ")}`,
        );
    }
    assert.deepEqual(asked, []);
  });

  it("has a report that cannot be written: the error of the shift stays", async () => {
    const report = path.join(folder, "x.md");
    mkdirSync(report);
    const { error, text } = await run("shift", "v2", "--to", "25", "--report", report);
    assert.match(text, /^--report: .*x\.md was not written: EISDIR/m);
    assert.match(error.message, /VirtualService: conflict/);
  });

  it("--commit goes on after a kill, where the weights alone are not committed", async () => {
    const file = path.join(folder, "Pulumi.prod.yaml");
    const git = (...args: string[]): string => execFileSync("git", args, { cwd: folder, encoding: "utf8" });
    const failed = (words: string): void => {
      throw new Error(words);
    };
    git("init", "--quiet");
    for (const [key, value] of Object.entries({ name: "Test", email: "test@example.com" }))
      git("config", `user.${key}`, value);
    git("add", file);
    git("commit", "--quiet", "--message", "before");
    StackSite.open(folder, "prod").write({ v1: "rest", v2: 25 });
    const follower = await commitFollower(file, failed, "shop");
    const at = "2026-11-30T12:00:00Z";
    const step = { event: "step", at, weights: { v1: "rest", v2: 25 }, share: 25, why: "Resumed." } as const;
    await follower.tell(step);
    await follower.tell({ event: "up", at, share: 25, seconds: 1, ok: true, words: "" });
    assert.equal(git("status", "--porcelain", "--", file), "");
    writeFileSync(file, `${readFileSync(file, "utf8").replace("v2: 25", "v2: 50")}  shop:other: x\n`);
    await assert.rejects(
      commitFollower(file, failed, "shop"),
      /with changes that are not committed\n {2}allowed: weights/,
    );
  });
});
