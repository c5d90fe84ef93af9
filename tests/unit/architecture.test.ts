import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

const PROJECT = path.join(__dirname, "../..");
const read = (file: string): string => readFileSync(path.join(PROJECT, file), "utf8");
const tracked = (...folders: string[]): string[] =>
  execFileSync("git", ["ls-files", ...folders], { cwd: PROJECT, encoding: "utf8" })
    .split("\n")
    .filter((file) => file.endsWith(".ts") && existsSync(path.join(PROJECT, file)));

/** Rows `| text | file | name |` of a section of docs/architecture.md. */
function rows(section: string): { readonly file: string; readonly name: string }[] {
  const [, text = ""] =
    new RegExp(`^## ${section}$([^]*?)(?=^## )`, "m").exec(read("docs/architecture.md")) ?? [];
  return [...text.matchAll(/^\|.*\| `([^`]+)` *\| `([^`]+)` *\|$/gm)].map(([, file = "", name = ""]) => ({
    file,
    name,
  }));
}

describe("docs/architecture.md", () => {
  for (const [section, least] of [
    ["From a number in a stack file to Envoy", 14],
    ["To change X, open Y", 15],
  ] as const) {
    it(`names files that exist, and names that they have: ${section}`, () => {
      const found = rows(section);
      assert.ok(found.length >= least, String(found.length));
      for (const { file, name } of found) assert.ok(read(file).includes(name), `${file}: ${name}`);
    });
  }
});

describe("files", () => {
  it("of the program and of the package have no twins by name", () => {
    const names = tracked("stacks").map((file) => path.basename(file));
    const others = tracked("components").map((file) => path.basename(file));
    assert.equal(new Set(names).size, names.length, "in stacks/");

    assert.deepEqual(
      names.filter((name) => others.includes(name)),
      [],
    );
  });

  it("of the program, of the package and of the benchmarks have at most 300 lines", () => {
    // A simulator is read along Envoy's own steps, from top to bottom.
    const files = tracked("stacks", "docs", "components", "bench").filter(
      (file) => file !== "components/simulator/simulator.ts",
    );
    for (const file of files) assert.ok(read(file).split("\n").length <= 301, file);
  });
});
