import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseSettings } from "../../stacks/config/settings";
import { examine, isWell, namespacesOf, report, rightsOf, type Findings } from "../../stacks/doctor";

const SETTINGS = parseSettings(
  {
    traffic: { weights: { v1: 100 } },
    category: {
      host: "shop.example.com",
      versions: { v1: { image: "registry.example.com/category-api:1.0.0" } },
    },
  },
  "dev",
);

const WELL: Findings = {
  context: "here",
  server: "https://10.0.0.1:6443",
  kubernetes: "v1.34.2",
  controlPlanes: [{ namespace: "istio-system", name: "istiod", version: "1.31.0", revision: "default" }],
  gateways: [],
  missingRights: [],
  foreign: [],
};

/** The findings on a cluster with these namespaces and Deployments, whose API server refuses one right. */
async function found(
  namespaces: Readonly<Record<string, object>>,
  deployments: readonly object[],
  refused: string,
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
    return { ...(await examine(SETTINGS, "dev", { kubeconfig })), server: "" };
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
      report(findings),
      `context:        here ()
Kubernetes:     v1.34.2
control planes: istio-system/istiod 1.31.0 (revision canary)
gateways:       edge/edge unknown (revision default)
rights:         these are missing
  - get customresourcedefinitions.apiextensions.k8s.io
  - create customresourcedefinitions.apiextensions.k8s.io
  - patch customresourcedefinitions.apiextensions.k8s.io
  - delete customresourcedefinitions.apiextensions.k8s.io
exists already: these namespaces have not the mark of this stack; \`pulumi preview\` refuses those that are not in its state
  - istio-ingress: managed by Helm
  - category: Pulumi stack organization/shopzier/other`,
    );
  });

  it("reports that all is well, or what could not be read", () => {
    assert.equal(isWell(WELL), true);
    assert.equal(
      report({ ...WELL, gateways: "deployments is forbidden" }),
      `context:        here (https://10.0.0.1:6443)
Kubernetes:     v1.34.2
control planes: istio-system/istiod 1.31.0 (revision default)
gateways:       not known: deployments is forbidden
rights:         all that the stack needs
exists already: nothing of others that the stack would make`,
    );
  });

  it("checks the namespaces and rights that the settings need", () => {
    assert.deepEqual(
      namespacesOf(SETTINGS).map(({ name }) => name),
      ["istio-system", "istio-ingress", "category"],
    );
    const forwards = rightsOf(SETTINGS).filter(({ subresource }) => subresource === "portforward");
    assert.deepEqual(
      forwards.map(({ verb, namespace }) => [verb, namespace]),
      [
        ["get", "istio-ingress"],
        ["create", "istio-ingress"],
      ],
    );
  });
});
