import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { commitFollower } from "../../cli/shift/commit-steps";
import type { CountsEvent, ShiftEvent } from "../../cli/shift/events";
import { plainFollower, terminalFollower, webhookFollower } from "../../cli/shift/follow";
import { shiftHtml, shiftMarkdown } from "../../cli/shift/shift-report";
import { Wishes } from "../../cli/shift/wish";
import {
  appliedByPulumi,
  lastWriter,
  liveShares,
  type VirtualServiceObject,
} from "../../cli/shift/written-route";
import { failureWords, lockWords } from "../../cli/sources/pulumi-up";

const to = (subset: string, weight: number) => ({ destination: { host: "shop", subset }, weight });
const split = [to("v1", 80), to("v2", 20)];
const WRITERS: VirtualServiceObject["metadata"]["managedFields"] = [
  {
    manager: "pulumi-kubernetes-1a2b",
    operation: "Apply",
    time: "2026-11-30T12:00:00Z",
    fieldsV1: {
      "f:metadata": { "f:annotations": { "f:shopzier-mesh/owner": {} } },
      "f:spec": { "f:http": {} },
    },
  },
  {
    manager: "shopzier",
    operation: "Apply",
    time: "2026-11-30T13:00:00Z",
    fieldsV1: { "f:metadata": {} },
  },
];
const OBJECT = {
  metadata: {
    name: "shop",
    namespace: "shop",
    annotations: { "shopzier-mesh/owner": "organization urn", "shopzier-mesh/shift": "{}", other: "x" },
    managedFields: WRITERS,
  },
  spec: {
    hosts: ["shop.example.com"],
    http: [
      { name: "beta", route: [to("v2", 100)] },
      { name: "a", route: split },
      { name: "b", route: split },
    ],
  },
};

describe("the route in the cluster", () => {
  it("has shares by its last split, and a last writer of its rules", () => {
    assert.deepEqual(liveShares(OBJECT, "v2"), { v1: 80, v2: 20 });
    assert.deepEqual(liveShares(OBJECT, "v3"), {});
    assert.equal(lastWriter(OBJECT), '"pulumi-kubernetes-1a2b" at 2026-11-30T12:00:00Z');
  });

  it("is set as Pulumi would: all that its field manager owns and nothing else, in every rule of the split", () => {
    const route = [to("v1", 9250), to("v2", 750)];
    assert.deepEqual(appliedByPulumi(OBJECT, "v2", { v1: 92.5, v2: 7.5 }), {
      manager: "pulumi-kubernetes-1a2b",
      object: {
        apiVersion: "networking.istio.io/v1",
        kind: "VirtualService",
        metadata: {
          name: "shop",
          namespace: "shop",
          annotations: { "shopzier-mesh/owner": "organization urn" },
          labels: {},
        },
        spec: {
          hosts: ["shop.example.com"],
          http: [
            { name: "beta", route: [to("v2", 100)] },
            { name: "a", route },
            { name: "b", route },
          ],
        },
      },
    });
  });

  it("is not set where Pulumi does not apply it, or a version has no place in it", () => {
    const metadata = { ...OBJECT.metadata, managedFields: [] };
    assert.equal(appliedByPulumi({ ...OBJECT, metadata }, "v2", { v1: 90, v2: 10 }), undefined);
    assert.equal(appliedByPulumi(OBJECT, "v2", { v1: 80, v2: 10, v3: 10 }), undefined);
  });
});

describe("a pulumi up that fails", () => {
  it("for a lock is said in words", () => {
    const output =
      "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n" +
      "  file:///state/.pulumi/locks/organization/shop/lab/1.json: created by root@builder (pid 4711) at 2026-11-30T12:00:00Z\n";
    const words = lockWords(output, "lab") ?? "";
    assert.match(
      words,
      /^Another update of stack lab holds its lock \(by root@builder \(pid 4711\), since 2026/,
    );
    assert.match(words, /pulumi cancel --yes --stack lab$/);
    assert.equal(lockWords("error: update failed", "lab"), undefined);
  });

  it("for another reason gives its errors, each once", () => {
    const output = "  error: update failed\n  error: shop-1 did not load it\nerror: shop-1 did not load it\n";
    assert.equal(failureWords(output, 255), "shop-1 did not load it");
    assert.equal(failureWords("panic: no disk\n", 2), "panic: no disk");
    assert.equal(failureWords("", 137), "it ended with 137");
  });
});

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 30, 12, 0, seconds)).toISOString();
const counts = (seconds: number, bad: number): CountsEvent => ({
  ...{ event: "counts", at: at(seconds), version: "v2", baseline: "v1", share: 25 },
  shares: { v1: 75, v2: 25 },
  criteria: {
    errors: {
      candidate: { bad, of: seconds * 25 },
      baseline: { bad: 1, of: seconds * 75 },
      seconds,
      worse: { evidence: 2 + bad, needed: 200 },
      good: { evidence: 1, needed: 100 },
    },
  },
  verdict: "inconclusive",
  words: `v2 is not decided: ${bad} <bad>.`,
  left: 30,
});
const EVENTS: ShiftEvent[] = [
  {
    ...{ event: "begin", at: at(0), version: "v2", baseline: "v1", from: 10, to: 100, steps: [25, 50, 100] },
    before: { v1: "rest", v2: 10 },
    resumed: false,
  },
  { event: "step", at: at(0), weights: { v1: "rest", v2: 25 }, share: 25, why: "The first step." },
  { event: "up", at: at(6), share: 25, seconds: 5.5, ok: true, words: "" },
  counts(10, 1),
  counts(12, 3),
  { event: "back", at: at(13), weights: { v1: "rest", v2: 10 }, share: 10, why: "v2 is worse." },
  { event: "up", at: at(18), share: 10, seconds: 5, ok: true, words: "" },
  {
    event: "end",
    at: at(18),
    outcome: "went back",
    share: 10,
    shares: { v1: 90, v2: 10 },
    why: "v1 90, v2 10",
  },
];

describe("the report of a shift", () => {
  it("as Markdown has the outcome, the bad answers and what happened, with the last counts of a step", () => {
    assert.equal(
      shiftMarkdown(EVENTS),
      `## v2 went back to 10 %

- errors: 3 bad of 300 requests of v2

| after | what |
| --- | --- |
| 0 s | v2 to 100 %, beside v1: 10 % → 25 % → 50 % → 100 %. The way back leads to v1 90, v2 10. |
| 0 s | v1 75, v2 25. The first step. |
| 6 s | Every gateway has it (pulumi up: 6 s). |
| 12 s | v2 is not decided: 3 <bad>. |
| 13 s | Back to v1 90, v2 10. v2 is worse. |
| 18 s | Every gateway has it (pulumi up: 5 s). |
| 18 s | Went back: v1 90, v2 10 |
`,
    );
  });

  it("as a page has plots over time, and nothing from elsewhere", () => {
    const page = shiftHtml(EVENTS);
    assert.deepEqual(
      [...page.matchAll(/<svg [^>]*aria-label="([^"]+)"/g)].map(([, label]) => label),
      ["Share of v2", "Bad requests in the step: errors", "Evidence: errors, 100 % is a verdict"],
    );
    // From 10 percent to 25 after 6 of 18 seconds, and back at the end.
    assert.match(
      page,
      /points="45\.0,116\.0 278\.3,116\.0 278\.3,98\.0 745\.0,98\.0 745\.0,116\.0 745\.0,116\.0"/,
    );
    assert.match(page, /3 &lt;bad&gt;/);
    assert.doesNotMatch(page, /<script|src=|href=|url\(|NaN|Infinity/);
  });
});

describe("who follows a shift", () => {
  const written = (): { text: string; write: (text: string) => void } => {
    const out = { text: "", write: (text: string) => void (out.text += text) };
    return out;
  };

  it("gets lines without a terminal, counts no more often than twice a minute", () => {
    const out = written();
    const follower = plainFollower(out);
    for (const event of [...EVENTS.slice(0, 5), counts(59, 3)]) void follower.tell(event);
    const lines = out.text.trimEnd().split("\n");
    assert.equal(lines.filter((line) => line.includes("not decided")).length, 2);
    assert.equal(lines[1], "12:00:00  v1 75, v2 25. The first step.");
  });

  it("sees a table that is drawn anew on a terminal", () => {
    const out = written();
    const follower = terminalFollower(out);
    for (const event of EVENTS.slice(0, 6)) void follower.tell(event);
    assert.match(out.text, /v2 {2}25 % {3}25 % {6}250 {7}0\.4 %\nv1 {2}75 % {3}75 % {6}750 {7}0\.13 %/);
    assert.match(out.text, /Time left in this step: about 30 s\./);
    assert.equal(out.text.split("\x1b[7A\x1b[J").length, 3, "cleared before each new text");
  });

  it("by webhook gets each event but the counts, in order; one that fails is said", async () => {
    const got: string[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        got.push((JSON.parse(body) as ShiftEvent).event);
        response.statusCode = got.length === 2 ? 500 : 204;
        response.end();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const failed: string[] = [];
    const follower = webhookFollower(url, (words) => failed.push(words));
    for (const event of EVENTS) await follower.tell(event);
    assert.deepEqual(got, ["begin", "step", "up", "back", "up", "end"]);
    assert.deepEqual(failed, ["The webhook answered 500 to step."]);
    server.closeAllConnections();
    server.close();
    await once(server, "close");
    const gone = webhookFollower(url, (words) => failed.push(words));
    for (const event of EVENTS.slice(-1)) await gone.tell(event);
    assert.match(failed[1] ?? "", /^The webhook was not told of end: ./);
  });
});

describe("--commit", () => {
  const failed = (words: string): void => {
    throw new Error(words);
  };
  it("makes each step a commit of the stack file alone, with its verdict", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "shopzier-commit-"));
    const [file, other] = ["Pulumi.lab.yaml", "other"].map((name) => path.join(folder, name)) as [
      string,
      string,
    ];
    const git = (...args: string[]): string => execFileSync("git", args, { cwd: folder, encoding: "utf8" });
    await assert.rejects(
      commitFollower(file, failed, "shop"),
      /--commit: Pulumi\.lab\.yaml is in no git repository/,
    );
    git("init", "--quiet");
    git("config", "user.name", "Test");
    git("config", "user.email", "test@example.com");
    for (const name of [file, other]) writeFileSync(name, "0\n");
    await assert.rejects(commitFollower(file, failed, "shop"), /with changes that are not committed/);
    git("add", ".");
    git("commit", "--quiet", "--message", "before");
    const follower = await commitFollower(file, failed, "shop");
    writeFileSync(other, "of somebody else\n");
    for (const event of EVENTS) {
      if (event.event === "step" || event.event === "back") writeFileSync(file, `${event.share}\n`);
      await follower.tell(event);
    }
    assert.equal(
      git("log", "--format=%s|%b", "--name-only", "-2"),
      "Shift v2 back to 10 %|v2 is worse.\n\n\nPulumi.lab.yaml\nShift v2 to 25 %|The first step.\n\n\nPulumi.lab.yaml\n",
    );
    rmSync(folder, { recursive: true });
  });
});

describe("Ctrl-C", () => {
  it("holds after a moment, in which a second one goes back", async () => {
    const said: string[] = [];
    const wishes = new Wishes((words) => said.push(words));
    assert.equal(wishes.wish(), "go on");
    wishes.heard();
    assert.equal(wishes.wish(), "go on");
    const pause = wishes.pause(60_000);
    wishes.heard();
    await pause;
    assert.equal(wishes.wish(), "back");
    assert.deepEqual(said, [
      "Held in 5 s, with the shares as they are. Ctrl-C again goes back.",
      "Goes back.",
    ]);
  });
});
