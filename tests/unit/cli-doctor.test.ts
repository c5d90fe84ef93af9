import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { examine, isWell, type Findings } from "../../cli/doctor/examine";
import { rightsOf } from "../../cli/doctor/rights";
import { doctorText } from "../../cli/doctor/text";
import type { KubernetesObject, Side } from "../../cli/side";
import { accessTo } from "../../cli/sources/live";

const object = (apiVersion: string, kind: string, name: string, namespace?: string, spec = {}) =>
  ({
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    spec,
  }) as KubernetesObject;
const NAMESPACES = ["istio-system", "istio-ingress", "category"].map((name) =>
  object("v1", "Namespace", name),
);
const ISTIOD = object("helm.sh/v3", "Release", "istiod", "istio-system");
const GATEWAY = object("networking.istio.io/v1", "Gateway", "shop", "istio-ingress");
const side = (...objects: KubernetesObject[]): Side => ({ title: "here", objects, notShown: [] });

const WELL: Findings = {
  context: "here",
  server: "https://10.0.0.1:6443",
  kubernetes: "v1.34.2",
  controlPlanes: [{ namespace: "istio-system", name: "istiod", version: "1.31.0", revision: "default" }],
  gateways: [],
  missingRights: [],
  foreign: [],
  missingNamespaces: [],
  notLookedAt: [],
};

/** The findings on a cluster with these namespaces and Deployments, whose API server refuses one right. */
async function found(
  namespaces: Readonly<Record<string, object>>,
  deployments: readonly object[],
  refused: string,
  objects: readonly KubernetesObject[] = [...NAMESPACES, ISTIOD, GATEWAY],
): Promise<Findings> {
  const resources = (names: Readonly<Record<string, string>>) =>
    Object.entries(names).map(([name, kind]) => ({ name, kind, namespaced: kind === "Deployment" }));
  const answer = (path: string, body: string): [number, object] => {
    if (path === "/version") return [200, { gitVersion: "v1.34.2" }];
    if (path === "/api/v1") return [200, { resources: resources({ namespaces: "Namespace" }) }];
    if (path === "/apis/apps/v1") return [200, { resources: resources({ deployments: "Deployment" }) }];
    if (path === "/apis/authorization.k8s.io/v1")
      return [200, { resources: resources({ selfsubjectaccessreviews: "SelfSubjectAccessReview" }) }];
    if (path === "/apis/apps/v1/deployments") return [200, { items: deployments }];
    if (path.endsWith("/selfsubjectaccessreviews"))
      return [
        201,
        { status: { allowed: !body.includes('"*"') && !body.includes(`"resource":"${refused}"`) } },
      ];
    if (path.startsWith("/apis/networking.istio.io/")) return [404, { message: "not found" }];
    const metadata = namespaces[path.replace("/api/v1/namespaces/", "")];
    return metadata ? [200, { metadata }] : [404, { message: "not found" }];
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += String(chunk)));
    request.on("end", () => {
      const [status, json] = answer((request.url ?? "").split("?")[0] ?? "", body);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfig = JSON.stringify({
    clusters: [{ name: "test", cluster: { server: url, "insecure-skip-tls-verify": true } }],
    contexts: [{ name: "here", context: { cluster: "test", user: "test" } }],
    users: [{ name: "test", user: {} }],
    "current-context": "here",
  });
  try {
    const owner = { project: "shopzier", stack: "dev" };
    return { ...(await examine(side(...objects), owner, accessTo({ kubeconfig }))), server: "" };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("the doctor", () => {
  it("finds Istio, missing rights, and namespaces of other owners", async () => {
    const template = (labels: object, annotations: object = {}) => ({
      spec: { template: { metadata: { labels, annotations } } },
    });
    const mark = (stack: string) => ({
      annotations: { "shopzier-mesh/owner": `organization urn:pulumi:${stack}::shopzier::a$b::c` },
    });
    const findings = await found(
      {
        "istio-system": mark("dev"),
        category: mark("other"),
        "istio-ingress": { labels: { "app.kubernetes.io/managed-by": "Helm" } },
      },
      [
        {
          metadata: { name: "istiod", namespace: "istio-system" },
          ...template({ app: "istiod", "app.kubernetes.io/version": "1.31.0", "istio.io/rev": "canary" }),
        },
        {
          metadata: { name: "edge", namespace: "edge" },
          ...template({}, { "inject.istio.io/templates": "gateway" }),
        },
        { metadata: { name: "other", namespace: "edge" }, ...template({}) },
      ],
      "customresourcedefinitions",
    );
    assert.equal(isWell(findings), false);
    assert.equal(
      doctorText(findings),
      `context:        here ()
Kubernetes:     v1.34.2
control planes: istio-system/istiod 1.31.0 (revision canary)
gateways:       edge/edge unknown (revision default)
rights:         these are missing
  - get customresourcedefinitions.apiextensions.k8s.io
  - create customresourcedefinitions.apiextensions.k8s.io
  - patch customresourcedefinitions.apiextensions.k8s.io
  - delete customresourcedefinitions.apiextensions.k8s.io
exists already: these objects have not the mark of this stack; \`pulumi preview\` refuses those that are not in its state
  - Namespace istio-ingress: managed by Helm
  - Namespace category: Pulumi stack organization/shopzier/other
`,
    );
  });

  it("reports that all is well, or what could not be read", () => {
    assert.equal(isWell(WELL), true);
    assert.equal(
      doctorText({ ...WELL, gateways: "deployments is forbidden" }),
      `context:        here (https://10.0.0.1:6443)
Kubernetes:     v1.34.2
control planes: istio-system/istiod 1.31.0 (revision default)
gateways:       not known: deployments is forbidden
rights:         all that the stack needs
exists already: nothing of others that the stack would make
`,
    );
  });

  it("names namespaces that the stack uses and nobody has made", async () => {
    const findings = await found({ category: {} }, [], "none", [
      object("v1", "Service", "category", "category"),
      object("v1", "Service", "edge", "edge"),
    ]);
    assert.deepEqual([isWell(findings), findings.missingNamespaces], [false, ["edge"]]);
    assert.match(doctorText(findings), /does not exist: .*\n {2}- edge/);
  });

  it("names a cluster that does not answer", async () => {
    const kubeconfig = JSON.stringify({
      clusters: [{ name: "test", cluster: { server: "http://127.0.0.1:9" } }],
      contexts: [{ name: "here", context: { cluster: "test", user: "test" } }],
      users: [{ name: "test", user: {} }],
      "current-context": "here",
    });
    await assert.rejects(
      examine(side(), { project: "shopzier", stack: "dev" }, accessTo({ kubeconfig })),
      /^SourceError: http:\/\/127\.0\.0\.1:9 \(context here\) does not answer/,
    );
  });

  it("needs the rights that the objects of a stack need, each once", () => {
    const text = (objects: readonly KubernetesObject[]): string[] =>
      rightsOf(side(...objects)).map(({ verb, resource, subresource, group, namespace }) =>
        [verb, [resource, subresource].filter(Boolean).join("/"), group, namespace].filter(Boolean).join(" "),
      );
    const own = text([object("networking.k8s.io/v1", "NetworkPolicy", "a", "category")]);
    assert.deepEqual(
      own,
      ["get", "create", "patch", "delete"].map(
        (verb) => `${verb} networkpolicies networking.k8s.io category`,
      ),
    );
    // A gateway of others, which a route names.
    const shared = text([
      object("networking.istio.io/v1", "VirtualService", "a", "category", { gateways: ["edge/shared"] }),
    ]);
    for (const right of [
      "list virtualservices networking.istio.io",
      "create pods/portforward edge",
      "list pods edge",
    ])
      assert.ok(shared.includes(right), right);
    const release = text([ISTIOD, ISTIOD]);
    for (const right of [
      "create secrets istio-system",
      "patch customresourcedefinitions apiextensions.k8s.io",
      "create deployments apps istio-system",
    ])
      assert.equal(release.filter((one) => one === right).length, 1, right);
  });
});
