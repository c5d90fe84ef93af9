import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { keyOf, SECRET, UNKNOWN, type KubernetesObject, type Side } from "../../cli/side";
import { asDeclared } from "../../cli/sources/as-declared";
import { fromCluster } from "../../cli/sources/live";

const object = (
  kind: string,
  apiVersion: string,
  name: string,
  spec: unknown,
  more: object = {},
): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(kind !== "Namespace" && { namespace: "shop" }), ...more },
  ...(spec !== undefined && { spec }),
});
const deployment = (spec: unknown): KubernetesObject => object("Deployment", "apps/v1", "web", spec);
const route = (spec: unknown, more = {}): KubernetesObject =>
  object("VirtualService", "networking.istio.io/v1", "web", spec, more);

describe("an object in the cluster, as declared", () => {
  it("lacks what the server adds", () => {
    const declared = deployment({
      replicas: 2,
      template: {
        spec: { containers: [{ name: "app", image: "a", env: [], securityContext: {}, stdin: null }] },
      },
    });
    const live = deployment({
      replicas: 2,
      progressDeadlineSeconds: 600,
      template: {
        metadata: { creationTimestamp: null },
        spec: {
          dnsPolicy: "ClusterFirst",
          containers: [{ name: "app", image: "a", imagePullPolicy: "Always" }],
        },
      },
    });
    assert.deepEqual(asDeclared(declared, live), declared);
  });

  it("has quantities as they were written, where they are the same", () => {
    const resources = (cpu: unknown, memory: unknown): KubernetesObject =>
      deployment({ requests: { cpu, memory } });
    for (const [cpu, written] of [
      ["1000m", "1"],
      ["0.5", "500m"],
      [1, "1"],
    ] as const)
      assert.deepEqual(
        asDeclared(resources(cpu, "1024Mi"), resources(written, "1Gi")),
        resources(cpu, "1024Mi"),
      );
    assert.deepEqual(asDeclared(resources("1", "1Gi"), resources("2", "1G")), resources("2", "1G"));
    assert.deepEqual(asDeclared(deployment("1.10"), deployment("1.1")), deployment("1.1"));
  });

  it("shows what somebody changed, removed and added", () => {
    const declared = deployment({ replicas: 2, containers: [{ name: "app", image: "a", args: ["x"] }] });
    const changed = deployment({
      replicas: 0,
      containers: [
        { name: "other", image: "o" },
        { name: "app", image: "b" },
      ],
    });
    assert.deepEqual(asDeclared(declared, changed), changed);
  });

  it("of Istio's kinds has all that is there", () => {
    const declared = route({
      hosts: ["a"],
      http: [{ name: "all", route: [{ weight: 80 }, { weight: 20 }] }],
    });
    const live = route(
      { hosts: ["a"], exportTo: ["."], http: [{ name: "all", fault: {}, route: [{ weight: 100 }] }] },
      { creationTimestamp: "2026-01-01T00:00:00Z", labels: { added: "later" } },
    );
    assert.deepEqual(asDeclared(declared, live), {
      ...live,
      metadata: { name: "web", namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" },
    });
    const older = { ...declared, apiVersion: "networking.istio.io/v1beta1" };
    assert.equal(asDeclared(older, live).apiVersion, "networking.istio.io/v1beta1");
  });

  it("cannot be compared where the declaration is unknown or secret", () => {
    const declared = route({ hosts: [UNKNOWN], http: [{ headers: { set: { key: SECRET } } }] });
    assert.deepEqual(
      asDeclared(declared, route({ hosts: ["a"], http: [{ headers: { set: { key: "planted" } } }] })),
      declared,
    );
  });

  it("is the declaration, if nobody changed it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (spec) => {
        for (const same of [deployment(spec), route(spec)]) assert.deepEqual(asDeclared(same, same), same);
      }),
    );
  });
});

describe("the objects in a cluster", () => {
  let server: Server;
  let kubeconfig: string;
  const asked: string[] = [];
  const answers = new Map<string, [number, unknown]>();
  const at = (path: string, items: readonly unknown[], status = 200): void => {
    answers.set(path, [status, status === 200 ? { items } : { message: "forbidden: planted" }]);
  };
  before(async () => {
    server = createServer(({ url = "" }, response) => {
      const path = url.split("?")[0] ?? "";
      asked.push(path);
      const [status, body] = answers.get(path) ?? [404, { message: "not found" }];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    kubeconfig = configOf((server.address() as AddressInfo).port);
  });
  after(() => server.close());

  const DECLARED: Side = {
    title: "HEAD",
    objects: [
      object("Namespace", "v1", "shop", undefined),
      route({ hosts: ["a"], http: [{ route: [{ weight: 80 }] }] }),
      object("VirtualService", "networking.istio.io/v1", "gone", {}),
      deployment({ replicas: 2 }),
      object("AuthorizationPolicy", "security.istio.io/v1", "unseen", {}),
      object("NetworkPolicy", "networking.k8s.io/v1", "other", {}),
    ],
    notShown: [],
  };

  it("are those that are declared, and Istio's of others in the same namespaces", async () => {
    const istio = "/apis/networking.istio.io/v1/namespaces/shop";
    const noise = { managedFields: [{}], resourceVersion: "1", uid: "u" };
    answers.set("/api/v1/namespaces/shop", [200, { ...object("Namespace", "v1", "shop", {}), status: {} }]);
    at(`${istio}/virtualservices`, [
      { ...route({ hosts: ["a"], http: [{ route: [{ weight: 100 }] }] }, noise), status: {} },
      object("VirtualService", "networking.istio.io/v1", "foreign", { hosts: ["a"] }),
    ]);
    at("/apis/apps/v1/namespaces/shop/deployments", [
      { metadata: { name: "web", namespace: "shop" }, spec: { replicas: 2, paused: false } },
      { metadata: { name: "foreign", namespace: "shop" }, spec: {} },
    ]);
    at("/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies", [], 403);
    const side = await fromCluster({ kubeconfig, against: DECLARED });
    assert.equal(side.title, "cluster here");
    assert.deepEqual(side.objects.map(keyOf), [
      "Namespace shop",
      "VirtualService shop/web",
      "Deployment shop/web",
      "AuthorizationPolicy shop/unseen",
      "NetworkPolicy shop/other",
      "VirtualService shop/foreign",
    ]);
    assert.deepEqual(side.objects[1]?.spec, { hosts: ["a"], http: [{ route: [{ weight: 100 }] }] });
    assert.deepEqual(side.objects[2], deployment({ replicas: 2 }));
    assert.deepEqual(side.notShown, [
      "AuthorizationPolicy in namespace shop: no right to read it",
      "NetworkPolicy shop/other: kind not read",
    ]);
    assert.ok(
      !asked.some((path) => /services|secrets|pods/.test(path.replace("virtualservices", ""))),
      asked.join(),
    );
  });

  it("are all of the kinds that matter in a namespace that is named", async () => {
    const { objects } = await fromCluster({ kubeconfig, context: "here", against: ["shop"] });
    assert.deepEqual(objects.map(keyOf).sort(), [
      "Deployment shop/foreign",
      "Deployment shop/web",
      "Namespace shop",
      "VirtualService shop/foreign",
      "VirtualService shop/web",
    ]);
  });

  it("cannot be read from a cluster that does not answer, without its user or with an unknown context", async () => {
    const refused = (given: object, message: RegExp): Promise<void> =>
      assert.rejects(fromCluster({ kubeconfig, against: DECLARED, ...given }), {
        name: "SourceError",
        message,
      });
    await refused(
      { context: "gone" },
      /^context: found gone\n {2}allowed: a context of the kubeconfig: here$/,
    );
    await refused(
      { kubeconfig: configOf(1) },
      /^http:\/\/127\.0\.0\.1:1 \(context here\) does not answer: .*ECONNREFUSED|bad port/,
    );
    await refused({ kubeconfig: "users: [ planted: {" }, /^the kubeconfig cannot be read(?!.*planted)/s);
    answers.set("/api/v1/namespaces/shop", [401, { message: "Unauthorized" }]);
    await refused({}, /^http:.* \(context here\) does not accept the kubeconfig's user$/);
  });
});

function configOf(port: number): string {
  return JSON.stringify({
    clusters: [
      { name: "c", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } },
    ],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
    "current-context": "here",
  });
}
