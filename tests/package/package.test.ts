import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";

const ROOT = path.resolve(__dirname, "../..");

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}
const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(path.join(ROOT, folder, "package.json"), "utf8")) as Manifest;

/** Runs a program against mocks and prints what it registered. */
const DRIVER = `
const pulumi = require("@pulumi/pulumi");
const [program, config] = process.argv.slice(2);
const seen = [];
pulumi.runtime.setMocks({
  newResource: (r) => {
    seen.push(r.type + " " + r.name);
    const status = { name: r.inputs.name, namespace: r.inputs.namespace, loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
    return { id: r.name + "-id", state: { ...r.inputs, status } };
  },
  call: (c) => c.inputs,
}, "shopzier", "dev").then(() => {
  pulumi.runtime.setAllConfig(JSON.parse(config ?? "{}"));
  // Pulumi's mocks cannot register hooks; the README says so.
  Object.assign(pulumi.runtime.getMonitor(), { registerResourceHook: (_, done) => done(null, {}) });
  return pulumi.runtime.runInPulumiStack(async () => require(program));
}).then(async (outputs) => {
  // Waits for every registration.
  await pulumi.runtime.disconnect();
  pulumi.output(outputs.url).apply((url) => console.log(JSON.stringify({ seen, url })));
});
`;

describe("the npm package shopzier-mesh", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "shopzier-package-"))));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("depends on neither kubernetesx nor this program", () => {
    const { dependencies = {}, peerDependencies = {} } = manifest("components");
    const names = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
    assert.deepEqual(names.sort(), [
      "@grafana/grafana-foundation-sdk",
      "@kubernetes/client-node",
      "@pulumi/kubernetes",
      "@pulumi/pulumi",
      "re2js",
      // The page of `shopzier watch --serve` shows it.
      "uplot",
    ]);
  });

  it("packs, installs elsewhere, type-checks strictly and builds the graph of its README", async () => {
    const root = manifest(".");
    const { stdout: packed } = await execa("npm", ["pack", "--json", "--pack-destination", folder], {
      cwd: path.join(ROOT, "components"),
    });
    const [tarball] = JSON.parse(packed.slice(packed.indexOf("["))) as {
      filename: string;
      files: { path: string }[];
    }[];
    assert.ok(tarball);
    const { filename, files } = tarball;
    assert.ok(files.some((f) => f.path === "dist/index.d.ts"));
    assert.deepEqual(
      files.filter((f) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(f.path)),
      [],
    );

    const pinned = ["@pulumi/pulumi", "@pulumi/kubernetes", "typescript", "@types/node"].map((name) => {
      const version = root.dependencies?.[name] ?? root.devDependencies?.[name];
      assert.ok(version, name);
      return [name, version] as const;
    });
    writeFileSync(
      path.join(folder, "package.json"),
      JSON.stringify({
        private: true,
        dependencies: { ...Object.fromEntries(pinned), "shopzier-mesh": `file:${filename}` },
      }),
    );
    await execa("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], {
      cwd: folder,
    });

    const readme = readFileSync(path.join(ROOT, "components/README.md"), "utf8");
    const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
    assert.ok(program, "the README shows a program");
    writeFileSync(path.join(folder, "program.ts"), program);
    writeFileSync(path.join(folder, "driver.cjs"), DRIVER);
    copyFileSync(path.join(ROOT, "tsconfig.json"), path.join(folder, "base.json"));
    writeFileSync(
      path.join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "./base.json",
        compilerOptions: { noEmit: false, types: ["node"] },
        include: ["program.ts"],
      }),
    );
    await execa("npx", ["--no-install", "tsc", "-p", "."], { cwd: folder });
    const subpaths = `[require("shopzier-mesh/simulator").route, require("shopzier-mesh/evidence").judge]`;
    const { stdout: kinds } = await execa("node", ["-p", `${subpaths}.map((each) => typeof each).join()`], {
      cwd: folder,
    });
    assert.equal(kinds, "function,function");
    const shop = readFileSync(path.join(ROOT, "tests/unit/cli/shop.yaml"), "utf8");
    writeFileSync(path.join(folder, "before.yaml"), shop);
    writeFileSync(
      path.join(folder, "after.yaml"),
      shop.replace("weight: 90", "weight: 80").replace("weight: 10", "weight: 20"),
    );
    const command = await execa("npx", ["--no-install", "shopzier", "diff", "before.yaml", "after.yaml"], {
      cwd: folder,
    });
    assert.match(command.stdout, /^after.yaml: v2 10 % → 20 %, v1 90 % → 80 %\./);
    const { stdout } = await execa("node", ["driver.cjs", "./program.js"], { cwd: folder });
    const { seen, url } = JSON.parse(stdout) as { seen: string[]; url: string };
    assert.equal(url, "http://192.0.2.1");
    for (const resource of [
      "kubernetes:helm.sh/v3:Release istio-istiod",
      "kubernetes:apps/v1:Deployment orders-v2-deployment",
      "kubernetes:networking.istio.io/v1:VirtualService orders-routes-route",
      "kubernetes:networking.istio.io/v1:DestinationRule orders-routes-v2-subset",
    ]) {
      assert.ok(seen.includes(resource), `${resource} in\n${seen.join("\n")}`);
    }
  });
});

describe("the program", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "shopzier-program-"))));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("runs on its runtime dependencies alone", async () => {
    const isSource = (file: string): boolean => !["node_modules", "dist"].includes(path.basename(file));
    for (const name of [
      ...["package.json", "package-lock.json", "apps/category-api/package.json", "Pulumi.yaml"],
      ...["index.ts", "typescript.mjs", "tsconfig.json", "stacks", "components", "cli", "lab"],
    ])
      cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true, filter: isSource });
    await execa("npm", ["ci", "--omit=dev", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: folder });

    writeFileSync(path.join(folder, "driver.cjs"), DRIVER);
    const yaml = (file: string): unknown => parse(readFileSync(path.join(ROOT, file), "utf8"));
    const { runtime } = yaml("Pulumi.yaml") as { runtime: { options: { nodeargs: string } } };
    const { config } = yaml("Pulumi.dev.yaml") as { config: Record<string, unknown> };
    const text = Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const program = ["driver.cjs", "./index.ts", JSON.stringify(Object.fromEntries(text))];
    const { stdout } = await execa("node", [...runtime.options.nodeargs.split(" "), ...program], {
      cwd: folder,
    });
    const { seen } = JSON.parse(stdout) as { seen: string[] };
    assert.ok(
      seen.includes("kubernetes:networking.istio.io/v1:VirtualService category-routes-route"),
      stdout,
    );
  });
});
