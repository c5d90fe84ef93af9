import assert from "node:assert/strict";
import { execa } from "execa";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stackEnvironment } from "../../lab/stack";
import { commands } from "../support/documents";
import { Client } from "../../lab/client";
import {
  applyObjects,
  baseline,
  deleteObjects,
  editStackFile,
  get,
  kubectl,
  NAMESPACE,
  must,
  pulumi,
  readyPods,
  stackFile,
  tool,
  until,
  up,
} from "../../lab/harness";
import { openNetwork } from "../support/mesh-client";
import { JAEGER, JaegerClient, observing, type Trace } from "../../lab/prometheus";
import { Volume, VOLUME_SIZE } from "../support/volume";

const SECRET = "category-admin";
const PASSWORD = randomBytes(12).toString("hex");
const CATEGORY = "/api/v1/category";
const DATABASE = { server: { image: "lab.internal/postgres:15", volume: { size: VOLUME_SIZE } } };

interface Answer {
  readonly status: number;
  readonly version: string;
  readonly json: Readonly<Record<string, unknown>>;
}

describe("one PostgreSQL for both versions", function () {
  this.timeout("5m");
  let client: Client;
  let token = "";
  const volume = new Volume(NAMESPACE, "data-category-database-0");

  before(async () => {
    await volume.create();
    await kubectl(
      ...["create", "secret", "generic", SECRET, "-n", NAMESPACE],
      ...[
        `--from-literal=password=${PASSWORD}`,
        `--from-literal=jwt-secret=${randomBytes(48).toString("hex")}`,
      ],
    );
    stackFile((config) => {
      observing({ jaeger: JAEGER, tracing: { provider: "jaeger", sampling: 100 } })(config);
      const category = config["shopzier:category"];
      category.database = DATABASE;
      category.admin = { secret: SECRET };
      for (const version of Object.values(category.versions)) {
        version.env = { ...(version.env as object), DATABASE_SEED: "demo" };
      }
      config["shopzier:traffic"] = { weights: { v1: 50, v2: 50 } };
    });
    await up();
    client = await Client.open();
    token = String(
      (await ask("POST", "/api/v1/private/login", { username: "admin@shopizer.com", password: PASSWORD }))
        .json.token,
    );
  });
  after(async () => {
    await client.close();
    await baseline();
    await volume.remove();
    await kubectl("delete", "secret", SECRET, "-n", NAMESPACE, "--ignore-not-found");
  });

  async function ask(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<Answer> {
    const response = await client.request({
      method,
      path,
      headers: { authorization: `Bearer ${token}`, "x-tenant": "database" },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    return {
      status: response.statusCode,
      version: String(response.headers["x-category-version"]),
      json: text.startsWith("{") ? (JSON.parse(text) as Answer["json"]) : {},
    };
  }

  /** Asks until a certain version has answered. */
  async function askVersion(version: string, ...request: Parameters<typeof ask>): Promise<Answer> {
    let answer: Answer | undefined;
    await until(`an answer of ${version}`, async () => {
      answer = await ask(...request);
      return answer.version === version;
    });
    return answer as unknown as Answer;
  }

  /** Waits until no pod is without its database any more: each opens its connections again for itself. */
  const answersAgain = (): Promise<void> =>
    until("every pod answers again", async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask("GET", CATEGORY)));
      return answers.every(({ status }) => status === 200);
    });

  /** Makes a category with a code of its own; by which version, and where it is then. */
  async function create(): Promise<{
    readonly version: string;
    readonly code: string;
    readonly path: string;
  }> {
    const code = `lamps-${randomBytes(4).toString("hex")}`;
    const { status, version, json } = await ask("POST", "/api/v1/private/category", {
      code,
      visible: true,
      descriptions: [{ language: "en", name: "Lamps", friendlyUrl: code }],
    });
    assert.equal(status, 201, JSON.stringify(json));
    return { version, code, path: `${CATEGORY}/${String(json.id)}` };
  }

  /** As its Secret has it, in base64. */
  async function databasePassword(): Promise<string> {
    const secret = await get<{ data: { password: string } }>("secret", "category-database", "-n", NAMESPACE);
    return secret.data.password;
  }

  it("shows through v2 what was made through v1", async () => {
    let created = await create();
    while (created.version !== "v1") created = await create();
    const { code, path } = created;
    for (const version of ["v2", "v1"]) {
      const read = await askVersion(version, "GET", path);
      assert.deepEqual([read.status, read.json.code], [200, code]);
    }
    assert.equal((await ask("DELETE", path.replace("/v1/", "/v1/private/"))).status, 200);
    assert.equal((await askVersion("v2", "GET", path)).status, 404);
  });

  it("puts a product into a category and takes it out, through the gateway", async () => {
    const { path } = await create();
    const link = `/api/v1/private/product/1/category/${path.split("/").at(-1) ?? ""}`;
    assert.equal((await ask("POST", link)).status, 201);
    assert.equal((await ask("DELETE", link)).status, 200);
    // What else there is of products is another service's.
    assert.equal((await ask("GET", "/api/v1/private/product/1")).status, 404);
    assert.equal((await ask("DELETE", `${link}/more`)).status, 404);
  });

  it("keeps its password out of the program's state and of the pods' specs, and the same with every update", async () => {
    const encoded = await databasePassword();
    const password = Buffer.from(encoded, "base64").toString();
    assert.match(password, /^[\w-]{32}$/);
    const state = await must("pulumi", "stack", "export", "--stack", "lab");
    const pods = await kubectl("get", "pods", "-n", NAMESPACE, "-o", "yaml");
    const logs = await kubectl("logs", "-n", NAMESPACE, "-l", "app=category", "-c", "category", "--tail=-1");
    for (const text of [state, pods, logs]) {
      assert.ok(!text.includes(password));
      assert.ok(!text.includes(PASSWORD));
      assert.ok(!text.includes(encoded));
    }
    assert.ok(!logs.includes(token));
    const again = await pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
    assert.equal(again.exitCode, 0, again.all);
  });

  it("lets nobody else connect", async () => {
    const [pod] = await readyPods(NAMESPACE, "app=category-database");
    const [gateway] = await readyPods("istio-ingress", "istio=ingressgateway");
    const greeting = (): Promise<{ exitCode: number | undefined; stdout: string }> =>
      tool(
        "kubectl",
        ...["exec", "-n", "istio-ingress", gateway?.metadata.name ?? "", "--"],
        ...["timeout", "5", "bash", "-c"],
        `exec 3<>/dev/tcp/${pod?.status.podIP ?? ""}/5432 && printf '\\0\\0\\0\\10\\4\\322\\26\\57' >&3 && head -c1 <&3 | wc -c || echo 0`,
      );
    // The network lets nobody through; where it does, the sidecar refuses.
    assert.notEqual((await greeting()).exitCode, 0);
    await applyObjects(openNetwork(NAMESPACE));
    try {
      await until("the network is open", async () => {
        const { exitCode, stdout } = await greeting();
        return exitCode === 0 && stdout.trim().split("\n").at(-1) === "0";
      });
    } finally {
      await deleteObjects(openNetwork(NAMESPACE));
    }
  });

  it("has one trace of gateway, sidecar, service and SQL", async () => {
    const jaeger = await JaegerClient.open();
    let trace: Trace | undefined;
    await until(
      "a whole trace",
      async () => {
        await ask("GET", CATEGORY);
        const traces = await jaeger.traces("category", { "http.route": CATEGORY });
        trace = traces.find(({ processes }) => Object.keys(processes).length >= 3);
        return trace !== undefined;
      },
      60,
    );
    const { spans = [], processes = {} } = trace ?? {};
    const of = (start: string) =>
      spans.filter(({ processID }) => processes[processID]?.serviceName.startsWith(start));
    assert.ok(of("istio-ingressgateway").length > 0);
    assert.ok(of("category.").length > 0, "the sidecar");
    const operations = spans.map(({ operationName }) => operationName);
    for (const name of [`GET ${CATEGORY}`, "store", "page of categories"]) {
      assert.ok(operations.includes(name), operations.join(", "));
    }
    assert.ok(!JSON.stringify(trace).includes(token));
  });

  it("outlives a crash of the database: none of the pods restarts", async () => {
    const restarts = async (app: string): Promise<Record<string, number>> => {
      const { items } = await get<{
        items: {
          metadata: { name: string };
          status: { containerStatuses: { restartCount: number }[] };
        }[];
      }>("pods", "-n", NAMESPACE, "-l", `app=${app}`);
      return Object.fromEntries(
        items.map(({ metadata, status }) => [
          metadata.name,
          status.containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
        ]),
      );
    };
    const pods = await restarts("category");
    const [database = ""] = Object.keys(await restarts("category-database"));
    const crashes = async (): Promise<number> => (await restarts("category-database"))[database] ?? 0;
    const before = await crashes();
    await kubectl(
      ...["exec", "-n", NAMESPACE, database, "-c", "postgres", "--"],
      ...["sh", "-c", "kill -QUIT 1"],
    );
    await until("the database has restarted", async () => (await crashes()) > before);
    await answersAgain();
    const ready = async (): Promise<string[]> =>
      (await readyPods(NAMESPACE, "app=category")).map(({ metadata }) => metadata.name);
    await until("all pods are ready", async () => (await ready()).length === Object.keys(pods).length);
    assert.deepEqual(await restarts("category"), pods);
  });

  it("keeps on its volume what was made, when its pod is deleted", async () => {
    const { code, path } = await create();
    const [pod] = await readyPods(NAMESPACE, "app=category-database");
    await kubectl("delete", "pod", pod?.metadata.name ?? "", "-n", NAMESPACE);
    await answersAgain();
    assert.equal((await ask("GET", path)).json.code, code);
    const [now] = await readyPods(NAMESPACE, "app=category-database");
    assert.notEqual(now?.metadata.uid, pod?.metadata.uid);
  });

  it("is dumped and restored by the commands of its README", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "database-"));
    const follow = async (script: string): Promise<void> => {
      const how = { cwd: folder, env: stackEnvironment(), all: true, reject: false } as const;
      const { exitCode, all } = await execa("bash", ["-euc", script], how);
      assert.equal(exitCode, 0, all);
    };
    try {
      await create();
      const list = `${CATEGORY}?count=1000`;
      const rows = (await ask("GET", list)).json;
      await follow(commands("apps/category-api/README.md", "### Backup"));
      const late = await create();
      await follow(commands("apps/category-api/README.md", "### Restore"));
      await answersAgain();
      for (const version of ["v1", "v2"]) {
        assert.deepEqual((await askVersion(version, "GET", list)).json, rows);
        assert.equal((await askVersion(version, "GET", late.path)).status, 404);
      }
      assert.equal((await create()).path, late.path, "identities go on from where they were");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("taken out of the stack and put back, has what was made, and the password of its new Secret", async () => {
    const { code, path } = await create();
    const before = await databasePassword();
    // A gateway sends to the pods of before until it has heard that they end.
    const becomes = (version: string, status: number, code?: string): Promise<void> =>
      until(`${version} answers ${status}`, async () => {
        const read = await askVersion(version, "GET", path);
        return read.status === status && read.json.code === code;
      });
    editStackFile((config) => {
      delete config["shopzier:category"].database;
      delete config["shopzier:category"].admin;
    });
    await up();
    for (const version of ["v1", "v2"]) await becomes(version, 404);
    editStackFile((config) => {
      config["shopzier:category"].database = DATABASE;
      config["shopzier:category"].admin = { secret: SECRET };
    });
    await up();
    assert.notEqual(await databasePassword(), before);
    for (const version of ["v1", "v2"]) await becomes(version, 200, code);
  });
});
