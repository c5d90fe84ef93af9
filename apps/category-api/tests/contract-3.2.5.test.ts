import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dispatcher } from "undici";
import type { Database } from "../src/database";
import { type Answer, RunningApi } from "./running-api";
import { sharedDatabase } from "./shared-database";

interface Recorded {
  readonly status: number;
  readonly contentType: string | null;
  /** Missing when the body is empty. */
  readonly json?: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Row {
  readonly step: number;
  readonly request: {
    readonly method: Dispatcher.HttpMethod;
    readonly path: string;
    readonly headers?: Record<string, string>;
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

/** The writes between the recorded reads, as SQL. Writes that Shopizer refused change nothing. */
const WRITES: Readonly<Record<number, string>> = {
  37: `with added as (
    insert into category (id, store_id, parent_id, code, lineage, depth, sort_order, visible, featured)
    values (100, 1, null, 'lamps', '/100/', 0, 10, true, true) returning id)
    insert into category_description (id, category_id, language, name, description, friendly_url, highlights, meta_description, title)
    select 4, 100, 'en', 'Lamps', '', 'lamps', '', '', 'Lamps' from added`,
  38: `with added as (
    insert into category (id, store_id, parent_id, code, lineage, depth, sort_order, visible, featured)
    values (101, 1, 100, 'desk', '/100/101/', 1, 1, true, false) returning id)
    insert into category_description (id, category_id, language, name, description, friendly_url, highlights, meta_description, title)
    select 5, 101, 'en', 'Desk lamps', '', 'desk-lamps', '', '', 'Desk lamps' from added`,
  51: "update category set visible = false where id = 101",
  53: `with changed as (update category set sort_order = 5, visible = true where id = 101 returning id)
    update category_description set name = 'Desk lights', friendly_url = 'desk-lights', title = 'Desk lights'
    where category_id in (select id from changed)`,
  54: "update category set parent_id = null, lineage = '/101/', depth = 0 where id = 101",
  57: "update category set parent_id = 50, lineage = '/50//101/', depth = 1 where id = 101",
  59: removal(101),
  61: removal(100),
};

function removal(id: number): string {
  return `with described as (delete from category_description where category_id = ${id})
    delete from category where id = ${id}`;
}

const isRead = (row: Row) => row.request.method === "GET" || row.request.method === "OPTIONS";

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
            ? { ...row.response, status: Number(ownStatus), json: JSON.parse(body ?? "") as unknown }
            : withOwnPath(recorded(Number(like)), row),
      },
    ]),
  );
}

/** Bodies of framework errors name the path of the request. */
function withOwnPath(response: Recorded, { request }: Row): Recorded {
  const json = response.json as { path?: string } | undefined;
  return json?.path === undefined
    ? response
    : { ...response, json: { ...json, path: request.path.split("?")[0] } };
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
  for (const name of [...Object.keys(expected.headers), "vary", "allow", "www-authenticate"]) {
    assert.equal(answer.headers[name], expected.headers[name], `header ${name}`);
  }
  assert.equal(answer.headers["x-category-version"], "v-test");
}

describe("category API as Shopizer 3.2.5", () => {
  const differences = parseDifferences(readme);
  let database: Database;
  let api: RunningApi;

  before(async function () {
    this.timeout(60_000);
    database = await sharedDatabase();
    api = await RunningApi.start("3.2.5", database);
  });
  after(() => api.stop());

  for (const row of rows) {
    const { method, path, headers, admin } = row.request;
    const name = `step ${row.step}: ${method} ${path}`;
    const write = WRITES[row.step];
    if (!isRead(row)) {
      if (write !== undefined) it(`${name} (as SQL)`, () => database.query(write, []));
      continue;
    }
    const difference = differences.get(row.step);
    it(`${name}${difference ? ", a deliberate difference" : ""}`, async () => {
      const answer = await api.request(method, path, {
        ...headers,
        ...(admin ? { authorization: "Bearer token" } : {}),
      });
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

  it("lists only recorded reads as differences", () => {
    const reads = new Set(rows.filter(isRead).map((row) => row.step));
    assert.ok(differences.size > 0);
    assert.deepEqual(
      [...differences.keys()].filter((step) => !reads.has(step)),
      [],
    );
    const tableLines = readme.match(/^\| +\d+ \|/gm) ?? [];
    assert.equal(differences.size, tableLines.length, "a line of the table could not be read");
  });
});
