import assert from "node:assert/strict";
import { request } from "undici";
import { parseSettings } from "../../stacks/config/settings";
import { RIGHT_SETTINGS } from "../../docs/wrong-settings";
import { baseline, LIST, outputs } from "../../lab/harness";

/** Answers below /echo with the headers of the request, and with a header of each name that the query lists. */
const ECHO = `
import http from "node:http";
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, request, response) {
  if (event !== "request" || !request.url.includes("/echo/")) return emit.apply(this, arguments);
  const { searchParams } = new URL(request.url, "http://echo");
  for (const name of searchParams.getAll("name")) response.setHeader(name, "from the version");
  response.end(JSON.stringify(request.headers));
  return true;
};`;

/** Headers that proxies, browsers and services know. */
const NAMES = [
  ...[
    "accept",
    "accept-encoding",
    "authorization",
    "baggage",
    "b3",
    "cache-control",
    "cookie",
    "content-type",
  ],
  ...[
    "date",
    "early-data",
    "expect",
    "etag",
    "forwarded",
    "from",
    "grpc-timeout",
    "if-none-match",
    "keep-alive",
  ],
  ...[
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
  ],
  ...["server", "te", "trailer", "traceparent", "tracestate", "user-agent", "vary", "via", "x-b3-sampled"],
  ...["x-b3-spanid", "x-b3-traceid", "x-client-trace-id", "x-forwarded-client-cert", "x-forwarded-for"],
  ...[
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
  ],
  ...[
    "x-http-method-override",
    "http2-settings",
    "x-any",
    "strict-transport-security",
    "set-cookie",
    "location",
  ],
  ...["access-control-allow-origin", "content-encoding", "content-language", "content-security-policy"],
  ...[
    "age",
    "alt-svc",
    "allow",
    "retry-after",
    "www-authenticate",
    "x-powered-by",
    "x-category-version",
    "link",
  ],
];

/** What Node, or Envoy, does not send in a message of this kind. */
const NOT_SENT = ["expect", "keep-alive", "te", "trailer", "proxy-connection", "http2-settings"];

type Operation = "set" | "add" | "remove";
type Side = "request" | "response";

/** What a rule may do to the headers. */
const changes = (operation: Operation, names: readonly string[]): object => ({
  [operation]:
    operation === "remove" ? names : Object.fromEntries(names.map((name) => [name, `by-${operation}`])),
});

/** Those of {@link NAMES} with which a setting is taken. */
const allowed = (operation: Operation, side: Side): readonly string[] =>
  NAMES.filter((name) => {
    const headers = { [side]: changes(operation, [name]) };
    try {
      parseSettings({ ...RIGHT_SETTINGS.dev, traffic: { weights: { v1: "rest", v2: 20 }, headers } }, "dev");
      return true;
    } catch {
      return false;
    }
  });

describe("headers that a setting changes", () => {
  before(async () => {
    const program = Buffer.from(ECHO).toString("base64");
    await baseline((config) => {
      Object.assign(config["shopzier:category"].versions.v2 ?? {}, {
        env: { NODE_OPTIONS: `--import=data:text/javascript;base64,${program}` },
      });
      const rules = (["set", "add", "remove"] as const).map((operation) => ({
        name: operation,
        match: { path: { prefix: `${LIST}/echo/${operation}` } },
        to: "v2",
        headers: Object.fromEntries(
          (["request", "response"] as const).map((side) => [
            side,
            changes(operation, allowed(operation, side)),
          ]),
        ),
      }));
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 20 }, rules };
    });
  });

  type Headers = Readonly<Record<string, string | string[] | undefined>>;

  async function ask(
    operation: Operation,
    sent: Readonly<Record<string, string>>,
    query: string,
  ): Promise<Record<Side, Headers>> {
    const { gatewayUrl, host } = await outputs();
    const url = `${gatewayUrl}${LIST}/echo/${operation}?${query}`;
    const answer = await request(url, { headers: { host, ...sent } });
    assert.equal(answer.statusCode, 200);
    return { request: (await answer.body.json()) as Headers, response: answer.headers };
  }

  for (const operation of ["set", "add", "remove"] as const) {
    it(`arrive changed, each of those that may be written, on both ways: ${operation}`, async () => {
      const sent = operation === "remove" ? NAMES.filter((name) => !NOT_SENT.includes(name)) : [];
      const got = await ask(
        operation,
        Object.fromEntries(sent.map((name) => [name, "sent"])),
        sent.map((name) => `name=${name}`).join("&"),
      );
      for (const side of ["request", "response"] as const) {
        const names = allowed(operation, side);
        assert.ok(names.length > 50, `${names.length}`);
        const unchanged = names.filter((name) => {
          const value = String(got[side][name] ?? "");
          if (operation === "remove") return value !== "";
          return operation === "set" ? value !== "by-set" : !value.includes("by-add");
        });
        assert.deepEqual(unchanged, [], side);
      }
    });
  }
});
