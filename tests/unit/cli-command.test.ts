import { buildSync } from "esbuild";
import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { commands } from "../support/documents";

const ROOT = path.resolve(__dirname, "../..");
const SHOP = path.join(__dirname, "cli/shop.yaml");

const bundle = path.join(mkdtempSync(path.join(tmpdir(), "shopzier-command-")), "shopzier.cjs");

const shopzier = (
  args: readonly string[],
  input = "",
): Promise<{ exitCode?: number; stdout: string; stderr: string }> =>
  execa("node", [bundle, ...args], {
    cwd: ROOT,
    input,
    reject: false,
  });

describe("the command shopzier", function () {
  this.timeout("1m");
  const folder = path.dirname(bundle);
  before(() => {
    // As `npm run bundle` does it; from the sources, several processes take a minute.
    const entryPoints = [path.join(ROOT, "cli/shopzier.ts")];
    const external = ["@pulumi/*", "@kubernetes/client-node"];
    buildSync({ entryPoints, bundle: true, external, platform: "node", outfile: bundle, logLevel: "error" });
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const edited = readFileSync(SHOP, "utf8");

  it("ends with 0, with 2 for a risk that --fail-on names, and with 1 for what cannot be read", async () => {
    const risky = edited.replace("replicas: 1 # v2", "replicas: 0");
    const [same, quiet, high, broken, nothing] = await Promise.all([
      shopzier(["diff", SHOP, SHOP, "--fail-on", "low"]),
      shopzier(["diff", SHOP, "-"], risky),
      shopzier(["diff", SHOP, "-", "--fail-on", "high"], risky),
      shopzier(["diff", SHOP, "-"], "a: [\n"),
      shopzier(["diff"]),
    ]);
    assert.deepEqual(
      [same, quiet, high, broken, nothing].map(({ exitCode }) => exitCode),
      [0, 0, 2, 1, 1],
    );
    assert.match(broken.stderr, /^standard input, document 1 \(line \d+\): is not YAML/);
    assert.match(nothing.stderr, /^Nothing to compare\.\n {2}shopzier diff before\.yaml after\.yaml/);
    for (const { stderr } of [broken, nothing]) assert.doesNotMatch(stderr, /^ +at /m);
  });

  it("plans a shift by the command of the guide, which shows what it says", async () => {
    const guide = readFileSync(path.join(ROOT, "docs/evidence.md"), "utf8");
    copyFileSync(SHOP, path.join(folder, "shop.yaml"));
    const script = `npx() { shift; node ${bundle} "$@"; }\n${commands("docs/evidence.md", "## How long it takes")}`;
    const { stdout } = await execa("bash", ["-euc", script], { cwd: folder });
    assert.ok(guide.includes(`\`\`\`text\n${stdout}\n\`\`\``), stdout);
  });

  it("decides the requests of a file before and after, and writes where it is told", async () => {
    const requests = path.join(folder, "requests.jsonl");
    const lines = ["/old/1", "/old/2", "/new"].map((at) =>
      JSON.stringify({ method: "GET", url: `http://shop.example.com${at}` }),
    );
    writeFileSync(requests, `${lines.join("\n")}\nno request\n`);
    const output = path.join(folder, "report.html");
    const after = readFileSync(SHOP, "utf8").replace(
      "redirect: { uri: /new }",
      "directResponse: { status: 410 }",
    );
    const { stdout, stderr, exitCode } = await shopzier(
      ["diff", SHOP, "-", "--requests", requests, "--format", "html", "--output", output],
      after,
    );
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /410/);
    assert.match(stderr, /1 line without a request\n {2}line 4: /);
    assert.match(readFileSync(output, "utf8"), /2 of 3 are treated differently/);
  });

  it("finds mistakes in manifests", async () => {
    const file = path.join(folder, "shop.yaml");
    writeFileSync(file, readFileSync(SHOP, "utf8").replace("subset: v2", "subset: v3"));
    const { stdout, exitCode } = await shopzier(["lint", "--file", file, "--fail-on", "medium"]);
    assert.equal(exitCode, 2, stdout);
    assert.match(stdout, /VirtualService shop\/shop/);
  });
});
