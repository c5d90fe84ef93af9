import assert from "node:assert/strict";
import fs from "node:fs";
import { describe as describeError, Fault } from "../../lab/fault";

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

describe("lab faults", () => {
  it("have advice about a full disk, and no stack trace", () => {
    const full = thrownBy(() => {
      fs.writeFileSync("/dev/full", "x");
    });
    assert.equal(
      describeError(full),
      "ENOSPC: no space left on device, write\nA disk is full: free some space and repeat the command.",
    );
  });

  it("are printed as their message; other errors with their stack trace", () => {
    assert.equal(describeError(new Fault("what to do")), "what to do");
    assert.match(describeError(new Error("a bug")), /^Error: a bug\n +at /);
  });
});
