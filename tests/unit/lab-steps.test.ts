import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { runSteps } from "../../lab/steps";

describe("lab steps", () => {
  it("say without a terminal what still goes on, and nothing after their end", async () => {
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => lines.push(line.replace(/[\d.]+ s$/, "… s"));
    try {
      const run = async (report: (text: string) => void): Promise<void> => {
        report("building istiod");
        while (!lines.some((line) => line.includes("still"))) await delay(5);
      };
      await runSteps([{ name: "programs", run }], 10);
      const count = lines.length;
      await delay(30);
      assert.equal(lines.length, count);
    } finally {
      console.log = log;
    }
    assert.deepEqual(
      [...new Set(lines)],
      [
        "step 1 of 1, programs",
        "step 1 of 1, programs: building istiod, … s",
        "step 1 of 1, programs: building istiod, still at it, … s",
        "step 1 of 1, programs, done, … s",
      ],
    );
  });
});
