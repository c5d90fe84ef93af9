import assert from "node:assert/strict";
import { execa } from "execa";
import { stackEnvironment } from "../../lab/stack";
import { Certificates } from "../support/certificates";
import { Client, failures } from "../../lab/client";
import { applyObjects, baseline, kubectl, NAMESPACE, stackFile, up } from "../../lab/harness";
import { restart } from "../../lab/prometheus";
import {
  OUTSIDE,
  OUTSIDE_NAME,
  RECEIVER,
  startReceiver,
  startReceiverOutside,
  stopReceiver,
  type TelemetryReceiver,
} from "../support/telemetry-receiver";

const TOKEN = "token-of-the-tracing-test";
const SECRET = "tracing-token";
const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const EXPORT_LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/** What must never leave the mesh in a trace. */
const marks = { header: "header-that-is-secret", query: "query-that-is-secret" };

describe("tracing by providers other than Jaeger", () => {
  let receiver: TelemetryReceiver;
  let client: Client;

  before(async () => {
    receiver = await startReceiver();
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: SECRET, namespace: "istio-system" },
      stringData: { token: TOKEN, bearer: `Bearer ${TOKEN}` },
    };
    await applyObjects(secret);
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await baseline();
    await kubectl("delete", "secret", SECRET, "-n", "istio-system", "--ignore-not-found");
    await stopReceiver();
  });

  async function trace(tracing: object, more: object = {}): Promise<void> {
    await configure(tracing, more);
    await receiver.forget();
  }

  async function configure(tracing: object, more: object = {}): Promise<void> {
    stackFile((config) => {
      config["shopzier:observability"] = {
        metrics: { source: "envoy" },
        tracing: { sampling: 100, tags: { tenant: { header: "x-tenant" } }, ...tracing },
        ...more,
      };
    });
    await up();
  }

  /**
   * Requests until a span of them came, with `header` where one is asked for; none may fail. As long as the istiod of
   * before still runs, which has no token, its proxies send their spans without.
   */
  async function sendUntil(
    what: string,
    port: number,
    path: string,
    header?: readonly [name: string, value: string],
  ): Promise<void> {
    const send = async (): Promise<void> => {
      const answers = await client.sample(20, {
        path: `/api/v1/category?lang=${marks.query}`,
        headers: { "x-tenant": "acme", authorization: `Bearer ${marks.header}` },
      });
      assert.deepEqual(failures(answers), {});
    };
    await send();
    // The route to the collector is there some time after `up`; a proxy that had none dropped its spans.
    await receiver.until(
      what,
      (r) =>
        r.port === port &&
        r.path === path &&
        r.text.includes("acme") &&
        (header === undefined || r.headers[header[0]] === header[1]),
      send,
    );
    const all = (await receiver.received()).map((r) => r.text).join("\n");
    for (const mark of Object.values(marks)) assert.ok(!all.includes(mark), `${mark} in a span`);
  }

  it("Datadog: its agent gets the spans, with the tag, without the secrets of the request", async () => {
    await trace({ provider: "datadog", collector: { host: RECEIVER } });
    await sendUntil("a span for Datadog", 8126, "/v0.4/traces");
  });

  it("LightStep: OTLP with the access token from the Secret, which is in no ConfigMap, no log and no state", async () => {
    await trace({
      provider: "lightstep",
      collector: { host: RECEIVER, port: 4317 },
      token: { secret: SECRET },
    });
    await sendUntil("a span for LightStep", 4317, EXPORT, ["lightstep-access-token", TOKEN]);
    assert.ok(!(await kubectl("get", "configmaps", "-A", "-o", "json")).includes(TOKEN));
    for (const [namespace, deployment] of [
      ["istio-system", "istiod"],
      ["istio-ingress", "istio-ingressgateway"],
    ] as const)
      assert.ok(!(await kubectl("logs", "-n", namespace, `deployment/${deployment}`)).includes(TOKEN));
    const { stdout } = await execa("pulumi", ["stack", "export", "--stack", "lab"], {
      env: stackEnvironment(),
    });
    assert.ok(!stdout.includes(TOKEN));
  });

  it("OTLP: any collector, with an authorization header where one is asked for", async () => {
    await trace({
      provider: "otlp",
      collector: { host: RECEIVER },
      token: { secret: SECRET, key: "bearer" },
    });
    await sendUntil("a span by OTLP", 4317, EXPORT, ["authorization", `Bearer ${TOKEN}`]);
  });

  it("sampling 0: nothing, even for a caller who asks for a trace", async () => {
    await configure({ provider: "otlp", collector: { host: RECEIVER }, sampling: 0 });
    // Connections that are open keep to what was before for up to a minute.
    await client.close();
    await Promise.all([
      restart("istio-ingress", "istio-ingressgateway"),
      restart(NAMESPACE, "category-v1"),
      restart(NAMESPACE, "category-v2"),
    ]);
    client = await Client.open();
    await receiver.forget();
    const answers = await client.sample(100, {
      headers: {
        "x-tenant": "acme",
        "x-envoy-force-trace": "true",
        traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      },
    });
    assert.deepEqual(failures(answers), {});
    // Proof that the way is open: a trace sent after those would arrive before this ends.
    await configure({ provider: "otlp", collector: { host: RECEIVER }, sampling: 100 });
    await sendUntil("a span by OTLP", 4317, EXPORT);
    // A trace's id goes as its sixteen bytes.
    assert.ok(!(await receiver.received()).some((r) => r.text.includes("\u00aa".repeat(16))));
  });

  it("OTLP: a collector outside the cluster, by its address, with the token", async () => {
    const outside = await startReceiverOutside();
    ({ receiver } = outside);
    try {
      await trace({
        provider: "otlp",
        collector: { host: OUTSIDE, tls: false },
        token: { secret: SECRET, key: "bearer" },
      });
      await sendUntil("a span outside", 4317, EXPORT, ["authorization", `Bearer ${TOKEN}`]);
    } finally {
      await outside.stop();
    }
  });

  describe("outside the cluster, by its DNS name over TLS", () => {
    const certificates = new Certificates();
    let stop: () => Promise<unknown> = () => Promise.resolve();
    const listenWith = async (certificate: string): Promise<void> => {
      await stop();
      ({ receiver, stop } = await startReceiverOutside(certificates.file(certificate)));
    };
    const traceTo = (collector: object) =>
      trace(
        { provider: "lightstep", collector, token: { secret: SECRET } },
        { accessLogs: { collector: { ...collector, port: 443 } } },
      );
    const arrives = () => sendUntil("a span outside", 443, EXPORT, ["lightstep-access-token", TOKEN]);
    /** Requests until a proxy refused the receiver's certificate; none may fail. */
    const refuses = () =>
      receiver.until(
        "a refused certificate",
        ({ path, headers }) => path === "refused" && headers.servername === OUTSIDE_NAME,
        async () => {
          assert.deepEqual(failures(await client.sample(20)), {});
        },
      );

    before(async () => {
      await Promise.all(["own", "strange"].map((name) => certificates.authority(name)));
      await certificates.issue("right", "own", OUTSIDE_NAME);
      await certificates.issue("wildcard", "own", "*.outside.test");
      await certificates.issue("other", "own", "other.outside.test");
      await certificates.issue("stranger", "strange", OUTSIDE_NAME);
    });
    after(async () => {
      await stop();
      certificates.remove();
    });

    it("LightStep: with the token, where an authority of ours says that it is the host; access logs too", async () => {
      await listenWith("right");
      await traceTo({ host: OUTSIDE_NAME, ca: certificates.read("own.crt") });
      await arrives();
      await receiver.until("access logs", (r) => r.port === 443 && r.path === EXPORT_LOGS);
    });

    for (const [what, certificate] of [
      ["another name", "other"],
      ["the right name by another authority", "stranger"],
    ] as const) {
      it(`a certificate for ${what}: no span, no token, and no request feels it`, async () => {
        await listenWith(certificate);
        await refuses();
        assert.deepEqual(new Set((await receiver.received()).map((r) => r.path)), new Set(["refused"]));
        await listenWith("wildcard");
        await arrives();
      });
    }

    it("an authority of ours is none where the public ones are asked", async () => {
      await traceTo({ host: OUTSIDE_NAME });
      await listenWith("right");
      await refuses();
      // Proxies took up the change one after the other.
      await receiver.forget();
      await refuses();
      assert.deepEqual(new Set((await receiver.received()).map((r) => r.path)), new Set(["refused"]));
    });
  });

  describe("none", () => {
    it("leaves nothing of tracing behind", async () => {
      await baseline();
      assert.equal((await kubectl("get", "telemetries.telemetry.istio.io", "-A", "-o", "name")).trim(), "");
      assert.equal(
        (await kubectl("get", "serviceentries.networking.istio.io", "-A", "-o", "name")).trim(),
        "",
      );
      assert.doesNotMatch(
        await kubectl("get", "configmaps", "-n", "istio-system", "-o", "name"),
        /collector/,
      );
      assert.doesNotMatch(
        await kubectl("get", "configmap", "istio", "-n", "istio-system", "-o", "yaml"),
        /name: tracing/,
      );
    });
  });
});
