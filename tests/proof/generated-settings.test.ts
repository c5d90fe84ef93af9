import assert from "node:assert/strict";
import { describeGeneratedSettings } from "../support/generated-settings-on-lab";
import { BLOCKS, settingPaths, unwritten } from "../support/generated-settings";

describe("proof: generated settings", () => {
  it("have every setting that a stack file may have", () => {
    let missing = BLOCKS.flatMap(settingPaths);
    for (let round = 0; missing.length > 0 && round < 100; round++) missing = unwritten(missing, round);
    assert.deepEqual(missing, []);
  });
});

describeGeneratedSettings("proof: generated settings", 500, 32);
