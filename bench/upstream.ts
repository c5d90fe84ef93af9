/** A minimal service behind a gateway, in its own namespace, and how fast it answers. */
import autocannon from "autocannon";
import { applyObjects, get, kubectl, until } from "../lab/harness";

export const NAMESPACE = "bench";
export const HOST = "bench.lab.internal";
export const PORT = 8080;
const SECONDS = 8;

/** Node's own HTTP server. */
const UPSTREAM = `require("node:http").createServer((_, res) => res.end("ok")).listen(${PORT})`;

/** The image of a running container. */
export async function imageOf(container: string): Promise<string> {
  const pods = await get<{ items: { spec: { containers: C[]; initContainers?: C[] } }[] }>("pods", "-A");
  const all = pods.items.flatMap(({ spec }) => [...spec.containers, ...(spec.initContainers ?? [])]);
  const found = all.find(({ name }) => name === container);
  if (!found) throw new Error(`no container ${container} runs`);
  return found.image;
}
type C = { readonly name: string; readonly image: string };

/** Creates the namespace with a server and its Service `upstream`; returns the address of the pod. */
export async function startUpstream(labels: Readonly<Record<string, string>> = {}): Promise<string> {
  await applyObjects({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
  await applyObjects(pod("upstream", await imageOf("category"), ["node", "-e", UPSTREAM]), {
    ...object("v1", "Service", "upstream", {
      spec: { selector: { app: "upstream" }, ports: [{ name: "http", port: PORT }] },
    }),
  });
  return podAddress(NAMESPACE, "app=upstream");
}

export const object = (
  apiVersion: string,
  kind: string,
  name: string,
  more: object,
  namespace = NAMESPACE,
): object => ({
  apiVersion,
  kind,
  metadata: { name, namespace, labels: { "shopzier-mesh/bench": "true" } },
  ...more,
});

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { podIP: string };
  }[];
}

/** Address of the one ready pod with a label. */
export async function podAddress(namespace: string, selector: string): Promise<string> {
  await kubectl("wait", "pod", "-n", namespace, "-l", selector, "--for=condition=Ready", "--timeout=60s");
  const { items } = await get<Pods>(
    "pods",
    "-n",
    namespace,
    "-l",
    selector,
    "--field-selector=status.phase=Running",
  );
  const [pod] = items;
  if (!pod) throw new Error(`no pod ${selector} in ${namespace}`);
  return pod.status.podIP;
}

/** A pod that listens on PORT; `/config` is the ConfigMap of its name, if there is one. */
export const pod = (name: string, image: string, command: readonly string[]): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: NAMESPACE, labels: { app: name, version: "v1" } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name,
        image,
        imagePullPolicy: "IfNotPresent",
        command,
        readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
        volumeMounts: [{ name: "config", mountPath: "/config" }],
      },
    ],
    volumes: [{ name: "config", configMap: { name, optional: true } }],
  },
});

export interface Rate {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export async function rate(address: string, token = ""): Promise<Rate> {
  const url = `http://${address}/`;
  const headers = { host: HOST, authorization: `Bearer ${token}` };
  await until(
    `${url} answers`,
    () =>
      autocannon({ url, headers, connections: 1, amount: 1 }).then(
        (r) => r["2xx"] === 1,
        () => false,
      ),
    30,
  );
  const { requests, latency, non2xx, errors } = await autocannon({
    url,
    headers,
    connections: 32,
    duration: SECONDS,
  });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} refused, ${errors} failed`);
  return { perSecond: requests.average, p50: latency.p50, p99: latency.p99 };
}

export const shown = ({ perSecond, p50, p99 }: Rate): string =>
  `${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`;
