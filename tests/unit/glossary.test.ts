import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.join(__dirname, "../..");
const GLOSSARY = "docs/glossary.md";
/** Written from the settings and by the lab: their words are those of the code. */
const GENERATED = ["docs/benchmarks.md", "docs/configuration.md", "docs/errors.md", "docs/proof.md"];

const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");
const markdown = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder))
    .filter((file) => file.endsWith(".md"))
    .map((file) => path.posix.join(folder, file));
const HAND_WRITTEN = [
  "README.md",
  "components/README.md",
  "apps/category-api/README.md",
  ...markdown("docs"),
  ...markdown("docs/decisions"),
].filter((file) => file !== GLOSSARY && !GENERATED.includes(file));

/** Cells of the table that stands first below `heading`, without its head. */
function table(heading: string): string[][] {
  const text = read(GLOSSARY);
  const start = text.indexOf(heading);
  assert.ok(start >= 0, heading);
  const rows = /(?:^\|.*\|\n)+/m.exec(text.slice(start))?.[0].trim().split("\n") ?? [];
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** The words, in any case and across a line break. */
const pattern = (words: string): RegExp => new RegExp(`\\b${words.split(" ").join("\\s+")}`, "i");

describe("docs/glossary.md", () => {
  const terms = table("# Glossary");

  it("gives each term once, in alphabetical order, with a meaning and a source", () => {
    const names = terms.map(([term = ""]) => term.toLowerCase());
    assert.ok(names.length >= 30);
    assert.deepEqual(names, [...new Set(names)].sort());
    for (const [term = "", meaning = "", source = ""] of terms) {
      assert.notEqual(meaning, "", term);
      assert.match(source, /^(ours|\[.+\]\(https:.+\))$/, term);
    }
  });

  it("has terms that the pages use", () => {
    const text = [...HAND_WRITTEN, ...GENERATED].map(read).join("\n");
    assert.deepEqual(
      terms.flatMap(([term = ""]) => (pattern(term).test(text) ? [] : [term])),
      [],
    );
  });

  it("names words that no page uses", () => {
    const banned = table("## Words that these pages do not use").flatMap(([not = ""]) => not.split(", "));
    const found = HAND_WRITTEN.flatMap((file) =>
      banned.flatMap((words) => (pattern(`${words}\\b`).test(read(file)) ? [`${file}: ${words}`] : [])),
    );
    assert.deepEqual(found, []);
  });
});
