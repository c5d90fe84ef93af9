/** Requests as commands, and texts of regular expressions. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { curlLine } from "../../cli/requests/curl";
import { regexSamples } from "../../cli/requests/regex-samples";
import { wholeMatch } from "../../components/traffic/regex";

describe("a curl line", () => {
  const least = { method: "GET", scheme: "https", host: "shop.example.com", path: "/" } as const;

  it("is as short as the request is simple", () => {
    assert.equal(curlLine(least), "curl https://shop.example.com/");
    assert.equal(
      curlLine({ ...least, method: "HEAD", path: "/a/../b" }),
      "curl --head --path-as-is https://shop.example.com/a/../b",
    );
    assert.equal(
      curlLine({ ...least, method: "PUT", port: 443, headers: { "x-a": ["1", "it's"], "x-b": "" } }),
      `curl -X PUT https://shop.example.com/ -H 'x-a: 1' -H 'x-a: it'\\''s' -H 'x-b;'`,
    );
  });

  it("has what curl cannot say as a comment", () => {
    assert.equal(
      curlLine({
        ...least,
        port: 8443,
        address: "192.0.2.1",
        principal: "a/b",
        token: { iss: "x", groups: ["y"] },
      }),
      `curl https://shop.example.com/ -H 'authorization: Bearer <token>' # port 8443, from 192.0.2.1, as a/b, token {"iss":"x","groups":["y"]}`,
    );
  });

  it("shows no token and no key", () => {
    for (const name of ["authorization", "proxy-authorization", "x-api-key"])
      assert.doesNotMatch(curlLine({ ...least, headers: { [name]: "s3cret" } }), /s3cret/);
  });

  it("gives a shell the words that it means, and a terminal nothing to act on", () => {
    const text = fc.string({
      maxLength: 12,
      unit: fc.constantFrom(..."ab'\"\\$`!*?;&|<>() #\n\u001b{}[]é".split("")),
    });
    fc.assert(
      fc.property(text, text, (path, value) => {
        const line = curlLine({ ...least, path: `/${path}`, headers: { "x-a": `a${value}` } });
        assert.match(line, /^[\x20-\x7e]*$/);
        const words = execFileSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; }; ${line}`], {
          encoding: "utf8",
        });
        const plain = (one: string): string => one.replaceAll(/[^\x20-\x7e]/g, "?");
        assert.deepEqual(words.split("\n").slice(-4), [
          `https://shop.example.com/${plain(path)}`,
          "-H",
          `x-a: a${plain(value)}`,
          "",
        ]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("texts of a regular expression", () => {
  it("try each alternative, repetition and class", () => {
    const cases: [string, readonly string[]][] = [
      ["/api/(tree|list).*", ["/api/tree", "/api/list"]],
      ["beta-[0-9]+|stable", ["beta-0", "stable"]],
      ["a?b{2,3}", ["bb", "abbb"]],
      ["(?i)beta", ["beta"]],
      ["(?P<name>x|y)z", ["xz", "yz"]],
      ["[^/]+\\.html", ["a.html"]],
      ["\\d\\w\\s", ["0a "]],
      ["^(?:a|b)$", ["a", "b"]],
      ["", [""]],
    ];
    for (const [regex, expected] of cases) {
      const samples = regexSamples(regex);
      for (const text of expected) assert.ok(samples.includes(text), `${regex}: ${JSON.stringify(samples)}`);
      for (const text of samples) assert.ok(wholeMatch(regex)(text), text);
    }
  });

  it("are none for what RE2 does not take, and never fail", () => {
    assert.deepEqual(regexSamples("(?=a)"), []);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."ab()[]{}*+?|\\^$.:-09dw".split("")), maxLength: 12 }),
        (regex) => {
          regexSamples(regex);
        },
      ),
    );
  });
});
