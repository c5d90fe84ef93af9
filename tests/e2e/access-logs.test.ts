import assert from "node:assert/strict";
import { Client } from "../../lab/client";
import {
  applyObjects,
  baseline,
  editStackFile,
  envoyAdmin,
  gatewayPods,
  kubectl,
  NAMESPACE,
  stackFile,
  up,
  until,
} from "../../lab/harness";
import { meshClient, remove } from "../support/mesh-client";
import { observing } from "../../lab/prometheus";
import { RECEIVER, startReceiver, stopReceiver } from "../support/telemetry-receiver";

type Line = Readonly<Record<string, unknown>>;

/** Namespace of a pod that makes TCP connections. */
const CALLER = "access-logs-tcp";

describe("access logs", function () {
  this.timeout("4m");
  let client: Client;
  before(async () => {
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await baseline();
    await stopReceiver();
    await remove(CALLER);
  });

  async function log(accessLogs: object, edit: Parameters<typeof editStackFile>[0] = () => undefined) {
    stackFile(observing({ metrics: { source: "envoy" }, accessLogs }));
    editStackFile(edit);
    await up();
  }

  /** The lines of the gateway that have `mark` in their path, as soon as there are some. */
  async function lines(mark: string, ask: () => Promise<unknown>): Promise<Line[]> {
    const [pod] = await gatewayPods();
    let found: Line[] = [];
    await until(`a line with ${mark}`, async () => {
      await ask();
      const text = await kubectl("logs", pod?.metadata.name ?? "", "-n", "istio-ingress", "--since=2m");
      found = text
        .split("\n")
        .filter((line) => line.startsWith("{") && line.includes(mark))
        .map((line) => JSON.parse(line) as Line);
      return found.length > 0;
    });
    return found;
  }

  const missing = (mark: string) => () =>
    client.sample(3, { path: `/api/v1/category/${mark}?token=in-the-query` });

  it("of errors alone: the chosen fields, the path without its query, nothing of what went well", async () => {
    await log({ errors: true, fields: ["method", "path", "response_code", "duration", "upstream_cluster"] });
    const errors = await lines("mark-errors", async () => {
      await client.sample(5);
      await missing("mark-errors")();
    });
    for (const line of errors) {
      assert.deepEqual(Object.keys(line).sort(), [
        "duration",
        "method",
        "path",
        "response_code",
        "upstream_cluster",
      ]);
      assert.equal(line.path, "/api/v1/category/mark-errors");
      assert.ok(Number(line.response_code) >= 400);
    }
    const [pod] = await gatewayPods();
    const text = await kubectl("logs", pod?.metadata.name ?? "", "-n", "istio-ingress", "--since=2m");
    assert.ok(!text.includes("in-the-query"));
    assert.doesNotMatch(text, /"response_code":"?200/);
  });

  it("as text: a client writes no fields of its own", async () => {
    await log({ encoding: "text", fields: ["path", "response_code", "user_agent", "request_id"] });
    const [pod] = await gatewayPods();
    const forged = 'x" response_code="200" path="/ok';
    await until("a line of text", async () => {
      const headers = { "user-agent": forged, "x-envoy-original-path": forged };
      await client.sample(1, { path: "/mark-text?token=in-the-query", headers });
      const text = await kubectl("logs", pod?.metadata.name ?? "", "-n", "istio-ingress", "--since=2m");
      const [line] = text.split("\n").filter((one) => one.startsWith('path="/mark-text'));
      if (line === undefined) return false;
      assert.match(line, /^path="\/mark-text" response_code="404" user_agent="x" request_id="[\w-]+"$/);
      return true;
    });
  });

  it("of what is slow alone: a request that is delayed, and none that is not", async () => {
    const delayed = {
      name: "delayed",
      match: { headers: { "x-delayed": { exact: "yes" } } },
      to: "v1",
      fault: { delay: { fixedDelay: "700ms", percent: 100 } },
    };
    await log({ slowerThan: "600ms", fields: ["path", "duration"] }, (config) => {
      config["shopzier:traffic"] = { ...(config["shopzier:traffic"] as object), rules: [delayed] };
    });
    let attempt = 0;
    await until("a slow request without those before it", async () => {
      // Until the proxy has the new filter, the one of before logs what is not found.
      const mark = `mark-${attempt++}`;
      const found = await lines(`${mark}-slow`, async () => {
        await missing(`${mark}-fast`)();
        await client.sample(1, { path: `/api/v1/category/${mark}-slow`, headers: { "x-delayed": "yes" } });
      });
      for (const { duration } of found) assert.ok(Number(duration) >= 600, String(duration));
      const [pod] = await gatewayPods();
      const text = await kubectl("logs", pod?.metadata.name ?? "", "-n", "istio-ingress", "--since=2m");
      return !text.includes(`${mark}-fast`);
    });
  });

  it("of errors and of what is slow: a TCP connection that fails, and none that does well for long", async () => {
    await log({ errors: true, slowerThan: "1s" });
    const caller = await meshClient(CALLER, true);
    await applyObjects({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "nothing", namespace: CALLER },
      spec: { selector: { app: "nothing" }, ports: [{ name: "tcp", port: 9999 }] },
    });
    await caller.run(
      `const https = require("node:https");
       const agent = new https.Agent({ keepAlive: true });
       https.get("https://kubernetes.default.svc/version", { agent, rejectUnauthorized: false }, (r) =>
         r.resume().on("end", () => setTimeout(() => agent.destroy(), 2000)));`,
    );
    assert.match(
      await envoyAdmin(CALLER, "echo", "clusters"),
      /outbound\|443\|\|kubernetes\.default\.svc\.cluster\.local::[^\n]*::cx_total::[1-9]/,
    );
    let text = "";
    await until("the line of a connection that fails", async () => {
      await caller.run(`require("node:net").connect(9999, "nothing").on("error", () => undefined)`);
      text = await kubectl("logs", "echo", "-n", CALLER, "-c", "istio-proxy", "--tail=-1");
      return text.includes("outbound|9999||nothing.");
    });
    assert.ok(!text.includes("outbound|443||kubernetes"), text);
  });

  it("of one version: at the gateway and at its own pods, and not at those of the other", async () => {
    await log({ versions: ["v2"] });
    const found = await lines("mark-version", async () =>
      client.sample(20, { path: "/api/v1/category?mark-version" }).then(missing("mark-version")),
    );
    for (const line of found) assert.match(String(line.upstream_cluster), /\|v2\|/);
    const ofPod = (version: string) =>
      kubectl(
        "logs",
        "-n",
        NAMESPACE,
        "-l",
        `version=${version}`,
        "-c",
        "istio-proxy",
        "--since=1m",
        "--tail=-1",
      );
    await until("a line of v2's own proxy", async () => (await ofPod("v2")).includes("mark-version"));
    assert.ok(!(await ofPod("v1")).includes("mark-version"));
  });

  it("by OTLP to a collector, and then not on standard output", async () => {
    const receiver = await startReceiver();
    await log({ errors: true, collector: { host: RECEIVER } });
    const came = receiver.until("a log by OTLP", (r) => {
      void missing("mark-otlp")().catch(() => undefined);
      return r.path.endsWith("LogsService/Export") && r.text.includes("mark-otlp");
    });
    await missing("mark-otlp")();
    assert.ok(!(await came).text.includes("in-the-query"));
  });

  it("leave nothing behind when they are switched off", async () => {
    await baseline();
    const mesh = await kubectl("get", "configmap", "istio", "-n", "istio-system", "-o", "yaml");
    assert.doesNotMatch(mesh, /access-log/);
    assert.equal((await kubectl("get", "telemetries.telemetry.istio.io", "-A", "-o", "name")).trim(), "");
  });
});
