import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { everyPodLabelled, GATEWAY_LABEL } from "../../components/readiness/gateway-label";

const OLD = { istio: "ingressgateway" };
const NEW = { ...OLD, [GATEWAY_LABEL]: "istio-ingress" };

describe("the update of a selector to a label that old gateway pods lack", () => {
  let asked: string[];
  /** Runs the hook before the update of an object with these inputs; each list of pods without the label is one answer. */
  async function beforeUpdate(
    inputs: object,
    seen: readonly (readonly string[] | number)[],
    timeoutSeconds = 20,
  ): Promise<void> {
    asked = [];
    const server = createServer(({ url = "" }, response) => {
      const pods = seen[Math.min(asked.length, seen.length - 1)] ?? [];
      asked.push(decodeURIComponent(url));
      const code = typeof pods === "number" ? pods : 200;
      const items = typeof pods === "number" ? [] : pods.map((name) => ({ metadata: { name } }));
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify({ items }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const kubeconfig = JSON.stringify({
      clusters: [
        { name: "test", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } },
      ],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      users: [{ name: "test", user: {} }],
      "current-context": "test",
    });
    const pods = { namespace: "istio-ingress", labels: OLD };
    try {
      await everyPodLabelled({ oldInputs: inputs }, pods, { cluster: { kubeconfig }, timeoutSeconds });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it("waits until no pod without the label is left, terminating pods included", async () => {
    await beforeUpdate({ spec: { selector: OLD } }, [["old-1", "old-2"], ["old-2"], []]);
    assert.equal(asked.length, 3);
    assert.match(
      asked[0] ?? "",
      /\/namespaces\/istio-ingress\/pods\?labelSelector=istio=ingressgateway,!shopzier-mesh\/gateway$/,
    );
    await beforeUpdate({ spec: { workloadSelector: { labels: OLD } } }, [["old-1"], []]);
    assert.equal(asked.length, 2);
  });

  it("does not wait if the selector has the label", async () => {
    await beforeUpdate({ spec: { selector: NEW } }, [["old-1"]]);
    await beforeUpdate({ spec: { workloadSelector: { labels: NEW } } }, [["old-1"]]);
    assert.deepEqual(asked, []);
  });

  it("fails if a pod does not end, and names the pod", async () => {
    await assert.rejects(beforeUpdate({ spec: { selector: OLD } }, [["old-1"]], 0.4), {
      message:
        "Gateway pods in namespace istio-ingress are without label shopzier-mesh/gateway after 0.4 s: old-1\n" +
        "What selects them was not changed, so they serve as before. Run the same command again once they have ended: " +
        "kubectl get pods -n istio-ingress -l 'istio=ingressgateway,!shopzier-mesh/gateway'",
    });
  });

  it("continues with a warning if the caller may not list pods", async () => {
    await beforeUpdate({ spec: { selector: OLD } }, [403]);
    assert.equal(asked.length, 1);
  });
});
