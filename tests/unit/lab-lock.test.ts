import { execa } from "execa";
import assert from "node:assert/strict";
import { once } from "node:events";
import path from "node:path";

const take = `require(${JSON.stringify(path.resolve(__dirname, "../../lab/lock"))})
  .takeLock(process.argv[1], "shopzier-mesh-lock-test-${process.pid}").then(
    () => { console.log("taken"); setTimeout(() => {}, 60_000); },
    (error) => { console.log(error.message); process.exit(1); });`;

function owner(command: string) {
  return execa("node", ["-r", "ts-node/register/transpile-only", "-e", take, command], { reject: false });
}

describe("lab lock", function () {
  this.timeout(15_000);

  it("refuses a second owner with PID, command and folder of the first, and ends with its owner", async () => {
    const first = owner("up");
    await once(first.stdout, "data");
    const second = await owner("down");
    assert.equal(second.exitCode, 1);
    assert.match(
      second.stdout,
      new RegExp(`PID ${first.pid ?? ""} \\(lab up\\) in ${process.cwd()}, since 20`),
    );
    first.kill("SIGKILL");
    await first;

    const third = owner("up");
    const [printed] = (await once(third.stdout, "data")) as [Buffer];
    third.kill("SIGKILL");
    await third;
    assert.equal(printed.toString(), "taken\n");
  });
});
