import assert from "node:assert/strict";
import type { Report } from "../../cli/diff/report";
import { changedSince } from "../../cli/report/changed-since";

const APPROVED: Report = {
  title: "prod",
  sides: { before: "state", after: "program" },
  headline: "prod: v2 5 % → 20 %.",
  rules: [],
  settings: [{ object: "VirtualService a/a", field: "http[a].timeout", before: "1s", after: "2s" }],
  risks: [],
  objects: [{ operation: "update", object: "VirtualService a/a" }],
  notShown: [],
  digests: { before: "a", after: "b" },
};

describe("a report that was approved", () => {
  it("holds while both sides decide as they did", () => {
    const now = { ...APPROVED, sides: { before: "main", after: "5e6756d" }, headline: "other words" };
    assert.deepEqual(changedSince(APPROVED, now), []);
  });

  it("does not hold when the program makes other things, and says which", () => {
    const [setting] = APPROVED.settings;
    const now: Report = {
      ...APPROVED,
      settings: [{ ...setting, object: "VirtualService a/a", field: "http[a].timeout", after: "3s" }],
      digests: { before: "a", after: "c" },
    };
    assert.deepEqual(changedSince(APPROVED, now), [
      "What the program makes is no longer what was approved.",
      "  - VirtualService a/a http[a].timeout: 1s → 2s",
      "  + VirtualService a/a http[a].timeout: 1s → 3s",
    ]);
  });

  it("does not hold when the stack has moved, also if the changes are the same", () => {
    const moved = changedSince(APPROVED, { ...APPROVED, digests: { before: "x", after: "b" } });
    assert.match(moved.join("\n"), /^What the stack has is no longer[^]*\n {2}The changes are the same/);
  });

  it("does not hold when it is not whole, or that of now is not", () => {
    const broken = { ...APPROVED, error: "no engine" };
    assert.deepEqual(changedSince(broken, APPROVED), ["The approved report is not whole: no engine"]);
    assert.deepEqual(changedSince(APPROVED, broken), ["The report of now is not whole: no engine"]);
  });
});
