import assert from "node:assert/strict";
import { assertCount, Client, STRICT_DOUBT } from "../../lab/client";
import { baseline, editStackFile, stackFile, up } from "../../lab/harness";
import { all, ask, assertNobodyMovesBack, COOKIE, onV2, stickyTraffic, USERS } from "../support/sticky-users";

describe("a sticky split", function () {
  this.timeout("5m");
  let client: Client;
  before(async () => {
    await baseline((config) => {
      // A lone version is no split.
      delete config["shopzier:category"].versions.v2;
      config["shopzier:traffic"] = { weights: { v1: 100 }, sticky: { cookie: COOKIE } };
    });
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await baseline();
  });

  it("by a cookie of the gateway keeps each of 1,000 users: none moves back while the new version grows", async () => {
    assert.equal((await ask(client, {})).version, "v1");
    await assertNobodyMovesBack(client, [5, 50], async (share) => {
      stackFile((config) => {
        config["shopzier:traffic"] = stickyTraffic({ cookie: COOKIE }, share);
      });
      await up();
    });
  });

  it("by a header gives each user one version; who has none is split; a number of the client's own is ignored", async () => {
    stackFile((config) => {
      config["shopzier:traffic"] = stickyTraffic({ header: "X-User-Id" }, 30);
    });
    await up();
    const user = (id: number): Record<string, string> => ({ "x-user-id": `user-${id}` });
    const first = await all(USERS, (id) => ask(client, user(id)));
    assertCount("v2", onV2(first), USERS, 30, STRICT_DOUBT);
    const number = { "x-shopzier-mesh-sticky": "0" };
    assert.deepEqual(await all(200, (id) => ask(client, { ...user(id), ...number })), first.slice(0, 200));
    const others = await all(USERS, () => ask(client, number));
    assertCount("v2 without the header", onV2(others), USERS, 30, STRICT_DOUBT);
    assert.ok([...first, ...others].every(({ cookies }) => cookies.length === 0));
  });

  it("ends with the version that is taken out", async () => {
    editStackFile((config) => {
      delete config["shopzier:category"].versions.v2;
      config["shopzier:traffic"] = { weights: { v1: 100 }, sticky: { header: "X-User-Id" } };
    });
    await up();
    assert.equal((await ask(client, { "x-user-id": "user-1" })).version, "v1");
  });
});
