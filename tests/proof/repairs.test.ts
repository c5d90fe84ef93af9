import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import assert from "node:assert/strict";
import { printedRepairs, tryRepair } from "../support/repairs";

describe("proof: the repairs that are printed", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "repairs-"));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("repair a real file, and leave the rest of it alone, by the CLI: every command of docs/errors.md", async () => {
    const repairs = printedRepairs();
    const queue = repairs.values();
    const failed: string[] = [];
    // Two at a time: a command waits for nothing but itself.
    const lane = async (name: string): Promise<void> => {
      for (const repair of queue) {
        await tryRepair(repair, path.join(folder, `Pulumi.${name}.yaml`)).catch((error: unknown) => {
          failed.push(String(error));
        });
      }
    };
    await Promise.all(["a", "b"].map(lane));
    assert.deepEqual(failed, []);
    assert.ok(repairs.length > 300, `${repairs.length} commands`);
  });
});
