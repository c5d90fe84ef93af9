import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { endBackgroundBuild, startBackgroundBuild } from "../../lab/background";
import { folders } from "../../lab/folders";
import { lockHolder } from "../../lab/lock";

/** A build that has taken its lock and lasts a minute. */
const script = (name: string): string =>
  `require(${JSON.stringify(path.resolve(__dirname, "../../lab/lock"))}).takeLock("build", ${JSON.stringify(name)}).then(
    () => { console.log("builds"); setTimeout(() => {}, 60_000); },
    (error) => { console.log(error.message); process.exit(1); });`;

describe("the lab's build in the background", function () {
  this.timeout(30_000);
  const name = `shopzier-mesh-background-test-${process.pid}`;
  const command = [process.execPath, "-r", "ts-node/register/transpile-only", "-e", script(name)];
  const { logs } = folders;
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-background-"));
    Object.assign(folders, { logs: folder });
  });
  afterEach(async () => {
    await endBackgroundBuild(name);
    Object.assign(folders, { logs });
    fs.rmSync(folder, { recursive: true });
  });

  it("runs at low priority with a log, refuses a second, and is ended by whoever builds next", async () => {
    assert.equal(await endBackgroundBuild(name), false);
    await startBackgroundBuild(command, name);
    const pid = (await lockHolder(name)) ?? assert.fail("it holds no lock");
    assert.equal(os.getPriority(pid), 19);
    await startBackgroundBuild(command, name);
    assert.equal(await lockHolder(name), pid);
    assert.equal(await endBackgroundBuild(name), true);
    assert.equal(await lockHolder(name), undefined);
    assert.match(fs.readFileSync(path.join(folder, "background.log"), "utf8"), /^builds$/m);
  });

  it("is not waited for when it cannot start", async () => {
    await startBackgroundBuild(["false"], name);
    assert.equal(await endBackgroundBuild(name), false);
  });
});
