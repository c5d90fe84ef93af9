import assert from "node:assert/strict";
import { connect } from "node:net";
import { request } from "undici";
import { baseline, LIST, outputs } from "../../lab/harness";

const HOST = "shop.lab.internal";
const NODE = "10.88.0.1";

describe("the gateway", () => {
  before(() => baseline());

  it("answers 404 for other hosts and for what is not the category API", async () => {
    const { gatewayUrl } = await outputs();
    const status = async (host: string, path_: string): Promise<number> => {
      const { statusCode, body } = await request(gatewayUrl + path_, { headers: { host } });
      await body.dump();
      return statusCode;
    };
    assert.equal(await status(HOST, LIST), 200);
    assert.equal(await status(HOST, `${LIST}/`), 200);
    assert.equal(await status(HOST, "/actuator/health/ping"), 200);
    for (const hidden of ["/actuator", "/actuator/env", "/actuator/health", "/api/v1/categories", "/"]) {
      assert.equal(await status(HOST, hidden), 404, hidden);
    }
    assert.equal(await status("other.example.com", LIST), 404);
  });

  it("serves clients that speak HTTP/1.0, offer an upgrade, or write the host in another allowed way", async () => {
    const usual = async (start: string, more = "", host = HOST): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: NODE, port: 30080, timeout: 10_000 });
        socket.write(`GET ${LIST} ${start}\r\nhost: ${host}\r\n${more}\r\n`);
        socket.once("data", (data) => {
          resolve(/^HTTP\/1\.\d (\d+)/.exec(String(data))?.[1] ?? "");
          socket.destroy();
        });
        socket.on("error", reject);
        socket.on("timeout", () => socket.destroy(new Error("no answer")));
      });
    const upgrade = (to: string): string => `connection: upgrade\r\nupgrade: ${to}\r\n`;
    assert.equal(await usual("HTTP/1.0"), "200");
    for (const offer of ["TLS/1.2", "TLS/1.2, HTTP/1.1", "h2c, TLS/1.3", "HTTP/2.0", "unknown", "websockets"])
      assert.equal(await usual("HTTP/1.1", upgrade(offer)), "200", offer);
    for (const host of [
      `${HOST}:443`,
      `${HOST}.`,
      `${HOST}.:443`,
      HOST.toUpperCase(),
      `${HOST.toUpperCase()}.`,
    ])
      assert.equal(await usual("HTTP/1.1", "", host), "200", host);
    for (const host of [`${HOST}..`, `x${HOST}.`])
      assert.equal(await usual("HTTP/1.1", "", host), "404", host);
  });
});
