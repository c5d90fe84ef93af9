import assert from "node:assert/strict";
import type { Dispatcher } from "undici";
import { Client } from "../../lab/client";
import {
  applyObjects,
  baseline,
  editStackFile,
  envoyAdmin,
  gatewayPods,
  kubectl,
  LIST,
  readyPods,
  until,
  up,
} from "../../lab/harness";
import { restart } from "../../lab/prometheus";
import { RateLimitService } from "../support/rate-limit-service";
import { rejectedSince, rejections } from "../support/rejections";

/** The machine's own end of the link to the node: pods reach it, and nothing else does. */
const SERVICE = "10.88.0.254:18090";
const LIMIT = { requests: 5, per: "10s", burst: 20 };
const POD_LIMIT = { requests: 6, per: "60s", burst: 10 };

const rule = (name: string, to: string, more: object = {}): object => ({
  name,
  match: [
    { path: { exact: LIST }, headers: { "x-rule": { exact: name } } },
    { path: { prefix: `${LIST}/` }, headers: { "x-rule": { exact: name } } },
  ],
  to,
  ...more,
});
const traffic = (more: object = {}): object => ({
  weights: { v1: 100, v2: 0 },
  rules: [rule("limited", "v1", { rateLimit: LIMIT }), rule("second", "v2"), rule("free", "v1")],
  versions: { v2: { rateLimit: POD_LIMIT } },
  ...more,
});

const secondPods = () => readyPods("category", "version=v2");

/**
 * Replaces the pod of v2: one that is there serves connections by the limit of before until its listener has drained, for
 * 45 s.
 */
const restartSecond = () => restart("category", "category-v2");

interface Limited {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: string;
}

interface HttpConnectionManager {
  readonly "@type": string;
  readonly http_filters: readonly { readonly name: string }[];
}
interface Route {
  readonly name?: string;
  readonly metadata?: { readonly filter_metadata?: Readonly<Record<string, unknown>> };
}

/** Every object of some kind in a configuration dump. */
function* within<T>(value: unknown, is: (object: object) => boolean): Generator<T> {
  if (typeof value !== "object" || value === null) return;
  if (is(value)) yield value as T;
  for (const inner of Object.values(value)) yield* within<T>(inner, is);
}

/** The HTTP filters of each listener, and what marks the routes of the rule `limited`. */
async function live(): Promise<{ filters: string[][]; marks: unknown[] }> {
  const [pod] = await gatewayPods();
  assert.ok(pod, "a gateway pod is ready");
  const admin = async (path: string): Promise<unknown> =>
    JSON.parse(await envoyAdmin("istio-ingress", pod.metadata.name, path));
  const listeners = await admin("config_dump?resource=dynamic_listeners");
  const routes = await admin("config_dump?resource=dynamic_route_configs");
  // A listener of before is still there while its connections drain.
  const active = [...within<{ active_state: unknown }>(listeners, (o) => "active_state" in o)];
  const managers = within<HttpConnectionManager>(
    active.map((l) => l.active_state),
    (o) => "http_filters" in o,
  );
  const limited = within<Route>(routes, (o) => "match" in o && "name" in o && o.name === "limited");
  return {
    filters: [...managers].map((m) => m.http_filters.map((f) => f.name)),
    marks: [...limited].map((r) => r.metadata?.filter_metadata?.["shopzier-mesh.category.category"]),
  };
}

describe("rate limiting", () => {
  let client: Client;
  let refusedBefore: ReadonlyMap<string, number>;

  const ask = async (rule: string, more: Record<string, string> = {}, path = LIST): Promise<Limited> => {
    const { statusCode, headers, body } = await client.request({
      path,
      headers: { "x-rule": rule, ...more },
    });
    return { status: statusCode, headers, body: await body.text() };
  };
  /** `count` requests at once; with the seconds from the first request to the last answer. */
  const burst = async (
    count: number,
    request: (i: number) => Promise<Limited>,
  ): Promise<{ answers: Limited[]; seconds: number }> => {
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: count }, (_, i) => request(i)));
    return { answers, seconds: (performance.now() - started) / 1000 };
  };
  const withStatus = (answers: readonly Limited[], status: number): Limited[] =>
    answers.filter((a) => a.status === status);
  /** A full bucket gives its burst and what came in meanwhile; everything else is 429. */
  const assertBucket = (
    { answers, seconds }: { answers: Limited[]; seconds: number },
    { requests, per, burst: size }: typeof LIMIT,
  ): void => {
    const ok = withStatus(answers, 200).length;
    const most = size + Math.ceil((requests / parseInt(per)) * seconds);
    assert.ok(
      ok >= size && ok <= most,
      `${ok} of ${answers.length} in ${seconds} s, expected ${size} to ${most}`,
    );
    assert.equal(withStatus(answers, 429).length, answers.length - ok);
  };
  const traffics = async (more: object = {}): Promise<void> => {
    editStackFile((config) => {
      config["shopzier:traffic"] = traffic(more);
    });
    await up();
  };

  before(async () => {
    await baseline((config) => {
      config["shopzier:traffic"] = traffic();
    });
    await restartSecond();
    client = await Client.open();
    refusedBefore = await rejections();
    await until(
      "the gateway has the routes' marks and the filter",
      async () => {
        const { marks, filters } = await live();
        const limits = filters.every((names) => names.includes("envoy.filters.http.local_ratelimit"));
        return marks.some(Boolean) && filters.length > 0 && limits;
      },
      20,
    );
  });
  after(async () => {
    await client.close();
    // Or those who come after would still meet the limit.
    await restartSecond();
  });

  it("stands in the gateway's Envoy right before the router, for every route of the rule", async () => {
    const { filters, marks } = await live();
    assert.ok(filters.length > 0);
    for (const names of filters) {
      assert.deepEqual(names.slice(-2), ["envoy.filters.http.local_ratelimit", "envoy.filters.http.router"]);
      assert.equal(names.filter((name) => name.includes("ratelimit")).length, 1);
    }
    assert.ok(marks.length >= 2, `${marks.length} routes of the rule`);
    for (const mark of marks) assert.deepEqual(mark, { rule: "limited", "retry-after": "2" });
  });

  it("lets a rule's burst through and no more, over all of its routes, and leaves other rules alone", async () => {
    const [limited, free] = await Promise.all([
      burst(80, (i) => ask("limited", {}, i % 2 ? LIST : `${LIST}/1`)),
      burst(80, () => ask("free")),
    ]);
    const byRoute = limited.answers.map((a) => (a.status === 404 ? { ...a, status: 200 } : a));
    assertBucket({ ...limited, answers: byRoute }, LIMIT);
    assert.equal(withStatus(free.answers, 200).length, 80);
    assert.ok(free.answers.every((a) => a.headers["x-ratelimit-limit"] === undefined));
  });

  it("leaves alone the rule of another service that has the same name", async () => {
    const [name, path] = ["stock", "/stock"];
    await applyObjects({
      ...{ apiVersion: "networking.istio.io/v1", kind: "VirtualService" },
      metadata: { name, namespace: "category" },
      spec: {
        hosts: ["shop.lab.internal"],
        gateways: ["istio-ingress/shop"],
        http: [
          {
            ...{ name: "limited", match: [{ uri: { exact: path } }], rewrite: { uri: LIST } },
            route: [{ destination: { host: "category.category.svc.cluster.local", subset: "v1" } }],
          },
        ],
      },
    });
    try {
      await until("it has a route", async () => (await ask("", {}, path)).status === 200);
      await burst(40, () => ask("limited"));
      const { answers } = await burst(40, () => ask("", {}, path));
      assert.equal(withStatus(answers, 200).length, 40);
      assert.ok(answers.every((a) => a.headers["x-ratelimit-limit"] === undefined));
    } finally {
      await kubectl("-n", "category", "delete", "virtualservice", name);
    }
  });

  it("says in the service's words and in headers what is limited", async () => {
    const { answers } = await burst(40, () => ask("limited"));
    const [refused] = withStatus(answers, 429);
    assert.ok(refused);
    const { headers, body } = refused;
    assert.deepEqual(JSON.parse(body), { errorCode: "429", message: "Too many requests" });
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["retry-after"], "2");
    assert.equal(headers["x-ratelimit-limit"], "20");
    assert.equal(headers["x-ratelimit-remaining"], "0");
    assert.match(String(headers["x-ratelimit-reset"]), /^[12]$/);
  });

  it("lets requests through again as the bucket fills", async () => {
    await until("a token", async () => (await ask("limited")).status === 200, 5);
  });

  it("limits each pod of a version, whose health checks take no token", async () => {
    assert.equal((await secondPods()).length, 1);
    const second = await burst(40, () => ask("second"));
    assertBucket(second, POD_LIMIT);
    const [refused] = withStatus(second.answers, 429);
    assert.ok(refused);
    assert.deepEqual(JSON.parse(refused.body), { errorCode: "429", message: "Too many requests" });
    assert.equal(refused.headers["retry-after"], "10");
    assert.equal(refused.headers["x-ratelimit-limit"], "10");
    assert.equal((await readyPods("category", "version=v2")).length, 1);
    assert.equal((await ask("free")).status, 200);
  });

  describe("by a service", () => {
    let service: RateLimitService;
    const global = (failure: "open" | "closed"): object => ({
      service: SERVICE,
      domain: "lab",
      failure,
      timeout: "2s",
      clients: ["address", { header: "x-user" }],
    });
    const serve = async (): Promise<void> => {
      service = new RateLimitService((descriptor) => descriptor["x-user"] !== "eve");
      await service.start(SERVICE);
    };

    before(async () => {
      await serve();
      await traffics({ globalRateLimit: global("open"), versions: {} });
      await until("the gateway asks", async () => {
        await ask("free");
        return service.asked.length > 0;
      });
      // Connections of before stay with the listener of before, which does not ask.
      await client.close();
      client = await Client.open();
    });
    after(() => {
      service.stop();
    });

    it("is asked about the rule, and about the rule and each client", async () => {
      service.asked.length = 0;
      assert.equal((await ask("free", { "x-user": "ada" })).status, 200);
      const [asked] = service.asked;
      assert.equal(service.asked.length, 1);
      assert.equal(asked?.domain, "lab");
      const [, { remote_address = "" } = {}] = asked.descriptors;
      assert.match(remote_address, /^[\d.]+$/);
      assert.deepEqual(asked.descriptors, [
        { rule: "free" },
        { rule: "free", remote_address },
        { rule: "free", "x-user": "ada" },
      ]);
    });

    it("refuses a client with 429 and its own figures, and nobody else", async () => {
      const { status, headers, body } = await ask("free", { "x-user": "eve" });
      assert.equal(status, 429);
      assert.deepEqual(JSON.parse(body), { errorCode: "429", message: "Too many requests" });
      assert.match(String(headers["x-ratelimit-limit"]), /^100\b/);
      assert.equal(headers["x-ratelimit-remaining"], "0");
      assert.equal(headers["x-ratelimit-reset"], "30");
      assert.equal((await ask("free", { "x-user": "ada" })).status, 200);
      assert.equal((await ask("free")).status, 200);
    });

    it("is asked after the local limit, about what that lets through", async () => {
      service.asked.length = 0;
      const limited = await burst(60, () => ask("limited"));
      assertBucket(limited, LIMIT);
      assert.equal(service.asked.length, withStatus(limited.answers, 200).length);
      assert.ok(withStatus(limited.answers, 200).every((a) => a.headers["x-ratelimit-limit"] !== undefined));
    });

    it("lets everybody through while it is gone, when it fails open", async () => {
      service.stop();
      for (const user of ["ada", "eve"]) assert.equal((await ask("free", { "x-user": user })).status, 200);
    });

    it("lets nobody through while it is gone, when it fails closed", async () => {
      await traffics({ globalRateLimit: global("closed"), versions: {} });
      // Connections that the listener had before its change drain for a while.
      await until(
        "the gateway fails closed",
        async () => withStatus((await burst(40, () => ask("free"))).answers, 503).length === 40,
        20,
      );
      const { body, headers } = await ask("free");
      assert.deepEqual(JSON.parse(body), {
        errorCode: "503",
        message: "The rate limit service does not answer",
      });
      assert.equal(headers["content-type"], "application/json");
      await serve();
      await until("the gateway asks again", async () => (await ask("free")).status === 200);
      assert.equal((await ask("free", { "x-user": "eve" })).status, 429);
    });
  });

  it("is gone when its settings are", async () => {
    editStackFile((config) => {
      config["shopzier:traffic"] = { weights: { v1: 100, v2: 0 } };
    });
    await up();
    const left = async (): Promise<string[]> => {
      const objects = await kubectl("get", "envoyfilters,serviceentries", "-A", "-o", "name");
      return [
        // The gateway's filter for its clients stays.
        ...objects.split("\n").filter((name) => name !== "" && !name.endsWith("/shop-clients")),
        ...(await live()).filters.flat().filter((name) => name.includes("ratelimit")),
      ];
    };
    await until("no filter is left", async () => (await left()).length === 0, 20);
    const { answers } = await burst(80, () => ask("limited"));
    assert.equal(withStatus(answers, 200).length, 80);
  });

  it("was never refused by an Envoy", async () => {
    const seen = [...refusedBefore.keys()].map((name) => name.split(" ")[1]);
    for (const name of [
      "listener_manager.lds.update_rejected",
      "cluster_manager.cds.update_rejected",
      "pilot_total_xds_rejects",
    ]) {
      assert.ok(seen.includes(name), `${name} is looked at`);
    }
    assert.deepEqual(await rejectedSince(refusedBefore), []);
  });
});
