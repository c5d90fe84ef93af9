import assert from "node:assert/strict";
import fc from "fast-check";
import type { Dispatcher } from "undici";
import { ADMINISTRATORS, logIn, PASSWORD, USERNAME } from "./administration";
import type { Answer } from "./running-api";
import { RunningApi } from "./running-api";
import { connect } from "./shared-database";
import { postgres } from "./postgres-server";

/** A call of a front end; the mix determines which version answers. */
type Call = (method: Dispatcher.HttpMethod, path: string, body?: unknown) => Promise<Answer>;

interface Described {
  readonly name: string;
  readonly friendlyUrl: string;
  readonly title: string;
  readonly metaDescription: string;
}

interface Node {
  readonly id: number;
  readonly code: string;
  readonly store: string;
  readonly visible: boolean;
  readonly parent: { readonly id: number; readonly code: string } | null;
  readonly description: Described;
  readonly children: readonly Node[];
}

interface List {
  readonly recordsTotal: number;
  readonly categories: readonly Node[];
}

const at = "store=DEFAULT&lang=en";

// The caller declares the type that it reads.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
function read<T>({ status, text }: Answer, expected = 200): T {
  assert.equal(status, expected, text);
  return JSON.parse(text) as T;
}

/** Fields that both front ends read from each node of a list, at every depth. A missing field breaks the page. */
function show(nodes: readonly Node[]): void {
  for (const { id, code, store, visible, parent, description, children } of nodes) {
    assert.equal(typeof id, "number");
    assert.equal(typeof visible, "boolean");
    for (const text of [code, store, description.name, description.friendlyUrl]) {
      assert.equal(typeof text, "string");
    }
    // They recognize a root by `parent !== null`.
    if (parent !== null) assert.equal(typeof parent.code, "string");
    show(children);
  }
}

/** The shop (shopizer-shop-reactjs): a customer opens it and looks at every category of the menu. */
async function visitShop(call: Call): Promise<void> {
  assert.equal(read<{ status: string }>(await call("GET", "/actuator/health/ping")).status, "UP");
  const menu = read<List>(await call("GET", `/api/v1/category/?count=20&page=0&${at}`));
  show(menu.categories);
  const visible = menu.categories.filter((node) => node.visible);
  assert.ok(visible.length > 0);
  for (const { id } of [...visible, ...visible.flatMap(({ children }) => children)]) {
    const page = read<Node>(await call("GET", `/api/v1/category/${id}?${at}`));
    for (const field of ["name", "friendlyUrl", "title", "metaDescription"] as const) {
      assert.equal(typeof page.description[field], "string", field);
    }
    assert.ok(page.parent === null || page.parent.id > 0);
    assert.ok(Array.isArray(page.children));
    for (const filter of ["manufacturers", "variants"]) {
      const answer = await call("GET", `/api/v1/category/${id}/${filter}/?${at}`);
      // The shop reads a refusal as an empty list, but sorts any answer.
      if (answer.status !== 404) assert.ok(Array.isArray(read(answer)));
    }
  }
}

/** The administration (shopizer-admin): a user logs in, creates a category and one below it, edits, moves and removes them. */
async function administer(call: Call): Promise<void> {
  const list = async (query: string) => {
    const answer = read<List>(await call("GET", `/api/v1/category?${query}`));
    show(answer.categories);
    return answer;
  };
  const before = (await list(`lang=en&store=DEFAULT&count=25&page=0`)).recordsTotal;
  await list("lang=en&store=DEFAULT&count=100&page=0");
  await list("lang=en&store=DEFAULT&page=0");
  await list("count=50&page=0&lang=en");
  assert.equal((await list("count=25&page=0&name=Tab")).recordsTotal, 1);

  const isTaken = async (code: string) =>
    read<{ exists: boolean }>(await call("GET", `/api/v1/private/category/unique?code=${code}`)).exists;
  const form = (code: string, parent: object, name: string) => ({
    parent,
    store: "DEFAULT",
    visible: false,
    code,
    sortOrder: 7,
    selectedLanguage: "en",
    descriptions: [
      {
        language: "en",
        name,
        friendlyUrl: code,
        description: "",
        highlights: "",
        keyWords: "",
        metaDescription: "",
        title: name,
      },
    ],
  });
  const make = async (code: string, parent: object, name: string) => {
    assert.equal(await isTaken(code), false);
    const answer = await call("POST", `/api/v1/private/category`, form(code, parent, name));
    assert.equal(await isTaken(code), true);
    return read<{ id: number }>(answer, 201).id;
  };
  const edit = async (id: number) => {
    const answer = read<Node & { descriptions: { language: string; name: string }[] }>(
      await call("GET", `/api/v1/category/${id}?lang=_all`),
    );
    const { name } = answer.descriptions.find(({ language }) => language === "en") ?? {};
    return { name, parent: answer.parent?.code ?? null, visible: answer.visible };
  };
  const empty = async (answer: Promise<Answer>, status = 200) => {
    const { status: found, text } = await answer;
    assert.deepEqual([found, text], [status, ""]);
  };

  const lamps = await make("lamps", { id: 0, code: "root" }, "Lamps");
  assert.deepEqual(await edit(lamps), { name: "Lamps", parent: null, visible: false });
  const desk = await make("desk", { id: lamps, code: "lamps" }, "Desk lamps");
  assert.deepEqual(await edit(desk), { name: "Desk lamps", parent: "lamps", visible: false });

  const changed = form("desk", { id: lamps, code: "lamps" }, "Desk lights");
  read(await call("PUT", `/api/v1/private/category/${desk}`, changed));
  await empty(
    call("PATCH", `/api/v1/private/category/${desk}/visible`, { id: desk, ...changed, visible: true }),
  );
  assert.deepEqual(await edit(desk), { name: "Desk lights", parent: "lamps", visible: true });

  await empty(call("PUT", `/api/v1/private/category/${desk}/move/-1`, {}));
  assert.equal((await edit(desk)).parent, null);
  await empty(call("PUT", `/api/v1/private/category/${desk}/move/${lamps}`, null));
  assert.equal((await edit(desk)).parent, "lamps");

  const categoriesOfProduct = async () =>
    read<List>(await call("GET", `/api/v1/category/product/1?${at}`)).categories.map(({ code }) => code);
  await empty(call("POST", `/api/v1/private/product/1/category/${desk}`, {}), 201);
  assert.deepEqual((await categoriesOfProduct()).sort(), ["desk", "tables"]);
  await empty(call("DELETE", `/api/v1/private/product/1/category/${desk}`));
  assert.deepEqual(await categoriesOfProduct(), ["tables"]);

  assert.equal((await list(`lang=en&store=DEFAULT&count=25&page=0`)).recordsTotal, before + 2);
  await empty(call("DELETE", `/api/v1/private/category/${lamps}`));
  assert.equal(await isTaken("desk"), false, "what was below it is gone as well");
  assert.equal((await list(`lang=en&store=DEFAULT&count=25&page=0`)).recordsTotal, before);
}

describe("Shopizer's front ends", function () {
  this.timeout(60_000);
  let v1: RunningApi;
  let v2: RunningApi;
  let token: string;

  before(async () => {
    const url = await (await postgres()).database();
    const [first, second] = [await connect(url), await connect(url)];
    const administrators = ADMINISTRATORS;
    v1 = await RunningApi.start("3.2.5", first, { administrators, version: "v1" });
    v2 = await RunningApi.start("main", second, { administrators, version: "v2" });
    token = await logIn(v1, first);
  });
  after(async () => {
    await v1.stop();
    await v2.stop();
  });

  /** Calls as a browser sends them: with an origin and a preflight. Every call goes to the next version of `choices`. */
  function browser(authorization: string, choices: Iterator<boolean>): Call {
    const origin = "http://shop.test";
    const request: RunningApi["request"] = (...call) => (choices.next().value ? v2 : v1).request(...call);
    return async (method, path, body) => {
      const asked = await request("OPTIONS", path, {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
      });
      assert.equal(asked.status, 200);
      assert.equal(asked.headers["access-control-allow-origin"], "*");
      assert.match(String(asked.headers["access-control-allow-methods"]), new RegExp(`\\b${method}\\b`));
      assert.match(String(asked.headers["access-control-allow-headers"]), /Content-Type, Authorization/);
      const headers = { origin, authorization, "content-type": "application/json" };
      const answer = await request(
        method,
        path,
        headers,
        body === undefined ? undefined : JSON.stringify(body),
      );
      assert.equal(answer.headers["access-control-allow-origin"], "*");
      return answer;
    };
  }

  function* always(value: boolean): Generator<boolean> {
    for (;;) yield value;
  }

  it("log in at both versions", async () => {
    for (const version of [v1, v2]) {
      const login = JSON.stringify({ username: USERNAME, password: PASSWORD });
      assert.equal((await version.request("POST", "/api/v1/private/login", {}, login)).status, 200);
    }
  });

  for (const [version, choice] of [
    ["v1", false],
    ["v2", true],
  ] as const) {
    it(`work with ${version} only`, async () => {
      await visitShop(browser("", always(choice)));
      await administer(browser(`Bearer ${token}`, always(choice)));
    });
  }

  it("work with half of the calls at each version, in any order", async () => {
    const choices = fc.infiniteStream(fc.boolean());
    await fc.assert(
      fc.asyncProperty(choices, choices, async (shop, administration) => {
        await visitShop(browser("", shop));
        await administer(browser(`Bearer ${token}`, administration));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });
});
