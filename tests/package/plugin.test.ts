import { Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { runProgram } from "../../components/testing";
import type { CanaryService, CanaryServiceArgs } from "../../plugin";
import { ROOT } from "../support/program";
import { resolvePackageToSources } from "../support/source-package";

const PLUGIN = path.join(ROOT, "plugin");
const ARGS: CanaryServiceArgs = {
  versions: { v1: { image: "orders:1" }, v2: { image: "orders:2", env: { A: "b" }, replicas: 2 } },
  weights: { v1: 90, v2: 10 },
  host: "orders.example.com",
  gateway: { namespace: "istio-ingress", labels: { istio: "ingressgateway" } },
};

describe("the plugin for other languages", function () {
  this.timeout("5m");
  let undo: () => void;
  before(() => {
    undo = resolvePackageToSources();
  });
  after(() => {
    undo();
  });

  it("has arguments and outputs of which Pulumi makes a schema", () => {
    const manifest = JSON.parse(readFileSync(path.join(PLUGIN, "package.json"), "utf8")) as { name: string };
    const { components } = new Analyzer(
      PLUGIN,
      manifest.name,
      manifest,
      new Set(["CanaryService"]),
    ).analyze();
    const { inputs = {}, outputs = {} } = components.CanaryService ?? {};
    const required = Object.entries(inputs).filter(([, { optional }]) => !optional);
    assert.deepEqual(
      required.map(([name]) => name),
      ["versions", "weights", "host", "gateway"],
    );
    assert.deepEqual(Object.keys(outputs), ["shares"]);
    for (const [name, { description }] of Object.entries(inputs))
      assert.ok(description !== undefined || name === "gateway", name);
  });

  it("makes a CanaryService at a gateway that exists", async () => {
    const { resources, outputs } = await runProgram(() => {
      const plugin = createRequire(__filename)(PLUGIN) as { CanaryService: typeof CanaryService };
      return { shares: new plugin.CanaryService("orders", ARGS).shares };
    });
    assert.deepEqual(outputs.shares, { v1: 90, v2: 10 });
    const types = resources.map(({ type }) => type.replace(/^.*:/, ""));
    assert.deepEqual(
      ["Gateway", "VirtualService", "Deployment", "Release"].map(
        (kind) => types.filter((t) => t === kind).length,
      ),
      [1, 1, 2, 0],
    );
  });
});
