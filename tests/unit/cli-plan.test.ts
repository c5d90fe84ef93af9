import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { planText } from "../../cli/commands/plan";
import { plannedShift, type ShiftOptions } from "../../cli/shift/plan";
import type { KubernetesObject } from "../../cli/side";

const SHOP = readFileSync(path.join(__dirname, "cli/shop.yaml"), "utf8");
const read = (manifests: string): KubernetesObject[] =>
  parseAllDocuments(manifests).map((document) => document.toJS() as KubernetesObject);
const plan = (options: Partial<ShiftOptions> = {}, manifests = SHOP): ReturnType<typeof plannedShift> =>
  plannedShift(read(manifests), { version: "v2", to: 100, rate: 200, ...options });

describe("the plan of a shift", () => {
  it("begins at the share that the version has", () => {
    const { from, baseline, steps } = plan();
    assert.deepEqual([from, baseline, steps.map(({ share }) => share)], [10, "v1", [25, 50, 100]]);
  });

  it("has no step that is larger than the stack allows", () => {
    const limited = SHOP.replace(
      "name: shop # routes",
      'name: shop\n  annotations: { shopzier-mesh/max-step: "20" }',
    );
    const shares = plan({}, limited).steps.map(({ share }) => share);
    assert.deepEqual(shares, [25, 45, 50, 70, 90, 100]);
  });

  it("says how many pods a step needs, so that none gets more than the busiest has", () => {
    // v1 has 90 % on 3 pods: 30 % each.
    assert.deepEqual(
      plan().steps.map(({ pods }) => pods),
      [1, 2, 4],
    );
    assert.match(planText(plan()), /50 % .* 2 pods \(has 1\)/);
  });

  it("takes longer at less traffic, until a step cannot be judged", () => {
    const [much, little] = [plan({ rate: 2000 }), plan({ rate: 20 })];
    assert.ok(much.expected * 50 < little.expected);
    assert.match(planText(plan({ rate: 0.1 })), /cannot be judged at this traffic/);
    assert.doesNotMatch(planText(much), /cannot be judged/);
  });

  it("refuses a version that nobody knows, one that has the share, and one of several VirtualServices", () => {
    assert.throws(() => plan({ version: "v9" }), /No rule sends requests to v9\. Allowed: v1, v2\./);
    assert.throws(() => plan({ to: 5 }), /v2 has 10 % already/);
    const second = SHOP.replace("name: shop # routes", "name: other").split("---")[0] ?? "";
    assert.throws(
      () => plan({}, `${SHOP}---\n${second}`),
      /v2 is in shop\/shop and shop\/other\. Name one: --virtual-service/,
    );
    assert.equal(
      plan({ virtualService: "shop/other" }, `${SHOP}---\n${second}`).virtualService,
      "shop/other",
    );
  });
});
