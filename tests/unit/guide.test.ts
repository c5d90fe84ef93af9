import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseSettings } from "../../stacks/config/settings";
import { wrongConfig } from "../../docs/wrong-settings";
import { sections } from "../../docs/site/pages";

const MARK = "<!-- not run here -->";

describe("the guides", () => {
  for (const [file, count] of [
    ["traffic.md", 5],
    ["shared-cluster.md", 1],
    ["upgrading.md", 2],
    ["watch.md", 2],
  ] as const) {
    it(`show valid settings: docs/${file}`, () => {
      const guide = readFileSync(path.join(__dirname, "../../docs", file), "utf8");
      const blocks = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = ""]) => block);
      assert.ok(blocks.length >= count);
      for (const config of blocks.filter((block) => block.startsWith("shopzier:"))) {
        parseSettings(wrongConfig({ title: "", config, report: "" }), "dev");
      }
    });
  }
});

describe("a command of a document", () => {
  it(`is run by a test, which takes it by commands(), or stands below ${MARK}`, () => {
    const tests = globSync("tests/**/*.test.ts", { cwd: path.join(__dirname, "../..") })
      .map((file) => readFileSync(path.join(__dirname, "../..", file), "utf8"))
      .join("\n");
    const taken = [...tests.matchAll(/\bcommands\(\s*"([^"]*)",\s*"([^"]*)"/g)].map((call) =>
      call.slice(1).join(" "),
    );
    const run = new Set<string>();
    const wrong = sections()
      .flatMap(({ pages }) => pages)
      .flatMap(({ file, text }) =>
        [...text.matchAll(/^ *```(?:sh|bash|console)$/gm)].flatMap(({ index }) => {
          const before = `\n${text.slice(0, index)}`;
          const heading = before.match(/^#+ .*$/gm)?.at(-1) ?? "";
          const first = !before.slice(before.lastIndexOf(`\n${heading}\n`)).includes("```sh\n");
          const isRun = first && taken.includes(`${file} ${heading}`);
          if (isRun) run.add(`${file} ${heading}`);
          return isRun === before.trimEnd().endsWith(MARK) ? [`${file}, ${heading}`] : [];
        }),
      );
    assert.deepEqual(wrong, []);
    assert.deepEqual(run, new Set(taken));
  });
});
