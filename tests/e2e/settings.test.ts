import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { parseSettings, SettingsError, type Problem } from "../../stacks/settings";
import { stackFileConfig, wrongStackFile, WRONG_SETTINGS } from "../unit/wrong-settings";
import { editStackFile, must, pulumi, stackFile, tool } from "./lab";

describe("a wrong stack file", () => {
  before(() => {
    stackFile();
  });

  for (const command of [["preview"], ["up", "--yes", "--skip-preview"]]) {
    it(`ends \`pulumi ${command.join(" ")}\` with every problem, without a stack trace, and changes nothing`, async () => {
      // In clear, since each export encrypts anew; and without the time at which the state was written.
      const state = async () => {
        const exported = await must("pulumi", "stack", "export", "--show-secrets", "--stack", "lab");
        return (JSON.parse(exported) as { deployment: { resources: unknown } }).deployment.resources;
      };
      const before = await state();
      editStackFile((config) => {
        config["shopzier:traffic"] = { weights: { v1: 80, v2: 19 } };
        config["shopzier:loadBalancer"] = "LEAST_CONN";
        config["shopzier:categroy"] = {};
      });
      const result = await pulumi(...command);
      assert.notEqual(result.exitCode, 0, result.all);
      assert.match(result.all, /has 3 problems/);
      assert.match(result.all, /shopzier:traffic\.weights\n\s+found: +weights that sum to 99/);
      assert.match(result.all, /pulumi config set --stack lab --path 'shopzier:traffic\.weights\.v2' 20/);
      assert.match(result.all, /LEAST_REQUEST/);
      assert.match(result.all, /did you mean category\?/);
      assert.doesNotMatch(result.all, /\n\s+at .*\(.*:\d+:\d+\)/, "a stack trace");
      assert.doesNotMatch(result.all, /from \$PATH/, "a warning that hides others");
      assert.deepEqual(await state(), before);
    });
  }

  it("that holds a secret is refused without showing it", async () => {
    stackFile();
    const key = "shopzier:category.versions.v1.env.TOKEN";
    const set = await pulumi("config", "set", "--secret", "--path", key, "hunter2-in-clear");
    assert.equal(set.exitCode, 0, set.all);
    const result = await pulumi("preview");
    assert.notEqual(result.exitCode, 0, result.all);
    assert.match(result.all, /shopzier:category: found a secret value/);
    assert.doesNotMatch(result.all, /hunter2-in-clear/);
  });
});

describe("the repairs that are printed", function () {
  this.timeout("3m");

  const folder = mkdtempSync(path.join(tmpdir(), "repairs-"));
  const file = path.join(folder, "Pulumi.lab.yaml");
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const problems = (): readonly Problem[] => {
    try {
      parseSettings(stackFileConfig(readFileSync(file, "utf8")), "lab");
      return [];
    } catch (error) {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    }
  };
  /** What the CLI makes of a repair depends on the verb, the syntax of its path and the kind of its value. */
  const kind = (repair: string): string =>
    repair
      .replaceAll(/[a-z]+/gi, (word) => (["set", "rm", "path"].includes(word) ? word : "a"))
      .replaceAll(/(a[-.]?)+/g, "a")
      .replaceAll(/\d+/g, "1");
  const commands = (repairs: readonly string[]): readonly string[] =>
    repairs.filter((repair) => repair.includes("pulumi config"));

  it("repair a real file, and leave the rest of it alone, by the CLI", async () => {
    const tried = new Set<string>();
    for (const entry of WRONG_SETTINGS.flatMap(({ entries }) => entries)) {
      const written = stringify(wrongStackFile(entry));
      writeFileSync(file, written);
      const found = problems();
      const repair = commands(found[0]?.repairs ?? [])[0];
      if (found.length !== 1 || repair === undefined || tried.has(kind(repair))) continue;
      tried.add(kind(repair));
      const words = shellWords(repair.replace(/^for example: pulumi |^pulumi /, ""));
      const result = await tool("pulumi", ...words, "--config-file", file);
      assert.equal(result.exitCode, 0, `${repair}: ${result.all}`);
      const left = problems().map((problem) => problem.path);
      assert.ok(!left.includes(found[0]?.path ?? ""), `${entry.title}: ${repair}`);
      const at = (words[words.length - (words[1] === "set" ? 2 : 1)] ?? "").replace("shopzier:", "");
      const key = words.includes("--path") ? /^[\w-]+/.exec(at)?.[0] : at;
      // As Pulumi gives them to a program: the CLI writes a scalar at the top as text.
      const others = (text: string) => ({ ...stackFileConfig(text), [key ?? at]: undefined });
      assert.deepEqual(others(readFileSync(file, "utf8")), others(written), entry.title);
    }
    assert.ok(tried.size >= 8, [...tried].join("\n"));
  });
});

/** The words of a command line as a POSIX shell reads them: quotes are single ones. */
const shellWords = (command: string): string[] =>
  [...command.matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|\\(')/g, "$1$2"),
  );
