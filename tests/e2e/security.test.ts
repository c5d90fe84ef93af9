import assert from "node:assert/strict";
import { Client } from "../../lab/client";
import {
  applyObjects,
  baseline,
  deleteObjects,
  envoyAdmin,
  gatewayPods,
  get,
  LIST,
  must,
  NAMESPACE,
  readyPods,
  setConfig,
  until,
  up,
} from "../../lab/harness";
import { meshClient, openNetwork, remove, type MeshClient } from "../support/mesh-client";

const SERVICE = "http://category.category.svc.cluster.local:8080";

/** Within the mesh, and outside of it. */
const [MEMBER, STRANGER] = ["intruder-member", "intruder-stranger"];

/** The network lets everybody through here: the sidecars and the gateway refuse by themselves. */
const OPEN = [NAMESPACE, "istio-ingress"].map(openNetwork);

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
}
interface Container {
  readonly name: string;
  readonly securityContext?: SecurityContext;
}
interface PodSpec {
  readonly securityContext: SecurityContext;
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
}

/** What Pod Security "restricted" asks of a container (Kubernetes: Pod Security Standards). */
function isRestricted({ securityContext: own = {} }: Container, { securityContext: pod }: PodSpec): boolean {
  const { add = [], drop = [] } = own.capabilities ?? {};
  return (
    drop.includes("ALL") &&
    add.every((capability) => capability === "NET_BIND_SERVICE") &&
    own.allowPrivilegeEscalation === false &&
    (own.runAsNonRoot ?? pod.runAsNonRoot) === true &&
    own.runAsUser !== 0 &&
    (own.seccompProfile ?? pod.seccompProfile)?.type === "RuntimeDefault"
  );
}

describe("security, without any setting", () => {
  let client: Client;
  let member: MeshClient;
  let stranger: MeshClient;
  let pod: string;
  let gateway: string;
  before(async () => {
    await baseline();
    await applyObjects(...OPEN);
    [client, member, stranger] = await Promise.all([
      Client.open(),
      meshClient(MEMBER, true),
      meshClient(STRANGER, false),
    ]);
    [pod, gateway] = (await Promise.all([readyPods(NAMESPACE, "app=category"), gatewayPods()])).map(
      ([first]) => first?.status.podIP ?? "",
    ) as [string, string];
  });
  after(async () => {
    await client.close();
    await deleteObjects(...OPEN);
    await remove(MEMBER, STRANGER);
  });

  it("reaches the gateway and the network from pods: what follows is refused for its own sake", async () => {
    assert.match(
      await stranger.status(`http://${gateway}${LIST}`, { host: "shop.lab.internal" }),
      /^200 v[12]$/,
    );
    assert.equal(await stranger.status(`http://${member.ip}:15021/healthz/ready`), "200");
  });

  it("takes no plain text in a sidecar, from whomever", async () => {
    assert.equal(await stranger.status(`http://${pod}:8080${LIST}`), "ECONNRESET");
    assert.equal(await stranger.status(SERVICE + LIST), "ECONNRESET");
  });

  it("takes no TLS without an identity of the mesh", async () => {
    const answer = await stranger.run(
      `const s = require("node:tls").connect(
         { host: "${pod}", port: 8080, ALPNProtocols: ["istio"], rejectUnauthorized: false },
         () => s.write("GET ${LIST} HTTP/1.1\\r\\nhost: category\\r\\n\\r\\n"));
       s.on("data", (d) => { console.log(String(d).split("\\r\\n")[0]); s.destroy(); });
       s.on("error", (e) => console.log(e.code));
       setTimeout(() => { console.log("nothing"); s.destroy(); }, 5000).unref();`,
    );
    assert.match(answer, /CERTIFICATE_REQUIRED|ECONNRESET/);
  });

  it("answers an identity that nobody allowed with 403", async () => {
    for (const path of [LIST, "/actuator/env", "/"])
      assert.equal(await member.status(SERVICE + path), "403", path);
    // By its address a pod is nobody that a sidecar knows: it is asked in plain text.
    assert.equal(await member.status(`http://${pod}:8080${LIST}`), "503");
  });

  it("takes plain text once permissive, and still allows nobody without an identity", async () => {
    await setConfig("security.mtls.mode", "PERMISSIVE");
    await up();
    await until(
      "plain text gets an answer",
      async () => (await stranger.status(`http://${pod}:8080${LIST}`)) === "403",
    );
    assert.equal((await client.ask()).status, 200);
    await baseline();
    await until(
      "plain text gets none",
      async () => (await stranger.status(`http://${pod}:8080${LIST}`)) === "ECONNRESET",
    );
  });

  it("gives nothing of its own to another gateway's pods that have the usual label", async () => {
    const name = "foreign-gateway";
    const { spec } = await get<{
      spec: { template: { metadata: { labels: Record<string, string>; annotations: object }; spec: object } };
    }>("deployment", "istio-ingressgateway", "-n", "istio-ingress");
    const { metadata, spec: podSpec } = spec.template;
    const { "shopzier-mesh/gateway": own, ...labels } = metadata.labels;
    assert.equal(own, "istio-ingress");
    const foreign = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: MEMBER, labels, annotations: metadata.annotations },
      spec: { ...podSpec, serviceAccountName: "default", terminationGracePeriodSeconds: 0 },
    };
    const routes = (namespace: string, its: string): Promise<string> =>
      envoyAdmin(namespace, its, "config_dump?resource=dynamic_route_configs");
    await applyObjects(foreign);
    try {
      await until(
        "the other gateway is ready",
        async () => (await readyPods(MEMBER, "istio=ingressgateway")).length === 1,
      );
      assert.doesNotMatch(await routes(MEMBER, name), /shop\.lab\.internal/);
      const [ours] = await gatewayPods();
      assert.match(await routes("istio-ingress", ours?.metadata.name ?? ""), /shop\.lab\.internal/);
    } finally {
      await deleteObjects(foreign);
    }
  });

  it("keeps the admin ports of Envoy and its agent to their own pod", async () => {
    for (const ip of [pod, gateway]) {
      for (const port of [15000, 15004, 15053]) {
        for (const from of [stranger, member]) {
          const answer = await from.status(`http://${ip}:${port}/config_dump`);
          assert.match(answer, /^(ECONNREFUSED|ECONNRESET|403|502|503)$/, `${ip}:${port} ${answer}`);
        }
      }
    }
  });

  it("shows nothing of the actuator but the one health check", async () => {
    assert.equal((await client.ask({ path: "/actuator/health/ping" })).status, 200);
    for (const path of [
      ...["", "/", "/env", "/health", "/health/", "/health/liveness", "/health/readiness", "/heapdump"],
      ...["/health/ping/", "/health/ping/x", "/prometheus", "/metrics", "/loggers", "/shutdown"],
    ]) {
      const { status, version } = await client.ask({ path: `/actuator${path}` });
      assert.deepEqual([status, version], [404, "none"], path);
    }
  });

  const hidden = "/actuator/env";
  for (const [path, expected] of [
    // Normalized, it is what it would have been when written plainly.
    [`/api/v1//category`, "service"],
    [`//api/v1/category`, "service"],
    [`/api/v1/category/../category`, "service"],
    [`/api/v1/./category`, "service"],
    [`/api/v1%2fcategory`, "service"],
    [`/api/v1%2Fcategory`, "service"],
    [`/api/v1%5ccategory`, "service"],
    [`/api/v1\\category`, "service"],
    [`/api/v1/%2e/category`, "service"],
    [`/actuator/env/../health/ping`, "service"],
    [`${LIST}#/../../actuator/env`, "service"],
    [`${LIST}?/../../../actuator/env`, "service"],
    // Everything that would be another path is one.
    [`${LIST}/../../..${hidden}`, 404],
    [`${LIST}/..//..//..${hidden}`, 404],
    [`${LIST}/%2e%2e/%2e%2e/%2e%2e${hidden}`, 404],
    [`${LIST}/%2E%2E/%2e./.%2e${hidden}`, 404],
    [`${LIST}%2f..%2f..%2f..${hidden}`, 404],
    [`${LIST}%2F%2e%2e%2F%2e%2e%2F%2e%2e${hidden}`, 404],
    [`${LIST}/..%5c..%5c..${hidden}`, 404],
    [`${LIST}\\..\\..\\..${hidden}`, 404],
    [`/actuator/health/ping/../../env`, 404],
    [`/actuator/health/ping/%2e%2e/%2e%2e/env`, 404],
    [`/actuator/health/ping#`, "service"],
    [`/actuator/health/ping%23`, 404],
    [`/actuator/health/ping%3f`, 404],
    [`/../../../../..${hidden}`, 404],
    [`/api/v1/categoryx`, 404],
    [`/API/V1/CATEGORY`, 404],
    [`/Actuator/Env`, 404],
    [`/ACTUATOR/health/ping`, 404],
    // Path parameters, which Java's servers would take away; Envoy does so itself before dots, from 1.39.1 on.
    [`${LIST}/..;/..;/..;${hidden}`, "refused"],
    [`${LIST}/..;a=b/..;a=b/..;a=b${hidden}`, "refused"],
    [`${LIST}/%2e%2e;/%2e%2e;/%2e%2e;${hidden}`, 400],
    [`${LIST}/x;y`, 400],
    [`${LIST};/../../..${hidden}`, 404],
    [`${LIST};x=/..;/..;/..${hidden}`, "refused"],
    [`/actuator;/env`, 400],
    [`/;${hidden}`, 400],
    [`/actuator/health/ping;/../../env`, 404],
    [`/actuator/health/ping;x`, 400],
    // Encoded twice is another name, within the category.
    [`${LIST}/%252e%252e/%252e%252e/%252e%252e${hidden}`, "within"],
    [`${LIST}/..%252f..%252f..${hidden}`, "within"],
    [`${LIST}/%3b/..%3b/..%3b${hidden}`, "within"],
    [`${LIST}/%00`, 400],
    [`${LIST}/%c0%ae%c0%ae/%c0%af${hidden}`, "within"],
  ] as const) {
    it(`reads ${path} as ${expected}`, async () => {
      const { status, version, error } = await client.ask({ path });
      assert.equal(error, undefined);
      if (expected === "service") assert.deepEqual([status, version !== "none"], [200, true]);
      // A category of that name, of which there is none.
      else if (expected === "within") assert.ok([400, 404].includes(status), String(status));
      else if (expected === "refused")
        assert.ok([400, 404].includes(status) && version === "none", String(status));
      else assert.deepEqual([status, version], [expected, "none"]);
    });
  }

  it("takes the headers away by which a client would speak for a proxy", async () => {
    const host = "echo.lab.internal";
    await applyObjects(
      {
        apiVersion: "networking.istio.io/v1",
        kind: "Gateway",
        metadata: { name: "echo", namespace: MEMBER },
        spec: {
          selector: { istio: "ingressgateway" },
          servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [host] }],
        },
      },
      {
        apiVersion: "networking.istio.io/v1",
        kind: "VirtualService",
        metadata: { name: "echo", namespace: MEMBER },
        spec: { hosts: [host], gateways: ["echo"], http: [{ route: [{ destination: { host: "echo" } }] }] },
      },
    );
    const echo = await Client.open({ url: "http://10.88.0.1:30080", host });
    try {
      await until("the echo answers", async () => (await echo.ask()).status === 200);
      const forged = {
        "x-forwarded-client-cert":
          "URI=spiffe://cluster.local/ns/istio-ingress/sa/istio-ingressgateway;Hash=1",
        "x-forwarded-proto": "https",
        "x-envoy-external-address": "192.0.2.1",
        "x-envoy-internal": "true",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-upstream-rq-per-try-timeout-ms": "1",
        "x-envoy-expected-rq-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-envoy-max-retries": "100",
        "x-envoy-hedge-on-per-try-timeout": "true",
        "x-envoy-attempt-count": "7",
        "x-envoy-original-path": "/forged",
        "x-envoy-original-host": "forged",
        "x-envoy-decorator-operation": "forged",
        "x-envoy-force-trace": "true",
        "x-envoy-ip-tags": "forged",
        "x-envoy-downstream-service-cluster": "forged",
      };
      const response = await echo.request({ headers: forged });
      const { headers } = (await response.body.json()) as { headers: Record<string, string> };
      const kept = Object.entries(forged).filter(([name, value]) => headers[name] === value);
      assert.deepEqual(kept, []);
      // What is there is the gateway's own word.
      assert.equal(headers["x-forwarded-proto"], "http");
      assert.match(
        headers["x-forwarded-client-cert"] ?? "",
        /^By=spiffe:.*;URI=spiffe:[^;,]*istio-ingressgateway$/,
      );
    } finally {
      await echo.close();
    }
  });

  it("keeps every pod of Istio's own to Pod Security restricted, and of ours all but Istio's init container", async () => {
    for (const namespace of ["istio-system", "istio-ingress"]) {
      const { metadata } = await get<{ metadata: { labels: Record<string, string> } }>(
        "namespace",
        namespace,
      );
      assert.equal(metadata.labels["pod-security.kubernetes.io/enforce"], "restricted");
    }
    const { items } = await get<{ items: { spec: PodSpec }[] }>(
      "pods",
      "-n",
      NAMESPACE,
      "-l",
      "app=category",
    );
    const violators = items.flatMap(({ spec }) =>
      [...spec.initContainers, ...spec.containers]
        .filter((c) => !isRestricted(c, spec))
        .map(({ name }) => name),
    );
    assert.deepEqual([...new Set(violators)], ["istio-init"]);
  });

  it("is free of findings by istioctl", async () => {
    for (const namespace of [NAMESPACE, "istio-ingress", "istio-system"]) {
      await must("istioctl", "analyze", "-n", namespace, "--failure-threshold", "Warning");
    }
  });
});
