import assert from "node:assert/strict";
import { Killed, runOn, Site } from "../support/shift-world";

const BEFORE = { v1: "rest", v2: 10 } as const;
const shares = (v2: number) => ({ v1: 100 - v2, v2 });
const good = () => new Site(BEFORE, { rate: 100, bad: () => 0 });
const bad = (ratio = 0.05) =>
  new Site(BEFORE, { rate: 100, bad: (version) => (version === "v2" ? ratio : 0.001) });
const end = (site: Site) => {
  const last = site.told.at(-1);
  assert.ok(last?.event === "end");
  return last;
};
/** Ends of promises that are killed are no failures of the test. */
const killed = (error: unknown): void => {
  if (!(error instanceof Killed)) throw error;
};

describe("a shift", () => {
  it("goes its steps, each by the evidence of the one before, and arrives", async () => {
    const site = good();
    assert.equal(await runOn(site), "arrived");
    assert.deepEqual(site.history, [10, 25, 50, 100].map(shares));
    assert.deepEqual(site.file, { v1: "rest", v2: 100 });
    assert.deepEqual([site.mark?.before, site.mark?.ended], [BEFORE, "arrived"]);
    const counted = site.told.filter((one) => one.event === "counts");
    for (const share of [25, 50, 100]) {
      const last = counted.filter((one) => one.share === share).at(-1);
      assert.equal(last?.verdict, "good enough", String(share));
    }
  });

  it("goes back to the weights from before as soon as the version is worse, and stays there", async () => {
    const site = bad();
    assert.equal(await runOn(site), "went back");
    assert.deepEqual(site.history, [10, 25, 10].map(shares));
    assert.deepEqual([site.file, site.state], [BEFORE, shares(10)]);
    assert.ok(site.time < 60, String(site.time));
    const back = site.told.find((one) => one.event === "back");
    assert.match(
      back?.event === "back" ? back.why : "",
      /^v2 is worse than v1: \d+ of \d+ requests of v2 failed/,
    );
  });

  it("goes back from where the fault begins", async () => {
    const site = new Site(BEFORE, {
      rate: 100,
      bad: (version, share) => (version === "v2" && share >= 50 ? 0.05 : 0.001),
    });
    assert.equal(await runOn(site), "went back");
    assert.deepEqual(site.history, [10, 25, 50, 10].map(shares));
  });

  it("blames no version for what hits all, and holds", async () => {
    const site = new Site(BEFORE, { rate: 100, bad: () => 0.05 });
    assert.equal(await runOn(site), "held");
    assert.deepEqual(site.live, shares(25));
    assert.match(end(site).why, /^No decision within 10 min\. .*no version is blamed/);
  });

  it("holds without traffic, and says so", async () => {
    const site = new Site(BEFORE, { rate: 0, bad: () => 0 });
    assert.equal(await runOn(site), "held");
    assert.match(end(site).why, /no requests of it were counted/);
  });

  it("holds without Prometheus, and goes on if it comes back in time", async () => {
    const gone = good();
    gone.atPause = () => (gone.prometheus = false);
    assert.equal(await runOn(gone), "held");
    assert.match(end(gone).why, /Prometheus does not answer/);
    assert.equal(gone.told.filter((one) => one.event === "unclear").length, 1, "said once");

    const back = good();
    back.atPause = (count) => (back.prometheus = count < 2 || count > 60);
    assert.equal(await runOn(back), "arrived");
  });

  it("waits for pods before the next step, and holds where they do not come", async () => {
    const slow = good();
    slow.pods = { ready: 1, wanted: 4 };
    slow.atPause = (count) => (slow.pods = { ready: count > 20 ? 4 : 1, wanted: 4 });
    assert.equal(await runOn(slow), "arrived");
    assert.equal(slow.history.length, 4);

    const never = good();
    never.atPause = () => (never.pods = { ready: 1, wanted: 4 });
    assert.equal(await runOn(never), "held");
    assert.match(end(never).why, /v2 has 1 of 4 pods ready/);
  });

  for (const [wish, outcome, live] of [
    ["hold", "held", 25],
    ["back", "went back", 10],
  ] as const) {
    it(`that is asked to ${wish} has ${outcome}`, async () => {
      const site = good();
      site.atPause = () => (site.wish = wish);
      assert.equal(await runOn(site), outcome);
      assert.deepEqual([site.live, site.state], [shares(live), shares(live)]);
    });
  }

  it("stops where somebody edits the stack file or the route, and leaves both alone", async () => {
    const file = good();
    file.atPause = () => (file.file = { v1: 30, v2: 70 });
    assert.equal(await runOn(file), "held");
    assert.deepEqual([file.file, file.live], [{ v1: 30, v2: 70 }, shares(25)]);
    assert.match(end(file).why, /Somebody changed the weights in the stack file to v1 30, v2 70/);

    const route = good();
    route.atPause = () => {
      route.changedBy = '"kubectl-edit"';
      route.live = shares(1);
    };
    assert.equal(await runOn(route), "held");
    assert.deepEqual([route.file, route.live], [{ v1: "rest", v2: 25 }, shares(1)]);
    assert.match(end(route).why, /Somebody changed the route to v1 99, v2 1 \("kubectl-edit"\)/);
  });

  it("does not begin on an edit that nobody has applied", async () => {
    const site = good();
    site.file = { v1: "rest", v2: 40 };
    assert.equal(await runOn(site), "held");
    assert.deepEqual([site.live, site.mark, site.ups], [shares(10), undefined, []]);
    assert.match(end(site).why, /The stack file has v1 60, v2 40, the route v1 90, v2 10/);
  });

  it("puts the file back where up fails before it changes the route", async () => {
    const site = good();
    site.upFails = ({ v2 = 0 }) => (v2 === 50 ? { words: "the stack is locked", written: false } : undefined);
    assert.equal(await runOn(site), "held");
    assert.deepEqual([site.file, site.live], [{ v1: "rest", v2: 25 }, shares(25)]);
    assert.match(end(site).why, /The route was not changed: the stack is locked/);
  });

  it("puts the file back also where the first up fails", async () => {
    const site = good();
    site.upFails = () => ({ words: "the stack is locked", written: false });
    assert.equal(await runOn(site), "held");
    assert.deepEqual([site.file, site.live], [BEFORE, shares(10)]);
  });

  it("goes back where a gateway does not follow", async () => {
    const site = good();
    site.upFails = ({ v2 = 0 }) =>
      v2 === 50 ? { words: "shop-1 did not load it", written: true } : undefined;
    assert.equal(await runOn(site), "went back");
    assert.deepEqual([site.file, site.live], [BEFORE, shares(10)]);
  });

  it("says where the way back failed, and that the route is as before", async () => {
    const site = bad();
    site.upFails = ({ v2 = 0 }) => (v2 === 10 ? { words: "the stack is locked", written: false } : undefined);
    assert.equal(await runOn(site), "held");
    assert.deepEqual([site.file, site.live], [BEFORE, shares(10)]);
    assert.match(end(site).why, /has the weights from before .*but pulumi up failed: the stack is locked/);
  });

  describe("killed before any of its effects, and run again", () => {
    const effectsOf = async (site: () => Site): Promise<number> => {
      for (let killAt = 1; ; killAt++) {
        const one = site();
        try {
          await runOn(one, { killAt });
          return killAt - 1;
        } catch (error) {
          killed(error);
        }
      }
    };

    it("arrives, and takes no step without the evidence of this run or of the one before", async () => {
      const all = await effectsOf(good);
      assert.equal(all, 11);
      for (let killAt = 1; killAt <= all; killAt++) {
        const site = good();
        await runOn(site, { killAt }).catch(killed);
        site.pass(20);
        const at = site.told.length;
        assert.equal(await runOn(site), "arrived", `killed at ${killAt}`);
        assert.deepEqual([site.file.v2, site.state, site.live], [100, shares(100), shares(100)]);
        assert.deepEqual(site.mark?.before, BEFORE, `killed at ${killAt}`);
        const raised = site.history.map(({ v2 = 0 }) => v2);
        assert.deepEqual(
          raised,
          [...raised].sort((a, b) => a - b),
          `killed at ${killAt}`,
        );
        const steps = site.told.slice(at).filter((one) => one.event === "step" || one.event === "counts");
        steps.forEach((one, i) => {
          if (one.event !== "step" || i === 0) return;
          const last = steps[i - 1];
          if (last?.event === "counts") assert.equal(last.verdict, "good enough", `killed at ${killAt}`);
          // Only what was decided already, and the first step, need no counts.
          else assert.match(one.why, /had begun|Goes on|first step/);
        });
      }
    });

    it("ends at the weights from before with a bad version, each time", async () => {
      const all = await effectsOf(bad);
      assert.equal(all, 9);
      for (let killAt = 1; killAt <= all; killAt++) {
        const site = bad();
        await runOn(site, { killAt }).catch(killed);
        site.pass(20);
        assert.equal(await runOn(site), "went back", `killed at ${killAt}`);
        assert.deepEqual([site.file, site.state, site.live], [BEFORE, shares(10), shares(10)], `${killAt}`);
      }
    });

    it("leaves both as they are where somebody edited the file meanwhile", async () => {
      const site = good();
      await runOn(site, { killAt: 6 }).catch(killed);
      site.file = { v1: 13, v2: 87 };
      const { live } = site;
      const outcome = await runOn(site);
      assert.equal(outcome, "held");
      assert.deepEqual([site.file, site.live], [{ v1: 13, v2: 87 }, live]);
      assert.match(end(site).why, /The stack file has v1 13, v2 87/);
    });
  });
});
