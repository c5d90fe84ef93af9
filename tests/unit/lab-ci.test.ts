import { execa } from "execa";
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

describe(".ci/run", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-ci-"));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  /** Runs it with a `make` that runs this instead of `make test`. */
  function run(test: string) {
    const make = `#!/bin/bash\nif [ $1 = down ]; then echo "The lab is down."; else ${test}; fi\n`;
    fs.writeFileSync(path.join(folder, "make"), make, { mode: 0o755 });
    return execa(path.resolve(__dirname, "../../.ci/run"), {
      env: { PATH: `${folder}:${process.env.PATH ?? ""}` },
      reject: false,
    });
  }

  it("ends with the summary of the tests and their exit code, and leaves no lab", async () => {
    const { exitCode, stdout } = await run(`echo "7 passed, 1 failed"; exit 2`);
    assert.equal(exitCode, 2);
    assert.equal(stdout, "7 passed, 1 failed\nThe lab is down.\n7 passed, 1 failed");
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const)
    it(`stops the tests and leaves no lab on ${signal}`, async () => {
      const killed = run(
        `trap 'sleep 0.2; echo ended; exit 1' TERM; echo started; while sleep 0.1; do :; done`,
      );
      await once(killed.stdout, "data");
      killed.kill(signal);
      const { exitCode, stdout } = await killed;
      assert.notEqual(exitCode, 0);
      assert.equal(stdout, "started\nended\nThe lab is down.");
    });
});
