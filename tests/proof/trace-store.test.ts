import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Agent, request } from "undici";
import { Images } from "../../lab/images";
import { importImage, inNode } from "../../lab/node";
import { Toolchain } from "../../lab/toolchain";
import { Certificates } from "../support/certificates";
import { freezeService, resetConnections } from "../support/faults";
import { Client, failures } from "../../lab/client";
import { applyObjects, kubectl, must, readyPods, stackFile, until, up } from "../../lab/harness";
import { JAEGER, JaegerClient, observing, restart, underLoad } from "../../lab/prometheus";

/** The namespace of OpenSearch, and the name of all that is in it. */
const STORE = "opensearch";
const HOST = `${STORE}.${STORE}.svc.cluster.local`;
const LOGIN = "search-login";
const MARK = randomBytes(12).toString("hex");
/** What a shell, YAML or Jaeger's own configuration could mistake for something else. */
const PASSWORD = `Aa1 #$x: {'"\\}${MARK}`;

describe("traces in OpenSearch", function () {
  this.timeout("5m");
  let client: Client;
  let jaeger: JaegerClient;
  let image: string;
  let printed: string;
  const certificates = new Certificates();

  before(async function () {
    // The image of the store is built where the cache has none.
    this.timeout("20m");
    const archive = await new Images(await Toolchain.find()).search(() => undefined);
    image = archive.reference;
    await importImage(archive.file);
    await certificates.authority("root");
    await certificates.issue("store", "root", HOST);
    await applyObjects(...opensearch());
    await kubectl("rollout", "status", `deployment/${STORE}`, "-n", STORE, "--timeout=120s");
    const login = { url: `https://${HOST}:9200`, credentials: LOGIN, ca: certificates.read("root.crt") };
    stackFile(
      observing({
        metrics: { source: "envoy" },
        jaeger: { ...JAEGER, opensearch: login },
        tracing: { provider: "jaeger", sampling: 100, tags: { tenant: { header: "x-tenant" } } },
      }),
    );
    // Without the Secret Jaeger's pod waits; the namespace is the stack's.
    const made = kubectl("wait", "--for=create", "namespace/jaeger", "--timeout=120s").then(() =>
      applyObjects(secret(LOGIN, "jaeger", { username: "admin", password: PASSWORD })),
    );
    [printed] = await Promise.all([up("--diff"), made]);
    jaeger = await JaegerClient.open();
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await kubectl("delete", "namespace", STORE, "--ignore-not-found", "--timeout=60s");
    await inNode(["ctr", "--namespace=k8s.io", "images", "rm", image]);
    certificates.remove();
  });

  const secret = (name: string, namespace: string, stringData: Readonly<Record<string, string>>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    stringData,
  });

  /** One node with a login and a certificate of its own. */
  function opensearch(): readonly object[] {
    const metadata = { name: STORE, namespace: STORE };
    const labels = { app: STORE };
    const http = "plugins.security.ssl.http";
    const container = {
      name: STORE,
      image,
      args: [
        "-Ediscovery.type=single-node",
        "-Enetwork.host=0.0.0.0",
        `-E${http}.pemcert_filepath=tls/tls.crt`,
        `-E${http}.pemkey_filepath=tls/tls.key`,
        `-E${http}.pemtrustedcas_filepath=tls/ca.crt`,
      ],
      env: [
        { name: "OPENSEARCH_JAVA_OPTS", value: "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1" },
        {
          name: "OPENSEARCH_INITIAL_ADMIN_PASSWORD",
          valueFrom: { secretKeyRef: { name: STORE, key: "password" } },
        },
      ],
      // What asks for nothing gets next to nothing on a busy machine.
      resources: { requests: { cpu: "500m", memory: "1Gi" } },
      readinessProbe: {
        httpGet: { path: "/_plugins/_security/health", port: 9200, scheme: "HTTPS" },
        periodSeconds: 1,
      },
      volumeMounts: [{ name: "tls", mountPath: "/usr/share/opensearch/config/tls" }],
    };
    return [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: STORE } },
      secret(STORE, STORE, {
        password: PASSWORD,
        "tls.crt": certificates.read("store.crt"),
        "tls.key": certificates.read("store.key"),
        "ca.crt": certificates.read("root.crt"),
      }),
      { apiVersion: "v1", kind: "Service", metadata, spec: { selector: labels, ports: [{ port: 9200 }] } },
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata,
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 0,
              containers: [container],
              volumes: [{ name: "tls", secret: { secretName: STORE } }],
            },
          },
        },
      },
    ];
  }

  const store = async () => {
    const [pod] = await readyPods(STORE, `app=${STORE}`);
    assert.ok(pod, "OpenSearch is not ready");
    return pod;
  };

  /** Requests whose traces can be told from all others by a tag. */
  async function send(mark: string): Promise<void> {
    assert.deepEqual(failures(await client.sample(20, { headers: { "x-tenant": mark } })), {});
  }

  async function found(mark: string): Promise<readonly string[]> {
    // Where an index is just made, or the store away, Jaeger answers with an error.
    const services = await jaeger.services().catch(() => []);
    const gateway = services.find((name) => name.startsWith("istio-ingressgateway"));
    if (gateway === undefined) return [];
    const traces = await jaeger.traces(gateway, { tenant: mark }).catch(() => []);
    return traces.map(({ traceID }) => traceID);
  }

  /** Twenty traces or more. */
  async function sendUntilFound(mark: string): Promise<readonly string[]> {
    await until("twenty traces", async () => {
      await send(mark);
      return (await found(mark)).length >= 20;
    });
    return found(mark);
  }

  it("asks for a login", async () => {
    const { podIP } = (await store()).status;
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const { statusCode, body } = await request(`https://${podIP ?? ""}:9200/_cat/indices`, { dispatcher });
    await body.dump();
    assert.equal(statusCode, 401);
  });

  it("outlive Jaeger's pod", async () => {
    const before = await sendUntilFound("kept");
    await restart("jaeger", "jaeger");
    jaeger = await JaegerClient.open();
    await until("what was there before", async () => {
      const after = await found("kept");
      return before.every((id) => after.includes(id));
    });
  });

  it("have a password that nobody sees", async () => {
    const written = await kubectl("get", "configmaps,deployments,pods", "-n", "jaeger", "-o", "json");
    const logs = await kubectl("logs", "deployment/jaeger", "-n", "jaeger");
    const state = await must("pulumi", "stack", "export", "--stack", "lab");
    const secrets = [MARK, Buffer.from(PASSWORD).toString("base64")];
    for (const text of [printed, written, logs, state])
      for (const hidden of secrets) assert.ok(!text.includes(hidden));
  });

  it("cost no request and no time when OpenSearch hangs or is down, and come again after it", async () => {
    const { uid } = (await store()).metadata;
    const program = "org.opensearch.bootstrap.OpenSearch";
    const well = await underLoad(client, 6);
    const thaw = freezeService(uid, program);
    const hanging = await underLoad(client, 12).finally(thaw);
    const restore = resetConnections(uid, program, 9200);
    const down = await underLoad(client, 6).finally(restore);
    console.log(`      well: ${well.text}; hanging: ${hanging.text}; down: ${down.text}`);
    for (const { p99 } of [hanging, down]) assert.ok(p99 < well.p99 + 250);
    await sendUntilFound("later");
    assert.ok((await found("kept")).length >= 20);
  });
});
