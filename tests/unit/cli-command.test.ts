import { buildSync } from "esbuild";
import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { placeInRepository } from "../../cli/sources/git-ref";
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

describe("the folder of a program in its repository", () => {
  it("is part of the name of what is compared, unless it is the top", async () => {
    assert.equal(await placeInRepository(ROOT), "");
    assert.equal(await placeInRepository(path.join(ROOT, "cli", "diff")), "cli/diff/");
    assert.equal(await placeInRepository(tmpdir()), "");
  });
});

describe("the command shopzier", function () {
  this.timeout("1m");
  const folder = path.dirname(bundle);
  before(() => {
    // As `npm run bundle` does it; from the sources, several processes take a minute.
    const entryPoints = [path.join(ROOT, "cli/shopzier.ts")];
    const external = ["@pulumi/*"];
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

  it("refuses options for a side that is not given", async () => {
    const [context, install] = await Promise.all([
      shopzier(["diff", SHOP, SHOP, "--context", "prod"]),
      shopzier(["diff", SHOP, SHOP, "--install"]),
    ]);
    assert.deepEqual([context.exitCode, install.exitCode], [1, 1]);
    assert.match(context.stderr, /^--kubeconfig and --context name the cluster of --live/);
    assert.match(install.stderr, /^--install is for a git ref/);
  });

  for (const shell of ["bash", "zsh"]) {
    it(`completes commands, options and values: ${shell}`, async () => {
      const { stdout: script, exitCode } = await shopzier(["completion", shell]);
      assert.equal(exitCode, 0);
      const complete = async (...words: string[]): Promise<string[]> => {
        const line = words.map((word) => `'${word}'`).join(" ");
        // bash reads zsh's, too, but for the line that lets zsh do so.
        const read = `${script.replace(/^autoload.*$/m, "")}
COMP_WORDS=(shopzier ${line}); COMP_CWORD=${words.length}; _shopzier; printf '%s\\n' "\${COMPREPLY[@]}"`;
        return (await execa("bash", ["-c", read])).stdout.split("\n");
      };
      assert.deepEqual(await complete("di"), ["diff"]);
      assert.deepEqual(await complete("diff", "--fo"), ["--format"]);
      assert.deepEqual(await complete("diff", "--format", "m"), ["markdown"]);
      assert.deepEqual(await complete("completion", "z"), ["zsh"]);
    });
  }

  it("completes in fish, and says which shells there are", async () => {
    const fish = await shopzier(["completion", "fish"]);
    assert.match(fish.stdout, /^complete -c shopzier -n __fish_use_subcommand -f -a diff -d 'say what/m);
    assert.match(
      fish.stdout,
      /^complete -c shopzier -n '__fish_seen_subcommand_from diff' -l format .* -x -a 'text markdown json html'$/m,
    );
    const other = await shopzier(["completion", "csh"]);
    assert.equal(other.exitCode, 1);
    assert.match(other.stderr, /Allowed choices are bash, zsh, fish/);
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
