import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { Client, failures } from "../../lab/client";
import { baseline, gatewayPods, NAMESPACE, readyPods, setConfig, until, up } from "../../lab/harness";
import { meshClient, remove, type MeshClient } from "../support/mesh-client";
import { JAEGER, JaegerClient, OBSERVED, observing, PrometheusClient } from "../../lab/prometheus";

const STRANGER = "network-stranger";

/** Envoy's admin port, the agent's debug port and DNS, the sidecar's own listeners, merged metrics, health, Envoy's metrics. */
const PROXY = [15000, 15001, 15004, 15006, 15020, 15021, 15053, 15090];

/** What became of a connection to each of the ports: "open", "silence" after a while, or the error. */
async function connections(
  from: MeshClient,
  address: string,
  ports: readonly number[],
): Promise<Record<string, string>> {
  const answer = await from.run(
    `const net = require("node:net");
     Promise.all(${JSON.stringify(ports)}.map((port) => new Promise((done) => {
       const end = (what) => { socket.destroy(); done([port, what]); };
       const socket = net.connect({ host: "${address}", port, timeout: 2000 }, () => end("open"));
       socket.on("timeout", () => end("silence")).on("error", (e) => end(e.code));
     }))).then((all) => console.log(JSON.stringify(Object.fromEntries(all))));`,
  );
  return JSON.parse(answer) as Record<string, string>;
}
const each = (ports: readonly number[], what: string): Record<string, string> =>
  Object.fromEntries(ports.map((port) => [String(port), what]));

describe("network policies", () => {
  let client: Client;
  let stranger: MeshClient;
  const address = async (namespace: string, selector: string): Promise<string> =>
    (await readyPods(namespace, selector))[0]?.status.podIP ?? "";
  const category = () => address(NAMESPACE, "app=category");

  before(async () => {
    await baseline((config) => {
      const { metrics, prometheus } = OBSERVED;
      observing({ metrics, prometheus, jaeger: JAEGER, tracing: { provider: "jaeger", sampling: 100 } })(
        config,
      );
      config["shopzier:category"].database = { server: { image: "lab.internal/postgres:15" } };
      for (const version of Object.values(config["shopzier:category"].versions))
        version.env = { ...(version.env as object), DATABASE_SEED: "demo" };
    });
    [client, stranger] = await Promise.all([Client.open(), meshClient(STRANGER, false)]);
  });
  after(async () => {
    await client.close();
    await remove(STRANGER);
    await baseline();
  });

  it("let no other pod connect to the service, its database or their proxies, on any port", async () => {
    const ports = [5432, 8080, 9464, ...PROXY];
    for (const selector of ["version=v1", "version=v2", "app=category-database"])
      assert.deepEqual(
        await connections(stranger, await address(NAMESPACE, selector), ports),
        each(ports, "silence"),
        selector,
      );
  });

  it("leave open of gateway and istiod what is for every pod", async () => {
    const [gateway] = await gatewayPods();
    assert.deepEqual(await connections(stranger, gateway?.status.podIP ?? "", [80, ...PROXY]), {
      ...each([80, 15020, 15021, 15090], "open"),
      ...each([15000, 15001, 15004, 15006, 15053], "silence"),
    });
    assert.deepEqual(
      await connections(stranger, await address("istio-system", "app=istiod"), [9876, 15012, 15014, 15017]),
      { ...each([15012, 15014, 15017], "open"), 9876: "silence" },
    );
  });

  it("let requests through to both versions, and to their database", async () => {
    const answers = await client.sample(200);
    assert.deepEqual(failures(answers), {});
    assert.deepEqual(new Set(answers.map(({ version }) => version)), new Set(["v1", "v2"]));
  });

  it("let Prometheus fetch the metrics of all that has any, and proxies send their spans to Jaeger", async () => {
    const prometheus = await PrometheusClient.open();
    for (const app of ["istiod", "istio-ingressgateway", "category", "category-database"])
      await until(
        `metrics of ${app}`,
        async () => (await prometheus.query(`up{app="${app}"} == 1`)).length > 0,
      );
    const down = 'up{namespace=~"category|istio-.+"} == 0';
    await until("nothing is out of reach", async () => (await prometheus.query(down)).length === 0);
    const jaeger = await JaegerClient.open();
    await until("spans of gateway, sidecar and service", async () => {
      await client.sample(16);
      const services = await jaeger.services();
      return ["istio-ingressgateway.istio-ingress", "category.category", "category"].every((name) =>
        services.includes(name),
      );
    });
  });

  it("are what keeps others out: switched off, they do not, and switched on they do again", async () => {
    const ports = [8080, 15000, 15020, 15090];
    // The node enforces what is written a moment later.
    const becomes = (ports: readonly number[], what: string): Promise<void> =>
      until(`${what} for a stranger`, async () =>
        isDeepStrictEqual(await connections(stranger, await category(), ports), each(ports, what)),
      );
    await setConfig("security.networkPolicies.enabled", "false");
    await up();
    // The sidecar takes connections to every port, to end them where it knows none.
    await becomes(ports, "open");
    const [gateway] = await gatewayPods();
    assert.deepEqual(await connections(stranger, gateway?.status.podIP ?? "", [15000]), {
      15000: "ECONNREFUSED",
    });
    await baseline();
    await becomes(ports, "silence");
    assert.deepEqual(failures(await client.sample(100)), {});
  });
});
