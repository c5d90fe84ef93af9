import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dispatcher } from "undici";
import type { Database } from "../src/database";
import { type Answer, RunningApi } from "./running-api";
import { ADMINISTRATORS, logIn } from "./administration";
import { postgresDatabase, sharedDatabase } from "./shared-database";

interface Recorded {
  readonly status: number;
  readonly contentType: string | null;
  /** Absent if the body is empty. */
  readonly json?: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Row {
  readonly step: number;
  readonly request: {
    readonly method: Dispatcher.HttpMethod;
    readonly path: string;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
    readonly admin?: boolean;
  };
  readonly response: Recorded;
}

interface Difference {
  readonly request: string;
  readonly recordedStatus: number;
  readonly expected: (row: Row) => Recorded;
}

const rows = (
  JSON.parse(readFileSync(join(__dirname, "data/shopizer-3.2.5.json"), "utf8")) as { rows: Row[] }
).rows;
const readme = readFileSync(join(__dirname, "../README.md"), "utf8");

/** Additional headers by status. */
const STATUS_HEADERS = ["vary", "allow", "www-authenticate"];

function recorded(step: number): Recorded {
  const row = rows.find((candidate) => candidate.step === step);
  assert.ok(row, `there is no recorded step ${step}`);
  return row.response;
}

/** Reads the table of deliberate differences: step, request, recorded status, our answer, reason. */
function parseDifferences(markdown: string): Map<number, Difference> {
  const table = markdown.matchAll(
    /^\| +(\d+) \| `([^`]+)` +\| (\d+) +\| (?:like (\d+)|(\d+) `([^`]+)`) +\| /gm,
  );
  return new Map(
    [...table].map(([, step, request = "", status, like, ownStatus, body]) => [
      Number(step),
      {
        request,
        recordedStatus: Number(status),
        expected: (row) =>
          like === undefined
            ? {
                ...withoutStatusHeaders(row.response),
                status: Number(ownStatus),
                json: JSON.parse(body ?? "") as unknown,
              }
            : withOwnPath(recorded(Number(like)), row),
      },
    ]),
  );
}

function withoutStatusHeaders(response: Recorded): Recorded {
  const kept = Object.entries(response.headers).filter(([name]) => !STATUS_HEADERS.includes(name));
  return { ...response, headers: Object.fromEntries(kept) };
}

/** Bodies of framework errors contain the path of the request. */
function withOwnPath(response: Recorded, { request }: Row): Recorded {
  const json = response.json as { path?: string } | undefined;
  return json?.path === undefined
    ? response
    : { ...response, json: { ...json, path: request.path.split("?")[0] } };
}

/** Shopizer lets any page send requests with the user's cookies. The service does not copy that bug. */
function withoutCredentials(headers: Recorded["headers"]): Recorded["headers"] {
  const cors = { "access-control-allow-origin": "*", "access-control-allow-credentials": undefined };
  return { ...headers, ...("access-control-allow-origin" in headers && cors) } as Recorded["headers"];
}

function check(answer: Answer, expected: Recorded) {
  const text = answer.text.replace(
    /("timestamp":)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"/,
    '$1"<time>"',
  );
  assert.deepEqual(text === "" ? undefined : JSON.parse(text), expected.json);
  assert.equal(text, expected.json === undefined ? "" : JSON.stringify(expected.json), "order of fields");
  assert.equal(answer.status, expected.status);
  assert.equal(answer.headers["content-type"], expected.contentType ?? undefined);
  const headers = withoutCredentials(expected.headers);
  for (const name of [...Object.keys(headers), ...STATUS_HEADERS]) {
    assert.equal(answer.headers[name], headers[name], `header ${name}`);
  }
  assert.equal(answer.headers["x-category-version"], "v-test");
}

const differences = parseDifferences(readme);

for (const [store, open] of [
  ["PGlite", sharedDatabase],
  ["PostgreSQL", postgresDatabase],
] as const) {
  describe(`category API as Shopizer 3.2.5, on ${store}`, () => {
    let database: Database;
    let api: RunningApi;
    let token: string;

    before(async function () {
      this.timeout(60_000);
      database = await open();
      api = await RunningApi.start("3.2.5", database, { administrators: ADMINISTRATORS });
      token = await logIn(api, database);
      // The ids of the recorded Shopizer.
      await database.query("alter table category alter column id restart with 100", []);
      await database.query("alter table category_description alter column id restart with 4", []);
    });
    after(async () => {
      await api.stop();
      await database.query("alter table category alter column id restart with 1000", []);
      await database.query("alter table category_description alter column id restart with 1000", []);
    });

    for (const row of rows) {
      const { method, path, headers, body, admin } = row.request;
      const difference = differences.get(row.step);
      const name = `step ${row.step}: ${method} ${path}`;
      it(`${name}${difference ? ", a deliberate difference" : ""}`, async () => {
        const answer = await api.request(
          method,
          path,
          { ...headers, ...(admin ? { authorization: `Bearer ${token}` } : {}) },
          body === undefined || typeof body === "string" ? body : JSON.stringify(body),
        );
        if (!difference) {
          check(answer, row.response);
          return;
        }
        assert.equal(
          difference.request,
          `${method} ${path}${admin ? " (admin)" : ""}`,
          "request in the README",
        );
        assert.equal(difference.recordedStatus, row.response.status, "recorded status in the README");
        assert.throws(() => {
          check(answer, row.response);
        }, "the README lists a difference that is none");
        check(answer, difference.expected(row));
      });
    }
  });
}

describe("deliberate differences from Shopizer 3.2.5", () => {
  it("name recorded steps, and are readable", () => {
    const steps = new Set(rows.map((row) => row.step));
    assert.ok(differences.size > 0);
    assert.deepEqual(
      [...differences.keys()].filter((step) => !steps.has(step)),
      [],
    );
    const tableLines = readme.match(/^\| +\d+ \|/gm) ?? [];
    assert.equal(differences.size, tableLines.length, "a line of the table could not be read");
  });
});
