/**
 * Makes every component with a provider, as if there were an engine, and calls all hooks. Prints what was asked of the provider's
 * cluster and of the ambient one. It is a process of its own, since the waits fail: both clusters are empty.
 */
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import * as mesh from "../../components/index";
import { setMocks } from "../../components/testing";

/** Questions of each kind: whether istiod answers, a rollout has ended, gateways have routes and certificates, and what exists. */
export const ASKED = [
  "GET /api/v1/namespaces/istio-system",
  "GET /apis/apps/v1/namespaces/orders/deployments/orders-v1",
  "GET /apis/apps/v1/namespaces/canary/deployments/canary-v1",
  "GET /apis/apps/v1/namespaces/elsewhere/deployments",
  "GET /api/v1/namespaces/istio-ingress/pods",
  "GET /apis/networking.istio.io/v1/namespaces/secure/gateways/secure-certificates",
  "GET /api/v1/namespaces/shared/pods",
  "GET /api/v1/namespaces/used",
  "GET /apis/networking.istio.io/v1/namespaces/orders/virtualservices/orders",
  "GET /api/v1",
];

/** An API server without objects. */
async function apiServer(): Promise<{ readonly questions: string[]; readonly kubeconfig: string }> {
  const questions: string[] = [];
  const server = createServer((request, response) => {
    questions.push(`${request.method ?? ""} ${(request.url ?? "").split("?", 1)[0] ?? ""}`);
    const status = { kind: "Status", code: 404, message: "not found" };
    response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify(status));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const kubeconfig = JSON.stringify({
    clusters: [
      {
        name: "a",
        cluster: {
          "insecure-skip-tls-verify": true,
          server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        },
      },
    ],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    users: [{ name: "a", user: {} }],
    "current-context": "a",
  });
  return { questions, kubeconfig };
}

function everyComponent(opts: pulumi.ComponentResourceOptions): void {
  const version = "1.31.4";
  const hosts = ["shop.example.com"];
  const istio = new mesh.IstioControlPlane("istio", { version }, opts);
  const tls = { credentialName: "shop-tls" };
  const gateway = new mesh.IngressGateway("shop", { version, hosts }, opts);
  new mesh.IngressGateway("secure", { version, hosts, tls, namespace: "secure" }, opts);
  const guard = new mesh.GatewayAccess(
    "guard",
    { gateway, lists: { deny: [{ paths: [{ exact: "/x" }] }] } },
    opts,
  );
  new mesh.ExistingControlPlane("found", { namespace: "elsewhere" }, opts);
  new mesh.ExistingGateway("shared", { namespace: "shared", labels: { a: "b" }, hosts }, opts);
  const service = {
    injectionLabels: istio.injectionLabels,
    port: 8080,
    probes: { readinessPath: "/" },
    versions: { v1: { pod: { containers: [{ name: "a", image: "a" }] } } },
  };
  new mesh.VersionedService("orders", { ...service, namespace: "orders" }, opts);
  new mesh.VersionedService("used", { ...service, namespace: { name: "used", create: false } }, opts);
  new mesh.VersionRoutes(
    "routes",
    {
      service: { name: "orders", namespace: "orders", port: 8080 },
      hosts,
      gateway,
      traffic: { weights: { v1: 100 } },
      guards: [guard],
      propagation: { callers: ["callers"] },
      meshCallers: true,
    },
    opts,
  );
  new mesh.CategoryApi(
    "category",
    {
      ...service,
      namespace: "category",
      hosts: ["category.example.com"],
      gateway,
      access: { from: [gateway] },
      database: {},
      traffic: { weights: { v1: 100 } },
    },
    opts,
  );
  const canary = { versions: { v1: { image: "a" } }, weights: { v1: 100 }, host: "canary.example.com" };
  new mesh.CanaryService("canary", { ...canary, gateway }, opts);
  new mesh.MutualTls("mtls", {}, opts);
  new mesh.Prometheus("prometheus", {}, opts);
  new mesh.Jaeger("jaeger", {}, opts);
  new mesh.Grafana("grafana", {}, opts);
}

async function main(): Promise<void> {
  const [ambient, own] = await Promise.all([apiServer(), apiServer()]);
  const folder = mkdtempSync(path.join(tmpdir(), "shopzier-provider-"));
  process.env.KUBECONFIG = path.join(folder, "kubeconfig");
  writeFileSync(process.env.KUBECONFIG, ambient.kubeconfig);
  process.on("unhandledRejection", () => undefined);
  const objects: Record<string, string> = {};
  const mocks: pulumi.runtime.Mocks = {
    newResource: ({ type, name, inputs, provider }) => {
      if (type.startsWith("kubernetes:")) objects[name] = provider ?? "";
      return { id: `${name}-id`, state: { ...(inputs as object), status: inputs as object } };
    },
    call: () => ({}),
  };
  await setMocks(mocks, "project", "stack", false, "organization");
  // The components ask a cluster only if there is an engine.
  Object.defineProperty(pulumi.runtime, "getEngine", { value: () => ({}) });
  const hooks: Promise<unknown>[] = [];
  await pulumi.runtime
    .runInPulumiStack(() => {
      pulumi.runtime.registerStackTransformation(({ name, props, opts }) => {
        const bound = Object.values((opts as pulumi.CustomResourceOptions).hooks ?? {}).flat();
        for (const hook of bound as (pulumi.ResourceHook | pulumi.ErrorHook)[]) {
          const call = new Promise<object>((resolve) => pulumi.output(props as object).apply(resolve)).then(
            (inputs) =>
              (hook as pulumi.ResourceHook).callback({
                ...{ urn: name, id: name, name, type: "", newInputs: inputs },
                ...{ oldInputs: inputs, oldOutputs: inputs, newOutputs: inputs },
              }),
          );
          hooks.push(call.catch(() => undefined));
        }
        return undefined;
      });
      const provider = new k8s.Provider("own", { kubeconfig: pulumi.secret(own.kubeconfig) });
      everyComponent({ provider });
      return Promise.resolve({});
    })
    .catch((error: unknown) => {
      console.error(error);
    });
  const limit = AbortSignal.timeout(100_000);
  while (!limit.aborted && !ASKED.every((question) => own.questions.includes(question))) await setTimeout(50);
  // Time for what would ask the wrong cluster.
  await Promise.race([Promise.all(hooks), setTimeout(1000)]);
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify({ ambient: ambient.questions, own: [...new Set(own.questions)], objects }));
  process.exit(0);
}

if (require.main === module) void main();
