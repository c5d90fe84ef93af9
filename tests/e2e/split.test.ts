import { assertSplit, Client, countByVersion, failures, STRICT_DOUBT } from "../../lab/client";
import { baseline, setConfig, up } from "../../lab/harness";
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
