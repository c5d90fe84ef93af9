import { applyObjects, kubectl, readyPods, tool, until } from "../../lab/harness";

/** A pod that asks within the cluster: with a sidecar it has an identity of the mesh, without one it has none. */
export interface MeshClient {
  readonly ip: string;
  /** Runs a program of Node.js in the pod; gives what it printed, or the error. */
  run(script: string): Promise<string>;
  /** Status of `GET url`, with the header by which the category service tells its version; or why there is none. */
  status(url: string, headers?: Readonly<Record<string, string>>): Promise<string>;
}

/** Answers every request with what it got, or with the body that its path asks for. */
const ECHO = `require("node:http").createServer((q, r) => {
  const [, body] = q.url.split("/body/");
  r.end(body ? Buffer.from(body, "base64url") : JSON.stringify({ url: q.url, headers: q.headers }));
}).listen(8080)`;

/** A URL at which the pod in `namespace` answers with `body`. */
export const echoUrl = (namespace: string, body: string): string =>
  `http://echo.${namespace}.svc.cluster.local:8080/body/${Buffer.from(body).toString("base64url")}`;

/** Makes the namespace with a pod in it that also echoes requests on port 8080, by a Service \`echo\`. */
export async function meshClient(namespace: string, sidecar: boolean): Promise<MeshClient> {
  const labels = { app: "echo" };
  const metadata = { name: "echo", namespace };
  const objects = [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, ...(sidecar && { labels: { "istio-injection": "enabled" } }) },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, labels },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: "echo",
            image: "lab.internal/category-api:1.0.0",
            imagePullPolicy: "IfNotPresent",
            command: ["node", "-e", ECHO],
          },
        ],
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ name: "http", port: 8080 }] },
    },
  ];
  await applyObjects(...objects);
  let ip = "";
  await until(`the pod in ${namespace} is ready`, async () => {
    const [pod] = await readyPods(namespace, "app=echo");
    ip = pod?.status.podIP ?? "";
    return ip !== "";
  });
  const run = async (script: string): Promise<string> => {
    const { all } = await tool(
      "kubectl",
      "-n",
      namespace,
      "exec",
      "echo",
      "-c",
      "echo",
      "--",
      "node",
      "-e",
      script,
    );
    return all.trim();
  };
  return {
    ip,
    run,
    status: (url, headers = {}) =>
      run(
        `const q = require("node:http").get(${JSON.stringify(url)}, { headers: ${JSON.stringify(headers)}, timeout: 5000 }, (r) => {
           console.log(r.statusCode, r.headers["x-category-version"] ?? "");
           r.resume();
         });
         q.on("timeout", () => q.destroy(new Error("no answer")));
         q.on("error", (e) => console.log(e.code ?? e.message));`,
      ),
  };
}

/** A policy beside those of the stack that lets everything into a namespace: what is refused then, the network did not. */
export const openNetwork = (namespace: string): object => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "open", namespace },
  spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] },
});

/** Ends a namespace without waiting for it. */
export async function remove(...namespaces: readonly string[]): Promise<void> {
  await kubectl("delete", "namespace", ...namespaces, "--ignore-not-found", "--wait=false");
}
