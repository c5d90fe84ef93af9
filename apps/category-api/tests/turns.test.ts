import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Turns } from "../src/turns";

describe("turns", () => {
  const refusal = () => new Error("refused");

  it("are limited, and taken in order of arrival, also after a failure", async () => {
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

  it("are refused if too many calls wait, or after too long a wait", async () => {
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

  describe("of several clients", () => {
    /** Turns with one taken until `end`, and the clients that got the others. */
    function taken(limits: { waiting: number; waitingEach: number }) {
      const turns = new Turns({ atOnce: 1, patience: 10_000, ...limits }, refusal);
      const had: string[] = [];
      let end: () => void = () => undefined;
      void turns.take(() => new Promise<void>((resolve) => (end = resolve)), "first");
      const ask = (client: string) =>
        turns
          .take(() => Promise.resolve(had.push(client)), client)
          .then(
            () => "had",
            () => "refused",
          );
      return {
        had,
        ask,
        end: () => {
          end();
        },
      };
    }

    it("alternate, so that a client with many calls delays no other", async () => {
      const { ask, end, had } = taken({ waiting: 100, waitingEach: 10 });
      const guesses = Array.from({ length: 50 }, () => ask("attacker"));
      const owner = ask("owner");
      end();
      assert.equal(await owner, "had");
      assert.ok(had.indexOf("owner") <= 1, had.join());
      const outcomes = await Promise.all(guesses);
      assert.equal(outcomes.filter((outcome) => outcome === "had").length, 10);
    });

    it("are refused to the client with the most waiting calls if too many wait", async () => {
      const { ask, end } = taken({ waiting: 12, waitingEach: 10 });
      const guesses = ["a", "a", "a", "a", "a", "a", "b", "b", "b", "b", "b", "b"].map(ask);
      const owner = ask("owner");
      assert.equal(await ask("a"), "refused");
      end();
      assert.equal(await owner, "had");
      assert.equal((await Promise.all(guesses)).filter((outcome) => outcome === "had").length, 11);
    });

    it("are refused to another client if all have equally many waiting calls", async () => {
      const { ask, end } = taken({ waiting: 2, waitingEach: 2 });
      const waiting = [ask("a"), ask("b")];
      assert.equal(await ask("c"), "refused");
      end();
      assert.deepEqual(await Promise.all(waiting), ["had", "had"]);
    });
  });
});
