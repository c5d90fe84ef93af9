import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { measureSplit } from "../../lab/traffic";

describe("lab traffic", () => {
  it("is measured when every version answers", async () => {
    let requests = 0;
    const server = createServer((_, response) => {
      requests += 1;
      const version = requests % 5 === 0 ? "v2" : "v1";
      const status = version === "v2" && requests < 120 ? 503 : 200;
      response.writeHead(status, { "x-category-version": version }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const split = await measureSplit(`http://127.0.0.1:${port}`, "shop.test", 100);
      assert.deepEqual(Object.fromEntries(split), { v1: 80, v2: 20 });
    } finally {
      server.close();
    }
  });
});
