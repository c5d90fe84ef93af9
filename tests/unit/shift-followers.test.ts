import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { ShiftEvent } from "../../cli/shift/events";
import { jsonFollower, plainFollower, terminalFollower, webhookFollower } from "../../cli/shift/follow";

const EVENT: ShiftEvent = { at: "2026-11-30T12:00:00.000Z", event: "waits", words: "for a lock" };
const END: ShiftEvent = {
  ...{ at: "2026-11-30T12:00:00.000Z", event: "end", outcome: "held", share: 1, shares: {}, why: "" },
};

describe("a follower of a shift", () => {
  for (const [name, follower] of Object.entries({ jsonFollower, plainFollower, terminalFollower })) {
    it(`whose reader is gone ends nothing: ${name}`, async () => {
      let writes = 0;
      const out = new Writable({
        write: (_text, _encoding, done) => {
          writes += 1;
          done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
        },
      });
      const following = follower(out);
      void following.tell(EVENT);
      await setImmediate();
      void following.tell(EVENT);
      await setImmediate();
      assert.equal(writes, 1);
    });
  }
});

describe("a webhook", () => {
  it("gets a user and a password of its URL as a header", async () => {
    const got: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      got.push(request.headers);
      response.statusCode = 204;
      response.end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const failed: string[] = [];
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await webhookFollower(`http://user:s3%40cret@${address}/`, (words) => void failed.push(words)).tell(END);
    server.closeAllConnections();
    server.close();
    assert.equal(failed.join(), "");
    assert.equal(got[0]?.authorization, `Basic ${Buffer.from("user:s3@cret").toString("base64")}`);
    await webhookFollower(`http://user:s3cret@${address}/`, (words) => void failed.push(words)).tell(END);
    assert.equal(failed.length, 1);
    assert.doesNotMatch(failed[0] ?? "", /s3cret/);
  });

  it("has a URL, which may be a secret", () => {
    assert.throws(
      () => webhookFollower("hooks.example.com/s3cret", () => undefined),
      ({ message }: Error) =>
        /^--webhook: found no URL\n {2}allowed: /.test(message) && !message.includes("s3cret"),
    );
  });
});
