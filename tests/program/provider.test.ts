import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { execa } from "execa";
import assert from "node:assert/strict";
import path from "node:path";
import type { ClusterAccess } from "../../components/index";
import { clusterOf } from "../../components/kubernetes/cluster";
import { setMocks } from "../../components/testing";
import { ROOT } from "../support/program";
import { ASKED } from "../support/provider-driver";

const values = (cluster: ClusterAccess | undefined): Promise<unknown> =>
  new Promise((resolve) => pulumi.output(cluster).apply(resolve));

describe("the cluster of a component", () => {
  const { KUBECONFIG } = process.env;
  before(() =>
    setMocks({ newResource: ({ inputs }) => ({ id: "id", state: inputs as object }), call: () => ({}) }),
  );
  beforeEach(() => {
    process.env.KUBECONFIG = "/a:/b";
  });
  after(() => {
    if (KUBECONFIG === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = KUBECONFIG;
    pulumi.runtime.setAllConfig({});
  });

  it("is that of its provider, given in any of Pulumi's ways", async () => {
    const provider = new k8s.Provider("own", {
      kubeconfig: pulumi.secret("text"),
      context: "c",
      cluster: "d",
    });
    const parent = new pulumi.ComponentResource(
      "a:b:C",
      "parent",
      {},
      { providers: { kubernetes: provider } },
    );
    const child = new pulumi.ComponentResource("a:b:C", "child", {}, { parent });
    for (const opts of [{ provider }, { providers: [provider] }, { parent }, { parent: child }]) {
      assert.deepEqual(await values(clusterOf(undefined, opts)), {
        kubeconfig: "text",
        context: "c",
        cluster: "d",
      });
      assert.equal(clusterOf(undefined, opts), clusterOf(undefined, { provider }));
    }
  });

  it("is the ambient one if the provider has it from KUBECONFIG, which may name several files", async () => {
    const provider = new k8s.Provider("ambient", { context: "c" });
    assert.deepEqual(await values(clusterOf(undefined, { provider })), {
      kubeconfig: undefined,
      context: "c",
      cluster: undefined,
    });
  });

  it("is that of the default provider, which the stack's configuration names", async () => {
    pulumi.runtime.setAllConfig({ "kubernetes:context": "configured" });
    assert.deepEqual(await values(clusterOf(undefined)), { context: "configured" });
    pulumi.runtime.setAllConfig({});
    assert.deepEqual(clusterOf(undefined), {});
  });

  it("is the given one before all others", () => {
    const given = { context: "given" };
    const provider = new k8s.Provider("other", { context: "c" });
    assert.equal(clusterOf(given, { provider }), given);
  });
});

describe("all components with a provider", () => {
  it("write through it, and ask its cluster alone", async function () {
    this.timeout("5m");
    const driver = path.join(ROOT, "tests/support/provider-driver.ts");
    const { stdout } = await execa("node", ["-r", path.join(ROOT, "tests/register.cjs"), driver], {
      cwd: ROOT,
      // Pulumi's runtime ends a program with 1 while something waits.
      reject: false,
    });
    const { ambient, own, objects } = JSON.parse(stdout) as {
      ambient: string[];
      own: string[];
      objects: Record<string, string>;
    };
    assert.deepEqual(ambient, []);
    for (const question of ASKED) assert.ok(own.includes(question), `${question} in\n${own.join("\n")}`);
    assert.ok(Object.keys(objects).length > 35, String(Object.keys(objects).length));
    for (const [name, provider] of Object.entries(objects)) assert.match(provider, /::own::/, name);
  });
});
