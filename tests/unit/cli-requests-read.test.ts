/** Files of requests in every format, and what is wrong with them. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseRequests, readRequests } from "../../cli/requests/read";

const JWT = `x.${Buffer.from(JSON.stringify({ iss: "https://id/", groups: ["beta"] })).toString("base64url")}.y`;
const one = (text: string): unknown => {
  const { requests, skipped } = parseRequests(text, "file");
  assert.deepEqual([requests.length, skipped], [1, 0], text);
  return requests[0];
};

describe("a file of requests", () => {
  it("may be a HAR", () => {
    const har = {
      log: {
        version: "1.2",
        entries: [
          {
            request: {
              method: "PUT",
              url: "https://shop.example.com:8443/a//b?x=%20y#top",
              headers: [
                { name: ":authority", value: "shop.example.com" },
                { name: "Host", value: "shop.example.com" },
                { name: "Cookie", value: "a=1" },
                { name: "cookie", value: "b=2" },
                { name: "X-Tier", value: "gold" },
                { name: "x-tier", value: "tin" },
                { name: "Authorization", value: `Bearer ${JWT}` },
              ],
            },
          },
          { response: {} },
        ],
      },
    };
    const { format, requests, firstSkipped } = parseRequests(JSON.stringify(har, null, 2), "a.har");
    assert.equal(format, "HAR");
    assert.deepEqual(firstSkipped, [{ line: 2, problem: "no `request`" }]);
    assert.deepEqual(requests, [
      {
        method: "PUT",
        scheme: "https",
        host: "shop.example.com:8443",
        path: "/a//b?x=%20y",
        headers: { cookie: "a=1; b=2", "x-tier": ["gold", "tin"], authorization: `Bearer ${JWT}` },
        token: { iss: "https://id/", groups: ["beta"] },
      },
    ]);
  });

  it("may be lines of JSON or of `METHOD URL`, with defaults", () => {
    const least = { method: "GET", scheme: "https", host: "a.b", path: "/" };
    assert.deepEqual(one('{"host":"a.b"}'), least);
    assert.deepEqual(one("https://a.b"), least);
    assert.deepEqual(one("  POST http://user:secret@a.b:80?x=1\n\n"), {
      ...{ method: "POST", scheme: "http", host: "a.b:80", path: "/?x=1" },
    });
    assert.deepEqual(
      one(
        '{"url":"https://a.b/c","method":"HEAD","headers":{"X-A":1,"x-b":["1","2"]},"port":8443,"address":"192.0.2.1","token":"invalid"}',
      ),
      {
        ...{ ...least, method: "HEAD", path: "/c", port: 8443, address: "192.0.2.1", token: "invalid" },
        headers: { "x-a": "1", "x-b": ["1", "2"] },
      },
    );
    assert.deepEqual(one('{"host":"a.b","headers":{"Authorization":"Bearer opaque"}}'), {
      ...{ ...least, headers: { authorization: "Bearer opaque" }, token: "invalid" },
    });
  });

  it("may be a list in YAML or JSON", () => {
    const { format, requests } = parseRequests(
      "# usual ones\n- GET https://a.b/x\n- host: a.b\n  headers: { x-a: 1 }\n",
      "requests/usual.yaml",
    );
    assert.equal(format, "YAML");
    assert.deepEqual(
      requests.map(({ path: asked, headers }) => [asked, headers]),
      [
        ["/x", undefined],
        ["/", { "x-a": "1" }],
      ],
    );
    assert.equal(parseRequests('[{"host": "a.b"}, "GET https://a.b/"]', "a.json").requests.length, 2);
  });

  it("may be an access log in Istio's text format", () => {
    const line = (quoted: string, end: string): string =>
      `[2026-11-30T10:00:00.000Z] ${quoted} 200 - via_upstream - "-" 0 5 3 2 "203.0.113.7,10.0.0.9" "curl/8 (\\"x\\")" "id-1" "shop.example.com" "10.1.0.1:8080" outbound|8080||category 10.1.0.2:1 ${end}`;
    assert.deepEqual(
      one(line('"GET /api/v1?lang=en HTTP/2"', "10.1.0.2:8443 10.0.0.9:4711 shop.example.com category")),
      {
        ...{ method: "GET", scheme: "https", host: "shop.example.com", path: "/api/v1?lang=en", port: 8443 },
        address: "10.0.0.9",
        headers: { "user-agent": 'curl/8 (\\"x\\")', "x-forwarded-for": "203.0.113.7" },
      },
    );
    const plain = one(line('"GET / HTTP/1.1"', "10.1.0.2:80 10.0.0.9:4711 - -")) as object;
    assert.deepEqual(
      { ...plain, headers: undefined },
      {
        ...{ method: "GET", scheme: "http", host: "shop.example.com", path: "/", port: 80 },
        address: "10.0.0.9",
        headers: undefined,
      },
    );
  });

  it("may be an access log as JSON, or this package's as text", () => {
    const logged = { start_time: "x", method: "GET", path: "/a", authority: "a.b", response_code: 200 };
    const read = { method: "GET", scheme: "https", host: "a.b", path: "/a" };
    assert.deepEqual(one(JSON.stringify(logged)), read);
    assert.deepEqual(
      one(
        JSON.stringify({
          ...logged,
          requested_server_name: null,
          downstream_remote_address: "[2001:db8::1]:80",
        }),
      ),
      {
        ...{ ...read, scheme: "http", address: "2001:db8::1" },
      },
    );
    // The default fields have no host.
    assert.deepEqual(one('start_time="x" method="GET" path="/a" response_code="200"'), { ...read, host: "" });
  });

  it("may have wrong lines, which are counted, and of which none is repeated", () => {
    const lines = [
      "2026-11-30T10:00:00Z\tinfo\tEnvoy proxy is ready secret-1",
      "https://a.b/",
      '{"host": "a.b", "path": "secret-2"}',
      '{"broken secret-3',
      '{"headers": {}}',
      '{"start_time": "x", "method": null, "response_code": 0}',
      '{"host": "a.b", "headers": {"a": {"b": "secret-4"}}}',
      '{"url": "ftp://secret-5"}',
      '{"host": "a.b", "port": "secret-6"}',
    ];
    const { requests, skipped, firstSkipped } = parseRequests(lines.join("\n"), "log");
    assert.deepEqual([requests.length, skipped], [1, 8]);
    assert.deepEqual(firstSkipped, [
      { line: 1, problem: "neither an object nor `METHOD URL`" },
      { line: 3, problem: '`path` does not begin with "/"' },
      { line: 4, problem: "a line that begins like JSON and is none" },
    ]);
  });

  it("without any request gives a plain error", () => {
    const wrong: [string, RegExp][] = [
      ["", /^file: is empty; allowed: a HAR, an access log/],
      ["secret\nsecret", /^file: has no request in 2 lines, the first: neither an object/],
      ['{"log": {"entries": [', /^file: begins like a HAR and is no JSON/],
      ['{"log": {"entries": []}}', /^file: is empty/],
      ["- [secret", /^file: is no YAML/],
      ['["secret', /^file: is no YAML/],
      ["- 1\n- 2", /^file: has no request in 2 entries, the first: no object/],
    ];
    for (const [text, expected] of wrong) {
      assert.throws(
        () => parseRequests(text, "file"),
        (error: Error) => {
          assert.match(error.message, expected);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    }
    const folder = mkdtempSync(path.join(tmpdir(), "requests-"));
    assert.throws(() => readRequests(folder), /is a folder; name a file/);
    assert.throws(() => readRequests(path.join(folder, "no.har")), /no\.har: does not exist/);
    writeFileSync(path.join(folder, "a.txt"), "https://a.b/\n");
    assert.equal(readRequests(path.join(folder, "a.txt")).requests.length, 1);
  });
});
