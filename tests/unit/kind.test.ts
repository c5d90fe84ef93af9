import assert from "node:assert/strict";
import { execa } from "execa";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";

const PROJECT = path.resolve(__dirname, "../..");
const IMAGE = "shopzier.local/category-api:1.0.0";
const PROGRAMS = ["docker", "kind", "kubectl", "pulumi", "npm", "node"];

/** `kind/up.sh` in a folder of its own, with stand-ins that write down how they were called. */
class Machine {
  readonly folder = mkdtempSync(path.join(tmpdir(), "kind-"));
  private readonly bin = path.join(this.folder, "bin");
  private readonly log = path.join(this.folder, "calls");

  constructor() {
    mkdirSync(this.bin);
    cpSync(path.join(PROJECT, "kind"), path.join(this.folder, "kind"), { recursive: true });
    for (const program of PROGRAMS) this.answer(program, "");
    this.answer("docker", 'if [ "$1 $2" = "image inspect" ]; then echo sha256:one; fi');
  }

  /** What a program does after its call is written down. */
  answer(program: string, script: string): void {
    const file = path.join(this.bin, program);
    const call = `echo "${program} $*" >> ${this.log}\necho "$KUBECONFIG $PULUMI_BACKEND_URL" >> ${this.log}.env`;
    writeFileSync(file, `#!/bin/sh\n${call}\n${script}\n`);
    chmodSync(file, 0o755);
  }

  without(program: string): void {
    rmSync(path.join(this.bin, program));
  }

  async run(script = "up.sh"): Promise<{ code: number | undefined; output: string; calls: string[] }> {
    rmSync(this.log, { force: true });
    const { exitCode, all } = await execa("/bin/bash", [path.join(this.folder, "kind", script)], {
      env: { PATH: `${this.bin}:/usr/bin:/bin`, HOME: this.folder },
      extendEnv: false,
      all: true,
      reject: false,
    });
    const calls = existsSync(this.log) ? readFileSync(this.log, "utf8").trim().split("\n") : [];
    return { code: exitCode, output: all, calls };
  }

  read(file: string): string {
    return readFileSync(path.join(this.folder, file), "utf8");
  }
}

describe("make kind", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine();
  });
  afterEach(() => {
    rmSync(machine.folder, { recursive: true });
  });
  const kubeconfig = (): string => path.join(machine.folder, ".kind/kubeconfig");
  const restart = "kubectl --namespace=category rollout restart deployment --selector=app=category";

  it("makes the cluster, loads the image, updates the stack and measures, in this order", async () => {
    const { code, output, calls } = await machine.run();
    assert.equal(code, 0, output);
    assert.deepEqual(calls, [
      "docker info",
      "node -r ./lab/node-version.cjs -e ",
      "kind get clusters",
      `kind create cluster --name shopzier --config kind/cluster.yaml --kubeconfig ${kubeconfig()} --wait 5m`,
      "npm run -s build -w apps/category-api",
      `docker build --tag ${IMAGE} apps/category-api`,
      `kind load docker-image ${IMAGE} --name shopzier`,
      "pulumi stack select --create kind",
      "pulumi up --yes --skip-preview",
      `docker image inspect --format {{.Id}} ${IMAGE}`,
      restart,
      "kubectl --namespace=category rollout status deployment --selector=app=category --timeout=5m",
      "npm run -s kind:split",
    ]);
    assert.match(output, /step 4 of 4, 1,000 requests/);
    // No call reaches another cluster or another state.
    assert.deepEqual(
      [...new Set(machine.read("calls.env").trim().split("\n"))],
      [`${kubeconfig()} file://${machine.folder}/.kind/state`],
    );
  });

  it("keeps a cluster that is there, and restarts pods for a changed image alone", async () => {
    await machine.run();
    machine.answer("kind", 'if [ "$1" = get ]; then echo shopzier; fi');
    writeFileSync(path.join(machine.folder, ".kind/state/kept"), "");
    const again = await machine.run();
    assert.equal(again.code, 0, again.output);
    assert.ok(again.calls.includes(`kind export kubeconfig --name shopzier --kubeconfig ${kubeconfig()}`));
    assert.ok(!again.calls.some((call) => call.startsWith("kind create") || call === restart));
    assert.ok(existsSync(path.join(machine.folder, ".kind/state/kept")));
    machine.answer("docker", 'if [ "$1 $2" = "image inspect" ]; then echo sha256:two; fi');
    assert.ok((await machine.run()).calls.includes(restart));
  });

  it("forgets the state of a cluster that is gone", async () => {
    await machine.run();
    writeFileSync(path.join(machine.folder, ".kind/state/old"), "");
    await machine.run();
    assert.ok(!existsSync(path.join(machine.folder, ".kind/state/old")));
  });

  it("names all programs that are missing at once, and calls none", async () => {
    machine.without("kind");
    machine.without("pulumi");
    const { code, output, calls } = await machine.run();
    assert.equal(code, 1);
    assert.match(output, /^These programs are not on PATH:\n- kind: https:\S+\n- pulumi: https:\S+\n/);
    assert.deepEqual(calls, []);
  });

  it("says that Docker does not answer", async () => {
    machine.answer("docker", "exit 1");
    const { code, output } = await machine.run();
    assert.equal(code, 1);
    assert.match(output, /Docker does not answer\. Start it/);
  });

  for (const [program, call, step] of [
    ["kind", "create", "the kind cluster shopzier"],
    ["docker", "build", "the image of the category service"],
    ["pulumi", "up", "pulumi up"],
  ] as const) {
    it(`ends with the step that failed: ${program} ${call}`, async () => {
      machine.answer(program, `if [ "$1" = ${call} ]; then echo broken >&2; exit 3; fi`);
      const { code, output, calls } = await machine.run();
      assert.equal(code, 3);
      assert.match(output, new RegExp(`broken\\n"${step}.*" failed\\. make kind goes on from there`));
      assert.ok(!calls.includes("npm run -s kind:split"));
    });
  }

  it("is taken back by make kind-down", async () => {
    await machine.run();
    const { code, calls } = await machine.run("down.sh");
    assert.equal(code, 0);
    assert.deepEqual(calls, ["kind delete cluster --name shopzier"]);
    assert.ok(!existsSync(path.join(machine.folder, ".kind")));
  });

  it("has one name for cluster, context, image and port in script, cluster and stack file", () => {
    const stack = (
      parse(readFileSync(path.join(PROJECT, "Pulumi.kind.yaml"), "utf8")) as {
        config: Record<string, unknown> & {
          "shopzier:category": { versions: Record<string, { image: string }> };
          "shopzier:gateway": { address: string; nodePorts: { http: number } };
        };
      }
    ).config;
    const cluster = parse(machine.read("kind/cluster.yaml")) as {
      nodes: { extraPortMappings: { containerPort: number; hostPort: number; listenAddress: string }[] }[];
    };
    assert.equal(stack["kubernetes:context"], "kind-shopzier");
    for (const { image } of Object.values(stack["shopzier:category"].versions)) assert.equal(image, IMAGE);
    const { address, nodePorts } = stack["shopzier:gateway"];
    assert.deepEqual(cluster.nodes[0]?.extraPortMappings, [
      { containerPort: nodePorts.http, hostPort: nodePorts.http, listenAddress: address },
    ]);
  });
});
