import { assertSplit, Client, countByVersion, failures, STRICT_DOUBT } from "../../lab/client";
import { baseline, editStackFile, pulumi, setConfig, up } from "../../lab/harness";
import assert from "node:assert/strict";

describe("traffic between versions", () => {
  let client: Client;
  before(async () => {
    await baseline();
    client = await Client.open();
  });
  after(() => client.close());

  it("is split 80/20 as the stack file says", async () => {
    assertSplit(await client.sample(2000), { v1: 80, v2: 20 }, STRICT_DOUBT);
  });

  it("is said by a preview, with the pods and the risks of an edit", async () => {
    editStackFile((config) => {
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 35 }, maxStep: 10 };
      const { versions } = config["shopzier:category"];
      versions.v2 = { ...versions.v2, image: "lab.internal/category-api:1.1.0", replicas: 2 };
    });
    const { exitCode, all } = await pulumi("preview", "--suppress-progress");
    assert.equal(exitCode, 0, all);
    for (const line of [
      "category: v1 80 → 65 %, v2 20 → 35 %",
      "warning: v2 rises by 15 points and maxStep allows 10: raise it in 2 steps, or set maxStep",
      "warning: v2 gets another image and more requests in one edit: change the image first, then the weight",
      "category v2: image lab.internal/category-api:1.0.0 → lab.internal/category-api:1.1.0",
      "category v2: replicas 1 → 2",
    ])
      assert.ok(all.includes(`\n    ${line}\n`), `${line}\n${all}`);
    await baseline();
  });

  it("shifts under 200 requests per second without losing one, and is split below one percent: 99.5/0.5", async () => {
    const load = client.load(200);
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
    const before = load.count();
    await setConfig("traffic.weights.v2", 0.5);
    await up();
    assertSplit(await client.sample(500), { v1: 99.5, v2: 0.5 });
    const answers = await load.stop();
    assert.ok(answers.length - before > 400, `the load ran during the shift: ${answers.length} requests`);
    assert.deepEqual(failures(answers), {});
    assert.deepEqual(Object.keys(countByVersion(answers)).sort(), ["v1", "v2"]);
    assertSplit(await client.sample(4000), { v1: 99.5, v2: 0.5 }, STRICT_DOUBT);
  });
});
