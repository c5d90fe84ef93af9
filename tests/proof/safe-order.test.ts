/** Edits of generated stack files through the prover: what proxies may see between the writes of one `pulumi up`. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { edits } from "../support/edits";
import { checkEdits } from "../support/proofs";

const EDITS = 500;

describe("proof: the order in which `pulumi up` writes", () => {
  it(`keeps every request of ${EDITS} edits, but for those that two edits keep`, async () => {
    const { seed = 0 } = fc.readConfigureGlobal();
    // A change of the port is no matter of order: Service, policies and pods cannot have two ports.
    const { unsaid, found } = await checkEdits(fc.sample(edits(["port"]), { numRuns: EDITS, seed }));
    assert.deepEqual(unsaid, []);
    assert.ok((found.overload ?? 0) > 0, JSON.stringify(found));
  });
});
