import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { looks, readerGone } from "../../cli/commands/watch";
import { SourceError } from "../../cli/sources/source-error";
import type { Observed } from "../../cli/watch/observed";
import type { WatchReport } from "../../cli/watch/model";
import type { Split } from "../../components/observability/route-split";

const split: Split = {
  ...{ namespace: "web", name: "shop", rule: "all", shares: { v1: 80, v2: 20 }, gateways: [] },
  service: { name: "shop", namespace: "web", port: 80, versions: ["v1", "v2"] },
  otherRequests: undefined,
};

/** A watch of which the second look fails. */
async function watched(fault: Error, once?: true): Promise<WatchReport[]> {
  const stop = new AbortController();
  let asked = 0;
  const observe = (): Promise<Observed> => {
    asked += 1;
    if (asked === (once ? 1 : 2)) return Promise.reject(fault);
    const counters = { reading: undefined, unclear: [] };
    return Promise.resolve({ at: "", configured: { v1: 70, v2: 30 }, gateways: [], counters });
  };
  const connection = { split, criteria: {}, history: () => Promise.resolve([]), observe };
  const reports: WatchReport[] = [];
  const options = { since: 1, every: 0.001, ...(once && { once }) };
  for await (const report of looks(connection, options, stop.signal)) {
    reports.push(report);
    if (reports.length === 3) stop.abort();
  }
  return reports;
}

describe("looks of shopzier watch", () => {
  const fault = new SourceError("The cluster does not answer: refused");

  it("go on after one that failed, which is said", async () => {
    const reports = await watched(fault);
    assert.deepEqual(
      reports.map(({ unclear }) => unclear),
      [[], [fault.message], []],
    );
    assert.equal(reports[1]?.versions[0]?.configured, 70);
    assert.equal(reports[1].versions[0].envoy, null);
  });

  it("end with --once, and after a fault of the program", async () => {
    await assert.rejects(watched(fault, true), fault);
    const other = new TypeError("x is not a function");
    await assert.rejects(watched(other), other);
  });

  it("end where the reader is gone, and with other errors of the output", () => {
    const [out, stop] = [new EventEmitter(), new AbortController()];
    const gone = readerGone(out, stop);
    assert.throws(() => out.emit("error", Object.assign(new Error("full"), { code: "ENOSPC" })), /full/);
    assert.deepEqual([gone(), stop.signal.aborted], [false, false]);
    out.emit("error", Object.assign(new Error("write"), { code: "EPIPE" }));
    assert.deepEqual([gone(), stop.signal.aborted], [true, true]);
  });
});
