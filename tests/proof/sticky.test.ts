import { Client } from "../../lab/client";
import { baseline, stackFile, up } from "../../lab/harness";
import { assertNobodyMovesBack, COOKIE, stickyTraffic } from "../support/sticky-users";

describe("a sticky split over a whole shift", () => {
  it("keeps each of 1,000 users over five steps to all", async () => {
    await baseline();
    const client = await Client.open();
    try {
      await assertNobodyMovesBack(client, [5, 10, 25, 50, 100], async (share) => {
        stackFile((config) => {
          config["shopzier:traffic"] = stickyTraffic({ cookie: COOKIE }, share);
        });
        await up();
      });
    } finally {
      await client.close();
      await baseline();
    }
  });
});
