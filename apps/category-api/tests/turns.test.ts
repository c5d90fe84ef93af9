import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Turns } from "../src/turns";

describe("turns", () => {
  const refusal = () => new Error("refused");

  it("are taken by few at a time, in the order in which they were asked for, also after a failure", async () => {
    const turns = new Turns({ atOnce: 2, waiting: 10, patience: 10_000 }, refusal);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) =>
        turns.take(async () => {
          begun.push(i);
          running += 1;
          most = Math.max(most, running);
          await pause(1);
          running -= 1;
          if (i % 3 === 0) throw new Error("failed");
          return i;
        }),
      ),
    );
    assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(most, 2);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : undefined)),
      [undefined, 1, 2, undefined, 4, 5, undefined, 7],
    );
  });

  it("are refused to whoever finds too many waiting, or has waited for too long", async () => {
    const turns = new Turns({ atOnce: 1, waiting: 1, patience: 20 }, refusal);
    let end: () => void = () => undefined;
    const first = turns.take(() => new Promise<void>((resolve) => (end = resolve)));
    let late = false;
    const second = turns.take(() => Promise.resolve((late = true)));
    await assert.rejects(
      turns.take(() => Promise.resolve()),
      /refused/,
    );
    await assert.rejects(second, /refused/);
    end();
    await first;
    assert.equal(await turns.take(() => Promise.resolve("next")), "next");
    assert.equal(late, false);
  });
});
