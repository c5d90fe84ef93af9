import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { BuildProgress } from "../../lab/build-progress";
import { type Report, runSteps } from "../../lab/steps";

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

  it("say of what is built how long so far, and how long it took when it was measured", async () => {
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => lines.push(line);
    try {
      const run = async (report: Report): Promise<void> => {
        const progress = new BuildProgress(3, report);
        progress.begin("kubectl");
        progress.begin("unknown");
        while (!lines.some((line) => line.includes("still"))) await delay(5);
        progress.end("kubectl");
      };
      await runSteps([{ name: "programs", run }], 1100);
    } finally {
      console.log = log;
    }
    const kubectl = /building kubectl, (\d) s so far \(measured: \d+ s on \d+ cores\)/;
    assert.equal(kubectl.exec(lines[1] ?? "")?.[1], "0");
    const still = lines.find((line) => line.includes("still at it")) ?? "";
    assert.equal(kubectl.exec(still)?.[1], "1");
    assert.match(still, / and unknown, 1 s so far; 1 more to build, still at it, /);
    assert.match(lines.join("\n"), /built kubectl in 1 s/);
  });

  it("say of work beside the builds what it does, as long as it does it", async () => {
    const texts: string[] = [];
    const progress = new BuildProgress(2, (text) => texts.push(typeof text === "string" ? text : text()));
    await progress.beside("envoy", (say) => {
      say("downloading envoy");
      progress.begin("kubectl");
      return Promise.resolve();
    });
    progress.begin("pulumi");
    assert.deepEqual(
      texts.map((text) => text.replaceAll(/, 0 s so far \(.*?\)/g, "")),
      [
        "downloading envoy; 2 more to build",
        "building kubectl; downloading envoy; 1 more to build",
        "building kubectl and pulumi; 0 more to build",
      ],
    );
  });
});
