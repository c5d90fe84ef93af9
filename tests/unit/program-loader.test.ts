import { execa } from "execa";
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(__dirname, "../..");
const LOADER = path.join(ROOT, "typescript.mjs");

describe("the loader of the program", () => {
  // The same in each run, so that the loader keeps one bundle for it.
  const folder = path.join(ROOT, "node_modules/.cache/loader-test");
  beforeEach(() => {
    mkdirSync(folder, { recursive: true });
    write("main.ts", 'import { value } from "./value";\nconsole.log(value satisfies string);');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, text: string): void => {
    writeFileSync(path.join(folder, name), text);
  };
  const printed = async (): Promise<string> =>
    (
      await execa("node", [
        "--import",
        LOADER,
        "-e",
        `require(${JSON.stringify(path.join(folder, "main.ts"))})`,
      ])
    ).stdout;

  it("loads what the files say now, also after an edit of one that is imported", async () => {
    for (const value of ["one", "one", "two"]) {
      write("value.ts", `export const value: string = "${value}";`);
      assert.equal(await printed(), value);
    }
  });

  it("takes a file that is imported from another place now", async () => {
    write("value.ts", 'export { value } from "./first";');
    write("first.ts", 'export const value = "first";');
    write("second.ts", 'export const value = "second";');
    assert.equal(await printed(), "first");
    write("value.ts", 'export { value } from "./second";');
    assert.equal(await printed(), "second");
  });
});
