import assert from "node:assert/strict";
import { failureWords } from "../../cli/sources/pulumi-up";

const GATE = `Updating (prod):
 ~  kubernetes:networking.istio.io/v1:VirtualService category-routes-route updating (0s)
Diagnostics:
  kubernetes:networking.istio.io/v1:VirtualService (category-routes-route):
    error: before hook "category-routes-route-gate" failed: The gate refuses more requests:
      - v2 rises from 20 to 40 %: nothing was counted of it

    The route was not changed.
  pulumi:pulumi:Stack (shop-prod):
    error: update failed
    warning: something else

Resources:
    3 unchanged
`;

describe("pulumi up that fails", () => {
  it("gives the lines after an error, as those with the reasons of the gate", () => {
    assert.equal(
      failureWords(GATE, 255),
      'before hook "category-routes-route-gate" failed: The gate refuses more requests:\n' +
        "  - v2 rises from 20 to 40 %: nothing was counted of it\n" +
        "The route was not changed.",
    );
  });

  it("gives each error once, and ends it at the next mark of Pulumi", () => {
    const block = "    error: a\n      why\n    warning: b\n  x:y:Z (name):\n";
    assert.equal(
      failureWords(`${block}${block}    error: c\nResources:\n    1 unchanged\n`, 1),
      "a\n  why\nc",
    );
  });

  it("gives no more than 40 lines of an error", () => {
    assert.equal(failureWords(`error: a\n${"b\n".repeat(100)}`, 1).split("\n").length, 40);
  });
});
