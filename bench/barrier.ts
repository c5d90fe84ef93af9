/** What the propagation barrier costs, alone and on a large mesh. */
import assert from "node:assert/strict";
import { LISTENERS_QUESTION } from "../components/readiness/gateway-policies";
import { ROUTES_QUESTION } from "../components/readiness/propagation";
import { clustersQuestion } from "../components/readiness/proxy-endpoints";
import type { VirtualServiceSpec } from "../components/istio/virtual-service";
import { Client } from "../lab/client";
import {
  applyObjects,
  baseline,
  editStackFile,
  envoyAdmin,
  gatewayPods,
  get,
  kubectl,
  NAMESPACE,
  until,
  up,
} from "../lab/harness";
import { atMost, inTurn, timed, type Result } from "./measure";

/** Seconds by which an `up` that waits is later at the new split than one that does not. */
async function added(rounds: number): Promise<number> {
  const client = await Client.open();
  let flip = 0;
  const shift = async (wait: boolean): Promise<number> => {
    const [from, to] = flip++ % 2 ? ["v2", "v1"] : ["v1", "v2"];
    editStackFile((config) => {
      config["shopzier:traffic"] = { weights: { [to]: 100, [from]: 0 } };
      config["shopzier:propagation"] = { wait };
    });
    return timed(async () => {
      await up();
      // What the barrier waits for, seen from outside.
      for (let row = 0; row < 5;) row = (await client.ask()).version === to ? row + 1 : 0;
    });
  };
  const [waiting, without] = await inTurn(
    rounds,
    () => shift(true),
    () => shift(false),
  );
  await client.close();
  return waiting - without;
}

export async function barrierCost(): Promise<Result> {
  await baseline();
  return atMost("what the propagation barrier adds to the propagation", await added(6), 0.5);
}

const OTHERS = { namespace: "large-mesh", services: 400, ports: [8080, 8081, 8082], endpoints: 10 };

/** Services with endpoints that nobody serves: only what the proxies know of them matters. */
function largeMesh(): object[] {
  const { namespace, services, endpoints } = OTHERS;
  const ports = OTHERS.ports.map((port) => ({ name: `http-${port}`, port, protocol: "TCP" }));
  return Array.from({ length: services }, (_, i) => {
    const metadata = { name: `service-${i}`, namespace };
    const address = (n: number): string =>
      `10.200.${Math.floor((i * endpoints + n) / 250)}.${1 + ((i * endpoints + n) % 250)}`;
    return [
      { apiVersion: "v1", kind: "Service", metadata, spec: { ports } },
      {
        ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
        metadata: { ...metadata, labels: { "kubernetes.io/service-name": metadata.name } },
        ports,
        endpoints: Array.from({ length: endpoints }, (_, n) => ({
          addresses: [address(n)],
          conditions: { ready: true },
        })),
      },
    ];
  }).flat();
}

/** With 12,000 endpoints besides the category's; one gateway pod, then ten. */
export async function largeMeshCost(): Promise<Result[]> {
  const { namespace, services, ports, endpoints } = OTHERS;
  await baseline();
  await kubectl("create", "namespace", namespace);
  try {
    await applyObjects(...largeMesh());
    const results: Result[] = [];
    for (const pods of [1, 10]) {
      await baseline((config) => {
        config["shopzier:gateway"] = { ...(config["shopzier:gateway"] as object), replicas: pods };
      });
      const names = (await gatewayPods()).map(({ metadata }) => metadata.name);
      assert.equal(names.length, pods);
      for (const name of names)
        await until(
          "all endpoints in a gateway pod",
          async () => {
            const known = await envoyAdmin("istio-ingress", name, "clusters?format=json&filter=large-mesh");
            return (
              (known.match(/"priority"|"address": \{/g)?.length ?? 0) >= services * ports.length * endpoints
            );
          },
          300,
        );
      const mesh = `of a mesh with 12,000 endpoints, ${pods} gateway pod${pods === 1 ? "" : "s"}`;
      results.push(atMost(`what the propagation barrier adds, ${mesh}`, await added(4), 0.5));
      if (pods === 1) results.push(await largestAnswer(names[0] ?? ""));
    }
    return results;
  } finally {
    await kubectl("delete", "namespace", namespace, "--wait=false");
    await baseline();
  }
}

/** Of Envoy, to what the barrier asks. */
async function largestAnswer(pod: string): Promise<Result> {
  const { spec } = await get<{ spec: VirtualServiceSpec }>("virtualservice", "category", "-n", NAMESPACE);
  const questions = [clustersQuestion(spec), ROUTES_QUESTION, LISTENERS_QUESTION];
  const sizes = await Promise.all(
    questions.map(async (question) => (await envoyAdmin("istio-ingress", pod, question)).length),
  );
  const largest = Math.max(...sizes);
  return {
    name: "largest answer to the barrier, of a mesh with 12,000 endpoints",
    ours: `${(largest / 1000).toFixed(0)} kB`,
    against: "-",
    ratio: "-",
    target: "≤ 1,000 kB",
    met: largest <= 1e6,
  };
}
