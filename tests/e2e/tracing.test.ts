import binomialQuantile from "@stdlib/stats-base-dists-binomial-quantile";
import assert from "node:assert/strict";
import { baseline, Client, failures, kubectl, NAMESPACE, stackFile, up, until } from "./lab";
import { JAEGER, JaegerClient, OBSERVED, observing, scale, type Trace } from "./prometheus";

const TAG = "tenant";

describe("traces of requests in Jaeger", function () {
  this.timeout("5m");
  let jaeger: JaegerClient;
  let client: Client;

  async function trace(tracing: object): Promise<void> {
    stackFile(
      observing({
        metrics: OBSERVED.metrics,
        jaeger: JAEGER,
        tracing: { tags: { [TAG]: { header: "x-tenant" } }, ...tracing },
      }),
    );
    await up();
  }

  before(async () => {
    await trace({ provider: "jaeger", sampling: 100 });
    jaeger = await JaegerClient.open();
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await baseline();
  });

  /** Requests whose traces can be told from all others by a tag. */
  async function send(count: number, mark: string): Promise<void> {
    const answers = await client.sample(count, {
      path: "/api/v1/category?token=query-that-is-secret",
      headers: { "x-tenant": mark, authorization: "Bearer header-that-is-secret" },
    });
    assert.deepEqual(failures(answers), {});
  }

  /** The configuration takes a moment to reach the proxies: waits until a request is traced. */
  async function warm(mark: string): Promise<void> {
    await until("the first trace", async () => {
      await send(5, mark);
      return (await found(mark)).length > 0;
    });
  }

  async function found(mark: string): Promise<readonly Trace[]> {
    const services = await jaeger.services();
    const gateway = services.find((service) => service.startsWith("istio-ingressgateway"));
    return gateway === undefined ? [] : jaeger.traces(gateway, TAG, mark);
  }

  const complete = ({ processes, spans }: Trace): boolean =>
    spans.some(({ processID }) => processes[processID]?.serviceName.startsWith("istio-ingressgateway")) &&
    spans.some(({ processID }) => processes[processID]?.serviceName.includes("category"));

  for (const provider of ["jaeger", "zipkin"] as const) {
    it(`${provider}: every request at sampling 100, each trace with gateway and sidecar, without secrets`, async () => {
      await trace({ provider, sampling: 100 });
      await warm(`${provider}-warm`);
      await send(200, `${provider}-all`);
      let traces: readonly Trace[] = [];
      await until(
        "200 complete traces",
        async () => {
          traces = await found(`${provider}-all`);
          return traces.filter(complete).length >= 200;
        },
        40,
      ).catch((error: unknown) => {
        throw new Error(
          `${String(error)}: ${traces.length} traces, ${traces.filter(complete).length} complete`,
        );
      });
      assert.equal(traces.length, 200);
      assert.doesNotMatch(JSON.stringify(traces), /that-is-secret/);
    });
  }

  it("a tenth of them at sampling 10, within binomial bounds", async () => {
    await trace({ provider: "jaeger", sampling: 10 });
    // Until the proxies have the new share, all are traced: batches of 60 tell the two apart.
    let batch = 0;
    await until("the new share", async () => {
      const mark = `share-${batch++}`;
      await send(60, mark);
      await until("its spans", async () => (await found(mark)).length > 0, 15).catch(() => undefined);
      return (await found(mark)).length < 30;
    });
    await send(1000, "tenth");
    const low = binomialQuantile(0.0005, 1000, 0.1);
    const high = binomialQuantile(0.9995, 1000, 0.1);
    // The proxies send every five seconds: counts that stand still for longer are whole.
    let last = { count: -1, at: performance.now() };
    await until(
      "all spans",
      async () => {
        const { length: count } = await found("tenth");
        if (count !== last.count) last = { count, at: performance.now() };
        return count > 0 && performance.now() - last.at > 7000;
      },
      40,
    );
    assert.ok(last.count >= low && last.count <= high, `${last.count}, expected ${low} to ${high}`);
  });

  it("cost no request and no time when Jaeger is down", async () => {
    await trace({ provider: "jaeger", sampling: 100 });
    const p99 = async (): Promise<number> => {
      const answers: number[] = [];
      for (let i = 0; i < 200; i++) {
        const started = performance.now();
        assert.equal((await client.ask()).status, 200);
        answers.push(performance.now() - started);
      }
      return answers.sort((a, b) => a - b)[Math.floor(answers.length * 0.99)] ?? NaN;
    };
    const before = await p99();
    await scale("jaeger", "jaeger", 0);
    const load = client.load(100);
    const during = await p99();
    assert.deepEqual(failures(await load.stop()), {});
    assert.ok(
      during < before + 250,
      `p99 ${during.toFixed(0)} ms without Jaeger, ${before.toFixed(0)} ms with it`,
    );
  });

  it("leave nothing behind when they are switched off", async () => {
    await baseline();
    assert.equal(
      (await kubectl("get", "namespaces", "jaeger", "--ignore-not-found", "-o", "name")).trim(),
      "",
    );
    const left = await kubectl("get", "telemetries.telemetry.istio.io", "-A", "-o", "name");
    assert.equal(left.trim(), "");
    assert.equal((await client.ask()).status, 200, NAMESPACE);
  });
});
