import { execa } from "execa";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(__dirname, "../..");
interface Manifest {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
}
const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(path.join(ROOT, folder, "package.json"), "utf8")) as Manifest;

describe("the version of Node.js", () => {
  /** What a process of that version says on its way to the packages. */
  async function loadedBy(version: string): Promise<string> {
    const guard = JSON.stringify(path.join(ROOT, "lab", "node-version.cjs"));
    const { all, exitCode } = await execa(
      "node",
      ["-e", `Object.defineProperty(process, "version", { value: "${version}" }); require(${guard});`],
      { all: true, reject: false },
    );
    assert.equal(exitCode, all === "" ? 0 : 1);
    return all;
  }

  for (const version of ["v20.19.0", "v20.20.2", "v22.12.0", "v23.0.0", "v24.1.0"])
    it(`may be ${version}`, async () => {
      assert.equal(await loadedBy(version), "");
    });

  for (const version of ["v16.20.2", "v18.20.0", "v20.18.3", "v21.7.3", "v22.11.0"])
    it(`may not be ${version}, and says so plainly`, async () => {
      const said = await loadedBy(version);
      assert.match(
        said,
        new RegExp(`^Node\\.js ${version} cannot run this: install 22\\.12 or newer, or 20\\.19`),
      );
      assert.doesNotMatch(said, /\n/);
    });

  it("is looked at before all else by each script, which takes the place of its shell", () => {
    const { test, lab, docs, bench, "test:all": all } = manifest(".").scripts;
    // In the shell's place the script gets the signals that npm passes on.
    for (const script of [test, lab, docs, bench, all])
      assert.match(script ?? "", /^exec node -r \.\/lab\/node-version\.cjs -r ts-node/);
  });

  it("has the same range for npm", () => {
    for (const folder of [".", "components"])
      assert.equal(manifest(folder).engines.node, "^20.19 || >=22.12");
  });
});
