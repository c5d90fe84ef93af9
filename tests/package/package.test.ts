import { execa } from "execa";
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
const driver = (testing: string): string => `
const [program, config] = process.argv.slice(2);
require(${JSON.stringify(testing)})
  .runProgram(require.resolve(program), { project: "shopzier", stack: "dev", config: JSON.parse(config ?? "{}") })
  .then(({ resources, outputs: { url } }) =>
    console.log(JSON.stringify({ seen: resources.map(({ type, name }) => type + " " + name), url })));
`;

/** An ES module that imports from each entry of the package. */
const MODULE = `
import { CanaryService, ExistingGateway } from "shopzier-mesh";
import { judge } from "shopzier-mesh/evidence";
import { route } from "shopzier-mesh/simulator";
import { runProgram } from "shopzier-mesh/testing";

const { resources, outputs } = await runProgram(() => {
  const gateway = new ExistingGateway("g", { namespace: "i", labels: { a: "b" }, hosts: ["a.example.com"] });
  const args = { gateway, host: "a.example.com", versions: { v1: { image: "a" } }, weights: { v1: 100 } };
  return { shares: new CanaryService("orders", args).shares };
});
console.log(JSON.stringify([typeof judge, typeof route, resources.length > 8, outputs.shares]));
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

    const needed = [
      "@pulumi/pulumi",
      "@pulumi/kubernetes",
      "typescript",
      "@types/node",
      "mocha",
      "@types/mocha",
    ];
    const pinned = needed.map((name) => {
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

    assert.ok(!existsSync(path.join(folder, "node_modules/@kubernetes")), "the client is in the bundle");

    const readme = readFileSync(path.join(ROOT, "components/README.md"), "utf8");
    const [program, parts, test] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
    assert.ok(program && parts && test, "the README shows a program, the parts beneath, and a test");
    mkdirSync(path.join(folder, "tests"));
    writeFileSync(path.join(folder, "index.ts"), program);
    writeFileSync(path.join(folder, "parts.ts"), parts);
    writeFileSync(path.join(folder, "tests/program.test.ts"), test);
    writeFileSync(path.join(folder, "module.mts"), MODULE);
    writeFileSync(path.join(folder, "driver.cjs"), driver("shopzier-mesh/testing"));
    writeFileSync(
      path.join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: "nodenext",
          target: "es2022",
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          // Types of the package too.
          skipLibCheck: false,
          types: ["node", "mocha"],
        },
        files: ["index.ts", "parts.ts", "tests/program.test.ts", "module.mts"],
      }),
    );
    await execa("npx", ["--no-install", "tsc", "-p", "."], { cwd: folder });
    await execa(
      "npx",
      ["--no-install", "mocha", "--timeout", "1m", path.join(folder, "tests/program.test.js")],
      {
        cwd: folder,
      },
    );
    const { stdout: imported } = await execa("node", ["module.mjs"], { cwd: folder });
    assert.deepEqual(JSON.parse(imported), ["function", "function", true, { v1: 100 }]);
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
    const { stdout } = await execa("node", ["driver.cjs", "./index.js"], { cwd: folder });
    const { seen, url } = JSON.parse(stdout) as { seen: string[]; url: string };
    assert.equal(url, "http://192.0.2.1");
    for (const resource of [
      "kubernetes:helm.sh/v3:Release istio-istiod",
      "kubernetes:apps/v1:Deployment orders-versions-v2-deployment",
      "kubernetes:networking.istio.io/v1:VirtualService orders-routes-route",
      "kubernetes:networking.istio.io/v1:DestinationRule orders-routes-v2-subset",
    ]) {
      assert.ok(seen.includes(resource), `${resource} in\n${seen.join("\n")}`);
    }

    const connect = `require("./node_modules/shopzier-mesh/dist/kubernetes/cluster-access.js")
      .kubernetesAccess({ kubeconfig: "{}" }).then(() => "connects", String).then(console.log)`;
    const connects = async (): Promise<string> =>
      (await execa("node", ["-e", connect], { cwd: folder })).stdout;
    assert.equal(await connects(), "connects");
    rmSync(path.join(folder, "node_modules/shopzier-mesh/dist/kubernetes-client.cjs"));
    assert.match(
      await connects(),
      /kubernetes-client\.cjs has no AdmissionregistrationV1Api, .*: Cannot find module .*\nInstall shopzier-mesh again\./,
    );
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

    writeFileSync(path.join(folder, "driver.cjs"), driver("./components/testing"));
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
