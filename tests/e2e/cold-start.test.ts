import assert from "node:assert/strict";
import { baseline, pulumi, stackFile } from "./lab";

describe("ten installations from nothing", () => {
  before(() => {
    stackFile();
  });
  after(() => baseline());

  for (let round = 1; round <= 10; round++) {
    it(`number ${round}: no webhook fails`, async () => {
      const gone = await pulumi("destroy", "--yes", "--skip-preview");
      assert.equal(gone.exitCode, 0, gone.all);
      const installed = await pulumi("up", "--yes", "--skip-preview");
      assert.equal(installed.exitCode, 0, installed.all);
      assert.doesNotMatch(installed.all, /failed calling webhook/);
    });
  }
});
