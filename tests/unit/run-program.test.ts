import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runProgram } from "../../components/testing";
import { ROOT } from "../support/program";

const INFRA = `
const pulumi = require("@pulumi/pulumi");
class Net extends pulumi.ComponentResource { constructor(name) { super("x:y:Net", name, {}); } }
exports.size = new pulumi.Config().require("size");
new Net("net-" + exports.size);
`;
const ENTRY = `
exports.size = require("./infra").size;
if (exports.size === "none") throw new Error("no size");
`;

describe("runProgram", () => {
  let folder: string;
  let entry: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-program-"));
    entry = path.join(folder, "index.js");
    writeFileSync(path.join(folder, "infra.js"), INFRA);
    writeFileSync(entry, ENTRY);
    symlinkSync(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const run = async (size: string, entryAlone = false, file = entry): Promise<readonly string[]> => {
    const { resources } = await runProgram(file, { config: { "project:size": size }, entryAlone });
    return resources.map(({ name }) => name);
  };

  it("loads the modules of the program anew in each run, also after one that failed", async () => {
    assert.deepEqual(await run("small"), ["net-small"]);
    assert.deepEqual(await run("large"), ["net-large"]);
    await assert.rejects(run("none"), /no size/);
    assert.deepEqual(await run("huge"), ["net-huge"]);
  });

  it("loads the entry alone where that is enough", async () => {
    await run("small");
    assert.deepEqual(await run("large", true), []);
  });

  it("takes a path relative to the working directory", async () => {
    assert.deepEqual(await run("small", false, path.relative(process.cwd(), entry)), ["net-small"]);
  });
});
