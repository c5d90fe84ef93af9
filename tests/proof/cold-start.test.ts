import assert from "node:assert/strict";
import { baseline, pulumi, stackFile } from "../../lab/harness";

/** As many as are promised; a round takes a minute. tests/e2e/lifecycle.test.ts has one. */
const ROUNDS = 10;

describe(`proof: ${ROUNDS} installations from nothing`, () => {
  before(() => {
    stackFile();
  });
  after(() => baseline());

  for (let round = 1; round <= ROUNDS; round++) {
    it(`number ${round}: no webhook fails`, async () => {
      const gone = await pulumi("destroy", "--yes", "--skip-preview");
      assert.equal(gone.exitCode, 0, gone.all);
      const installed = await pulumi("up", "--yes", "--skip-preview");
      assert.equal(installed.exitCode, 0, installed.all);
      assert.doesNotMatch(installed.all, /failed calling webhook/);
    });
  }
});
