import assert from "node:assert/strict";
import { freezeService, resetConnections, type Thaw } from "../support/faults";
import { endpoints, liveCluster, loggedRequests, refusedBy, requestsTo } from "../support/gateway-envoy";
import { assertCount, assertSplit, Client, failures, type Answer } from "../../lab/client";
import { baseline, editStackFile, kubectl, readyPods, setConfig, until, up } from "../../lab/harness";

const v = (version: string) => readyPods("category", `version=${version}`);

/** Stops the service in one pod of `version`; gives its address too. */
async function freeze(version: string): Promise<{ address: string; thaw: Thaw }> {
  const [pod] = await v(version);
  assert.ok(pod?.status.podIP !== undefined, `a pod of ${version} is ready`);
  return { address: pod.status.podIP, thaw: freezeService(pod.metadata.uid) };
}

/** Milliseconds that each request of `ask` took, with its answer; one after the other. */
async function timed(count: number, ask: () => Promise<Answer>): Promise<(Answer & { ms: number })[]> {
  const answers = [];
  for (let i = 0; i < count; i++) {
    const answer = await ask();
    answers.push({ ...answer, ms: performance.now() - answer.at });
  }
  return answers;
}

/** `actual` has the values of `expected`, and others that do not matter. */
function assertHas(actual: unknown, expected: Readonly<Record<string, unknown>>): void {
  const all = actual as Readonly<Record<string, unknown>> | undefined;
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, all?.[key]])), expected);
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

describe("mirroring, timeouts, retries and faults", () => {
  let client: Client;
  const trial = (name: string) => ({ headers: { "x-trial": name } });

  before(async () => {
    const rule = (name: string, policies: object) => ({
      name,
      match: { headers: { "x-trial": { exact: name } } },
      to: "v1",
      mirror: "none",
      ...policies,
    });
    await baseline((config) => {
      const { v1 } = config["shopzier:category"].versions;
      assert.ok(v1);
      v1.replicas = 2;
      config["shopzier:loadBalancer"] = "ROUND_ROBIN";
      config["shopzier:traffic"] = {
        weights: { v1: 100, v2: 0 },
        mirror: { to: "v2", percent: 25 },
        timeout: "2s",
        retries: { attempts: 2, perTryTimeout: "500ms", on: ["gateway-error"] },
        rules: [
          rule("all-copied", { mirror: { to: "v2" } }),
          rule("impatient", { timeout: "400ms", retries: "none" }),
          rule("delayed", { fault: { delay: { fixedDelay: "300ms", percent: 100 } } }),
          rule("aborted", { fault: { abort: { httpStatus: 418, percent: 30 } } }),
        ],
      };
    });
    await until("two pods of v1 are ready", async () => (await v("v1")).length === 2);
    await until("the gateway knows both", async () => (await endpoints("v1")).length === 2);
    client = await Client.open();
  });
  after(() => client.close());

  it("copies a quarter of the requests, and answers them all from v1", async () => {
    const before = await requestsTo("v2");
    assertSplit(await client.sample(1000), { v1: 100 });
    let copies = 0;
    // A copy may still be on its way when its request is answered.
    await until("the last copies are sent", async () => {
      const last = copies;
      copies = (await requestsTo("v2")) - before;
      return copies === last;
    });
    assertCount("copies", copies, 1000, 25);
  });

  it("copies no request that may write", async () => {
    const before = await requestsTo("v2");
    await client.sample(200, { method: "POST" });
    assert.equal((await requestsTo("v2")) - before, 0);
  });

  it("answers as fast and as well when the version that gets the copies hangs or has no pods", async () => {
    const ask = () => client.ask(trial("all-copied"));
    const well = await timed(100, ask);
    assert.deepEqual(failures(well), {});
    const { thaw } = await freeze("v2");
    let hanging: Awaited<ReturnType<typeof timed>>;
    try {
      hanging = await timed(100, ask);
      const [v2] = await endpoints("v2");
      assert.ok((v2?.active ?? 0) > 0, "copies hang");
    } finally {
      thaw();
    }
    await kubectl("-n", "category", "scale", "deployment/category-v2", "--replicas=0");
    let dead: typeof hanging;
    try {
      await until("v2 has no endpoint", async () => (await endpoints("v2")).length === 0);
      dead = await timed(100, ask);
    } finally {
      await kubectl("-n", "category", "scale", "deployment/category-v2", "--replicas=1");
      await until("v2 is back", async () => (await v("v2")).length === 1);
    }
    const usual = median(well.map(({ ms }) => ms));
    for (const answers of [hanging, dead]) {
      assert.deepEqual(failures(answers), {});
      const now = median(answers.map(({ ms }) => ms));
      assert.ok(now <= 2 * usual + 5, `${now.toFixed(1)} ms instead of ${usual.toFixed(1)} ms`);
    }
  });

  it("tries reads again at the other pod when one does not answer, writes not, and neither without retries", async () => {
    // Eight at once, half of them to each pod. In a hurry: after three failed probes the pod is no endpoint any more.
    const eight = async (options: Parameters<Client["ask"]>[0]) =>
      (await Promise.all(Array.from({ length: 8 }, () => timed(1, () => client.ask(options))))).flat();
    const { thaw } = await freeze("v1");
    try {
      const late = (answers: Awaited<ReturnType<typeof eight>>, status: number, from: number, to: number) => {
        const seen = JSON.stringify(answers);
        const slow = answers.filter(({ ms }) => ms >= from);
        assert.ok(slow.length >= 1 && slow.length <= 7, seen);
        assert.ok(
          slow.every((a) => a.status === status && a.ms < to),
          seen,
        );
        assert.ok(
          answers.every((a) => slow.includes(a) || (a.status !== 504 && a.status !== 503)),
          seen,
        );
      };
      late(await eight({}), 200, 480, 1500);
      late(await eight({ method: "POST" }), 504, 1900, 3500);
      late(await eight(trial("impatient")), 504, 380, 1500);
    } finally {
      thaw();
      // The pod first answers what has waited in it, which would make the next test's requests late.
      await until("both pods answer at once", async () =>
        (await eight({})).every(({ status, ms }) => status === 200 && ms < 250),
      );
    }
  });

  it("delays the requests of a rule alone", async () => {
    const delayed = await timed(5, () => client.ask(trial("delayed")));
    assert.deepEqual(failures(delayed), {});
    assert.ok(
      delayed.every(({ ms }) => ms >= 300 && ms < 1000),
      JSON.stringify(delayed),
    );
    assert.ok(median((await timed(20, () => client.ask())).map(({ ms }) => ms)) < 300);
  });

  it("aborts the share of a rule's requests that is asked for", async () => {
    const answers = await client.sample(1000, trial("aborted"));
    assertCount("aborted", answers.filter(({ status }) => status === 418).length, 1000, 30);
    assert.deepEqual(Object.keys(failures(answers)), ["418"]);
  });
});

describe("circuit breaking", () => {
  let client: Client;
  before(async () => {
    editStackFile((config) => {
      config["shopzier:traffic"] = {
        weights: { v1: 100, v2: 0 },
        timeout: "1s",
        retries: "none",
        circuitBreaker: {
          maxConnections: 100,
          retryBudget: { percent: 25 },
          outlierDetection: { consecutive5xxErrors: 3, interval: "1s", baseEjectionTime: "10s" },
        },
        versions: { v2: { circuitBreaker: { maxRequests: 2 } } },
        rules: [
          {
            name: "overload",
            match: { headers: { "x-trial": { exact: "overload" } } },
            to: "v2",
            timeout: "30s",
          },
        ],
      };
      config["shopzier:observability"] = {
        accessLogs: { errors: true, fields: ["user_agent", "response_code", "response_flags", "route_name"] },
      };
    });
    await up();
    client = await Client.open();
  });
  after(() => client.close());

  it("is what the gateway's Envoy does, by the pods of each version", async () => {
    await until(
      "v2 has its limit",
      async () => JSON.stringify(await liveCluster("v2")).includes('"maxRequests":2,'),
      10,
    );
    const [v1, v2] = [await liveCluster("v1"), await liveCluster("v2")];
    const thresholds = (cluster: typeof v1) =>
      (cluster.circuitBreakers as { thresholds: Record<string, unknown>[] }).thresholds[0];
    const unlimited = 4_294_967_295;
    const retryBudget = { budgetPercent: { value: 25 }, minRetryConcurrency: 3 };
    assertHas(thresholds(v1), {
      maxConnections: 100,
      maxRequests: unlimited,
      retryBudget,
    });
    assertHas(thresholds(v2), { maxConnections: 100, maxRequests: 2, retryBudget });
    const detection = {
      consecutive5xx: 3,
      interval: "1s",
      baseEjectionTime: "10s",
      enforcingConsecutive5xx: 100,
    };
    assertHas(v1.outlierDetection, { ...detection, maxEjectionPercent: 50 });
  });

  it("answers 503 to what is above the limit of a version, and leaves the other version alone", async () => {
    const { thaw } = await freeze("v2");
    const agent = `overload-${process.pid}`;
    const [before, refusedBefore] = [await requestsTo("v2"), await refusedBy("v2")];
    const pending = Array.from({ length: 10 }, () =>
      client.request({ headers: { "x-trial": "overload", "user-agent": agent } }),
    );
    try {
      const refused = await Promise.all(
        pending.map((p) =>
          Promise.race([p, until("v2 is full", async () => (await endpoints("v2"))[0]?.active === 2)]),
        ),
      );
      const answers = refused.filter((r) => r !== undefined);
      assert.equal(answers.length, 8);
      for (const { statusCode, headers, body } of answers) {
        assert.equal(statusCode, 503);
        assert.equal(headers["x-envoy-overloaded"], "true");
        assert.match(await body.text(), /reset reason: overflow/);
      }
      assertSplit(await client.sample(100), { v1: 100 });
    } finally {
      thaw();
    }
    const all = await Promise.all(pending);
    assert.equal(all.filter(({ statusCode }) => statusCode === 200).length, 2);
    await Promise.all(all.map(({ body }) => body.dump()));
    assert.equal((await requestsTo("v2")) - before, 2, "the pod got the two that fit");
    assert.equal((await refusedBy("v2")) - refusedBefore, 8);
    await until(
      "the log has all that were refused",
      async () => (await loggedRequests(agent)).length === 8,
      20,
    );
    for (const line of await loggedRequests(agent)) {
      assert.deepEqual([line.response_code, line.response_flags], [503, "UO"]);
    }
  });

  it("takes one failing pod of two out, and lets it back in once it answers", async () => {
    // The one that was stopped before may have been started again by the kubelet.
    await until("both pods take traffic", async () => {
      const [ready, known] = [await v("v1"), await endpoints("v1")];
      return ready.length === 2 && known.filter((e) => e.healthy && !e.ejected).length === 2;
    });
    const [pod] = await v("v1");
    assert.ok(pod);
    const one = async () => {
      const found = (await endpoints("v1")).find((e) => e.address === pod.status.podIP);
      assert.ok(found, "the gateway has the pod");
      return found;
    };
    const heal = resetConnections(pod.metadata.uid);
    try {
      let seen: object = {};
      await until("the pod is out", async () => {
        seen = failures(await client.sample(16));
        return (await one()).ejected;
      }).catch(async (error: unknown) => {
        const known = await endpoints("v1");
        throw new Error(`answers ${JSON.stringify({ seen, ip: pod.status.podIP, known })}`, { cause: error });
      });
      assert.deepEqual(
        (await endpoints("v1")).map(({ ejected }) => ejected).sort(),
        [false, true],
        "the other one stays, however much fails",
      );
      assertSplit(await client.sample(100), { v1: 100 });
    } finally {
      heal();
    }
    await until("the pod is back", async () => !(await one()).ejected);
    const { requests } = await one();
    assertSplit(await client.sample(200), { v1: 100 });
    assertCount("requests to the pod", (await one()).requests - requests, 200, 50);
  });

  it("lets as many requests wait for a connection as asked, and counts those that it refuses", async () => {
    await setConfig("traffic.versions.v2.circuitBreaker.maxConnections", 1);
    await setConfig("traffic.versions.v2.circuitBreaker.maxPendingRequests", 3);
    await up();
    await until("v2 has its limit, and a pod", async () => {
      const limited = JSON.stringify(await liveCluster("v2")).includes('"maxPendingRequests":3,');
      return limited && (await endpoints("v2")).some(({ healthy }) => healthy);
    });
    const { thaw } = await freeze("v2");
    const [sent, refused] = [await requestsTo("v2"), await refusedBy("v2")];
    const ask = () => client.ask({ headers: { "x-trial": "overload" } });
    const pending = [ask()];
    let active = 0;
    const withThePod = async () => (active = (await endpoints("v2"))[0]?.active ?? 0);
    try {
      await until("the connection is taken", async () => (await withThePod()) === 1);
      pending.push(...Array.from({ length: 9 }, ask));
      // Each worker of Envoy may have a connection, whatever the limit.
      await until(
        "no more than three wait",
        async () => (await refusedBy("v2")) - refused + (await withThePod()) >= 7,
      );
    } finally {
      thaw();
    }
    const answers = await Promise.all(pending);
    const answered = answers.filter(({ status }) => status === 200).length;
    assert.ok(answered >= 4 && answered <= 3 + active, `${answered} were answered, ${active} at once`);
    assert.deepEqual(failures(answers), { 503: 10 - answered });
    assert.equal((await refusedBy("v2")) - refused, 10 - answered);
    assert.equal((await requestsTo("v2")) - sent, answered);
  });
});
