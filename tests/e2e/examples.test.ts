import { execa } from "execa";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { assertSplit, Client } from "../../lab/client";
import { kubectl, outputs, ROOT } from "../../lab/harness";
import { stackEnvironment } from "../../lab/stack";

const STACK_FILE = path.join(ROOT, ".lab/e2e/Pulumi.example.yaml");
const version = (name: string) => ({
  image: "lab.internal/category-api:1.0.0",
  env: { CATEGORY_VERSION: name },
  resources: { requests: { cpu: "20m", memory: "96Mi" } },
});

/** A program with its stack `example`, whose configuration `settings` is. */
class Program {
  constructor(
    private readonly folder: string,
    private readonly settings: Readonly<Record<string, unknown>>,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** The output of a command that must end well. */
  async pulumi(...command: readonly string[]): Promise<string> {
    const { exitCode, all } = await execa(
      "pulumi",
      [...command, "--stack", "example", "--non-interactive", "--color", "never"],
      {
        cwd: path.join(ROOT, this.folder),
        env: { ...stackEnvironment(), ...this.env },
        all: true,
        reject: false,
        stdin: "ignore",
      },
    );
    assert.equal(exitCode, 0, all);
    return all;
  }

  /** As {@link pulumi}, with `weights` in the stack's configuration. */
  async with(weights: object, ...command: readonly string[]): Promise<string> {
    const project = path.basename(this.folder);
    const settings = Object.entries({ ...this.settings, weights });
    mkdirSync(path.dirname(STACK_FILE), { recursive: true });
    writeFileSync(
      STACK_FILE,
      stringify({
        config: Object.fromEntries(settings.map(([key, value]) => [`${project}:${key}`, value])),
        // Pulumi's own line for passphrase "lab".
        encryptionsalt: "v1:Mh5MdoLOr6A=:v1:HHZygOFDj2opK47S:rjFFiZ0mQG9km4lHq+EvSLjpfd8WSg==",
      }),
    );
    return this.pulumi(...command, "--config-file", STACK_FILE);
  }

  async end(): Promise<void> {
    await this.pulumi("destroy", "--yes", "--skip-preview", "--config-file", STACK_FILE);
    await this.pulumi("stack", "rm", "--yes");
    rmSync(STACK_FILE);
  }
}

describe("examples/existing-istio, with the package as it is published", () => {
  const program = new Program(
    "examples/existing-istio",
    {
      host: "orders.lab.internal",
      gatewayNamespace: "istio-ingress",
      gatewayLabels: { istio: "ingressgateway", "shopzier-mesh/gateway": "istio-ingress" },
      versions: { v1: version("v1"), v2: version("v2") },
      readinessPath: "/actuator/health/readiness",
    },
    // The types of examples are checked by `npm test`.
    { PULUMI_NODEJS_TRANSPILE_ONLY: "true" },
  );
  let client: Client;
  before(async () => {
    // What the example imports.
    execFileSync("node", [
      path.join(ROOT, "node_modules/typescript-native/bin/tsc"),
      ...["-p", path.join(ROOT, "components/tsconfig.build.json")],
    ]);
    await program.pulumi("stack", "init");
    client = await Client.open({ url: (await outputs()).gatewayUrl, host: "orders.lab.internal" });
  });
  after(async () => {
    await client.close();
    await program.end();
  });

  it("begins with no request to v2, and says in a preview what the first shift does", async () => {
    const log = await program.with({ v1: "rest", v2: 0 }, "up", "--yes", "--skip-preview");
    assert.match(log, /shares *: \{\s+v1: 100\s+v2: 0/);
    assertSplit(await client.sample(50), { v1: 100, v2: 0 });
    const preview = await program.with({ v1: "rest", v2: 30 }, "preview");
    assert.match(preview, /orders: v1 100 → 70 %, v2 0 → 30 %/);
  });

  it("has the shift in every gateway pod when `up` has ended, and nothing of others is changed", async () => {
    await program.with({ v1: "rest", v2: 30 }, "up", "--yes", "--skip-preview");
    assertSplit(await client.sample(400), { v1: 70, v2: 30 });
    assert.match(
      await kubectl("get", "virtualservice", "category", "-n", "category", "-o", "name"),
      /category/,
    );
  });
});

describe("a program whose cluster only its provider knows", () => {
  const { KUBECONFIG: kubeconfigFile = "" } = stackEnvironment();
  const program = new Program("tests/e2e/own-provider", { kubeconfigFile }, { KUBECONFIG: "/dev/null" });
  before(() => program.pulumi("stack", "init"));
  after(() => program.end());

  it("waits for the rollout and for the gateways of that cluster", async () => {
    const log = await program.with({ v1: "rest", v2: 30 }, "up", "--yes", "--skip-preview");
    assert.doesNotMatch(log, /could not be checked/);
    const client = await Client.open({ url: (await outputs()).gatewayUrl, host: "provider.lab.internal" });
    assertSplit(await client.sample(400), { v1: 70, v2: 30 });
    await client.close();
  });
});
