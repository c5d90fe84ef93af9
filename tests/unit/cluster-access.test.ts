import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import * as pulumi from "@pulumi/pulumi";
import { connect, isFinal, lagAfter } from "../../components/kubernetes/api-server";
import { kubernetesAccess } from "../../components/kubernetes/cluster-access";
import { proveCluster } from "../../components/kubernetes/live-object";
import { everyPodLabelled } from "../../components/readiness/gateway-label";
import { GatewayProxies } from "../../components/readiness/gateway-proxies";
import { settled } from "../../components/readiness/rollout";
import { verdictGiven } from "../../components/readiness/webhooks";
import { Certificates } from "../support/certificates";

/** Answer of the API server while etcd elects a leader. */
const BUSY = { kind: "Status", message: "etcdserver: leader changed", code: 503 };
const FORBIDDEN = { kind: "Status", message: 'pods is forbidden: User "ci" cannot list resource', code: 403 };
const POD = { metadata: { name: "gateway-1" }, status: { conditions: [{ type: "Ready", status: "True" }] } };

describe("access to the cluster", () => {
  it("uses the cluster, context and kubeconfig of the provider, also if they are outputs of another resource", async () => {
    const twoClusters = JSON.stringify({
      clusters: ["a", "b"].map((name) => ({ name, cluster: { server: `http://127.0.0.1/${name}` } })),
      contexts: ["x", "y"].map((name) => ({ name, context: { cluster: "a", user: name } })),
      users: ["x", "y"].map((name) => ({ name, user: {} })),
      "current-context": "x",
    });
    const { config } = await kubernetesAccess({
      kubeconfig: pulumi.output(Promise.resolve(twoClusters)),
      context: "y",
      cluster: pulumi.output("b"),
    });
    assert.deepEqual(
      [config.getCurrentCluster()?.server, config.getCurrentUser()?.name],
      ["http://127.0.0.1/b", "y"],
    );
  });
});

describe("requests", () => {
  it("share connections", async () => {
    const certificates = new Certificates();
    await certificates.authority("server");
    const [cert, key] = ["server.crt", "server.key"].map(certificates.read);
    certificates.remove();
    let connections = 0;
    const server = createTlsServer({ cert, key }, (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items: [POD] }));
    }).on("secureConnection", () => connections++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { client, config } = await kubernetesAccess({
        kubeconfig: kubeconfig((server.address() as AddressInfo).port, "https"),
      });
      for (let request = 0; request < 6; request++) {
        const api = config.makeApiClient(client.CoreV1Api);
        assert.equal((await api.listPodForAllNamespaces()).items.length, 1);
      }
      // The second request may come before the first connection is known to be free.
      assert.ok(connections <= 2, `${connections} connections for 6 requests`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("a repeated request", () => {
  it("is sent less and less often", async () => {
    let asked = 0;
    await lagAfter({ timeoutSeconds: 1, pollMs: 10 }, () => Promise.resolve(`asked ${asked++} times`));
    assert.ok(asked >= 5 && asked <= 12, `${asked} questions in a second`);
  });
});

describe("waiting for the cluster", () => {
  let server: Server;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** The gateway's pods, from an API server with these answers. */
  async function gateway(answer: RequestListener): Promise<GatewayProxies> {
    server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new GatewayProxies(
      { namespace: "istio-ingress", labels: { istio: "ingressgateway" } },
      connect({ kubeconfig: kubeconfig((server.address() as AddressInfo).port) }),
    );
  }

  /** Waits for a ready gateway pod, from a server with these answers. */
  async function ask(answer: RequestListener, timeoutSeconds: number): Promise<string | undefined> {
    const proxies = await gateway(answer);
    return lagAfter({ timeoutSeconds, pollMs: 10 }, async (signal) =>
      (await proxies.ready(signal)).length > 0 ? undefined : "no pod is ready",
    );
  }

  const answers = (...bodies: readonly { code?: number; items?: object[] }[]): RequestListener => {
    let n = 0;
    return (_request, response) => {
      const body = bodies[Math.min(n++, bodies.length - 1)] ?? {};
      response.writeHead(body.code ?? 200, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
  };

  it("continues after a transient error", async () => {
    assert.equal(await ask(answers(BUSY, { items: [] }, { items: [POD] }), 20), undefined);
  });

  it("ends at the limit with the last state", async () => {
    assert.equal(await ask(answers(BUSY, { items: [] }), 1), "no pod is ready");
  });

  it("ends at the limit with the permanent error", async () => {
    const lag = await ask(answers({ items: [] }, BUSY), 1);
    assert.equal(lag, "the cluster does not answer: etcdserver: leader changed");
  });

  it("ends at the limit if the API server accepts the request and never answers", async () => {
    assert.equal(await ask(() => undefined, 0.3), "the cluster has not answered");
  });

  it("ends at once if the caller has no right to list", async () => {
    await assert.rejects(ask(answers(FORBIDDEN), 20), /cannot list resource/);
  });

  it("ends at once if the caller has no right to forward ports", async () => {
    const proxies = await gateway(answers({ items: [POD] }));
    server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
    const asked = lagAfter({ timeoutSeconds: 20, pollMs: 10 }, async (signal) => {
      await proxies.admin("gateway-1", "clusters", signal);
      return undefined;
    });
    await assert.rejects(asked, /forwarding a port of pod gateway-1 was answered 403/);
    await proxies.close();
  });

  it("ends at the limit with the pod that accepts the request and never answers", async () => {
    const proxies = await gateway(answers({ items: [POD] }));
    const sockets: Duplex[] = [];
    server.on("upgrade", (_request, socket) => sockets.push(socket));
    const lag = await lagAfter({ timeoutSeconds: 0.5, pollMs: 10 }, async (signal) =>
      proxies.admin("gateway-1", "clusters", signal).then(
        () => undefined,
        () => "gateway-1 does not answer",
      ),
    );
    assert.equal(lag, "gateway-1 does not answer");
    await proxies.close();
    for (const socket of sockets) socket.destroy();
  });
});

describe("another cluster than the one that was written to", () => {
  const OTHER = "00000000-0000-0000-0000-00000000000b";
  const WRITTEN = "00000000-0000-0000-0000-00000000000a";
  /** A cluster that has everything, and in which all is well. */
  const DEPLOYMENT = {
    metadata: { name: "category-v2", generation: 1 },
    spec: { replicas: 1 },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
  };
  const REFUSED = 'admission webhook "validation.istio.io" denied the request: hosts may not be empty';
  let server: Server;
  let asked: string[];
  let cluster: { kubeconfig: string };
  let uid: string;
  /** Status of the next answers, before the cluster is well. */
  let failures: number[];
  beforeEach(async () => {
    asked = [];
    uid = OTHER;
    failures = [];
    server = createServer(({ method = "", url = "" }, response) => {
      asked.push(`${method} ${url.replace(/\?.*/, "")}`);
      const failure = failures.shift();
      if (failure !== undefined) {
        response.writeHead(failure, { "content-type": "application/json" }).end("{}");
        return;
      }
      const [status, body] =
        method === "POST"
          ? [400, { kind: "Status", message: REFUSED }]
          : [200, { ...DEPLOYMENT, metadata: { ...DEPLOYMENT.metadata, uid }, items: [] }];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cluster = { kubeconfig: kubeconfig((server.address() as AddressInfo).port) };
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const seenRolledOut = (): Promise<void> =>
    settled(
      { name: "category-v2", namespace: "category", uid: WRITTEN, labels: {}, behind: true },
      { cluster, timeoutSeconds: 5 },
    );
  const webhooks = (): Promise<void> => verdictGiven({ name: "istio-system", uid: WRITTEN }, cluster);
  const labelled = (): Promise<void> =>
    everyPodLabelled(
      {
        oldInputs: { spec: { selector: {} } },
        oldOutputs: { kind: "Gateway", metadata: { namespace: "istio-ingress", name: "shop", uid: WRITTEN } },
      },
      { namespace: "istio-ingress", labels: {} },
      { cluster, timeoutSeconds: 5 },
    );

  it("is not believed in what it says of rollouts, webhooks and pods", async () => {
    for (const [wait, object] of [
      [seenRolledOut, /^Deployment category\/category-v2 was not seen rolled out: it has the uid/],
      [webhooks, /could not be asked: Namespace istio-system has the uid/],
      [labelled, /^Gateway istio-ingress\/shop has the uid/],
    ] as const) {
      asked = [];
      await assert.rejects(wait(), (error: Error) => {
        assert.match(error.message, object);
        assert.match(error.message, /`cluster` is not that of its provider/);
        return true;
      });
      assert.equal(asked.length, 1, "nothing else is asked");
    }
  });

  it("is asked again while it cannot answer, and not where it may not be asked", async () => {
    const key = { kind: "Gateway", namespace: "istio-ingress", name: "shop" } as const;
    const proof = async (): Promise<void> =>
      proveCluster(await kubernetesAccess(cluster), key, WRITTEN, AbortSignal.timeout(5000));
    uid = WRITTEN;
    failures = [503, 429];
    await proof();
    assert.equal(asked.length, 3);
    failures = [403];
    await assert.rejects(proof(), isFinal);
    assert.equal(asked.length, 4);
  });

  it("is told by the uid alone", async () => {
    uid = WRITTEN;
    for (const wait of [seenRolledOut, webhooks, labelled]) await wait();
  });
});

function kubeconfig(port: number, scheme: "http" | "https" = "http"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [
      {
        name: "test",
        cluster: { server: `${scheme}://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
      },
    ],
    users: [{ name: "test", user: {} }],
  });
}
