import assert from "node:assert/strict";
import { freezeService } from "../support/faults";
import { assertCount, Client, failures } from "../../lab/client";
import { baseline, kubectl, NAMESPACE, readyPods, stackFile, up, until } from "../../lab/harness";
import {
  JAEGER,
  JaegerClient,
  OBSERVED,
  observing,
  restart,
  scale,
  underLoad,
  type Span,
  type Trace,
} from "../../lab/prometheus";
import { Volume, VOLUME_SIZE } from "../support/volume";

const TAG = "tenant";

describe("traces of requests in Jaeger", function () {
  this.timeout("5m");
  let jaeger: JaegerClient;
  let client: Client;
  const volume = new Volume("jaeger", "jaeger-badger");

  async function trace(tracing: object, storage: object = {}): Promise<void> {
    stackFile(
      observing({
        metrics: OBSERVED.metrics,
        jaeger: { ...JAEGER, ...storage },
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
    await volume.remove();
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
    return gateway === undefined ? [] : jaeger.traces(gateway, { [TAG]: mark });
  }

  const reporter = ({ processes }: Trace, { processID }: Span): string =>
    processes[processID]?.serviceName ?? "";
  const isStatement = ({ tags }: Span): boolean => tags.some(({ key }) => key === "db.query.summary");

  /** Whether gateway, sidecar, service and database have a span each. */
  const complete = (of: Trace): boolean => {
    const statements = of.spans.filter(isStatement);
    const others = of.spans.filter((span) => !isStatement(span)).map((span) => reporter(of, span));
    return (
      ["istio-ingressgateway.istio-ingress", "category.category", "category"].every((name) =>
        others.includes(name),
      ) && statements.some((span) => reporter(of, span) === "category")
    );
  };

  /** Who reported a statement, and each span above it. */
  function path(of: Trace): string[] {
    const names: string[] = [];
    const above = (span: Span | undefined): void => {
      if (!span) return;
      if (names.at(-1) !== reporter(of, span)) names.push(reporter(of, span));
      above(of.spans.find(({ spanID }) => spanID === span.references[0]?.spanID));
    };
    above(of.spans.find(isStatement));
    return names;
  }

  for (const provider of ["jaeger", "zipkin"] as const) {
    it(`${provider}: every request at sampling 100, each trace with gateway, sidecar, service and SQL, without secrets`, async () => {
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
      // In Zipkin's traces both sides of a call share a span.
      if (provider === "jaeger") {
        const whole = ["category", "category.category", "istio-ingressgateway.istio-ingress"];
        for (const one of traces) assert.deepEqual(path(one), whole);
      }
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
    assertCount("traced", last.count, 1000, 10);
  });

  it("have in a namespace the share and the tags that it says, and elsewhere those of the mesh", async () => {
    const edge = { sampling: 100, tags: { place: { value: "edge" } } };
    await trace({ provider: "jaeger", sampling: 0, namespaces: { "istio-ingress": edge } });
    const gateway = "istio-ingressgateway.istio-ingress";
    let traces: readonly Trace[] = [];
    await until("traces of the gateway with its tag, without the sidecar", async () => {
      await send(5, "edge");
      traces = await jaeger.traces(gateway, { place: "edge" });
      return traces.some((of) => !of.spans.some((span) => reporter(of, span) === "category.category"));
    });
    assert.ok(traces.every((of) => of.spans.some((span) => reporter(of, span) === gateway)));
  });

  it("outlive Jaeger's pod on a persistent volume", async () => {
    await volume.create();
    await trace({ provider: "jaeger", sampling: 100 }, { badger: { size: VOLUME_SIZE } });
    jaeger = await JaegerClient.open();
    const kept = async (): Promise<string[]> => (await found("kept")).map(({ traceID }) => traceID);
    await until("twenty traces", async () => {
      await send(20, "kept");
      return (await kept()).length >= 20;
    });
    const before = await kept();
    await restart("jaeger", "jaeger");
    jaeger = await JaegerClient.open();
    await until("what was there before", async () => {
      const after = await kept();
      return before.every((id) => after.includes(id));
    });
  });

  it("cost no request and no time when Jaeger is full, hangs or is down", async () => {
    await trace({ provider: "jaeger", sampling: 100 });
    const well = await underLoad(client, 6);
    await trace({ provider: "jaeger", sampling: 100 }, { memory: { maxTraces: 100 } });
    jaeger = await JaegerClient.open(100);
    await warm("oldest");
    const full = await underLoad(client, 12);
    // What came first had to go.
    await until("place for the last", async () => (await found("oldest")).length === 0);
    const [pod] = await readyPods("jaeger", "app.kubernetes.io/name=jaeger");
    const thaw = freezeService(pod?.metadata.uid ?? "", "/jaeger");
    const hanging = await underLoad(client, 12).finally(thaw);
    await scale("jaeger", "jaeger", 0);
    const down = await underLoad(client, 6);
    console.log(`      well: ${well.text}; full: ${full.text}; hanging: ${hanging.text}; down: ${down.text}`);
    for (const { p99 } of [full, hanging, down]) assert.ok(p99 < well.p99 + 250);
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
