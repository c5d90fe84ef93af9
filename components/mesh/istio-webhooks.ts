import type { KubernetesObject } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { setTimeout } from "node:timers/promises";
import { apiMessage, kubernetesAccess, type ClusterAccess } from "./cluster-access";

/** How often the webhook is asked again. */
const POLL_MS = 100;

/**
 * Hooks for istiod's release that hold back everything after it until its webhooks answer.
 *
 * istiod is ready before the API server can call its webhooks (it patches their certificates into the webhook
 * objects first), so what comes next may fail with "failed calling webhook". The proof is what istiod itself uses: a dry
 * run of an Istio object that validation must refuse (istio/istio pkg/webhooks/validation/controller).
 */
export function webhooksAnswer(
  name: string,
  args: { readonly namespace: string; readonly cluster?: ClusterAccess; readonly timeoutSeconds: number },
): pulumi.ResourceHookBinding {
  const hook = new pulumi.ResourceHook(name, async () => {
    const { client, config } = await kubernetesAccess(args.cluster);
    const signal = AbortSignal.timeout(args.timeoutSeconds * 1000);
    const api = client.KubernetesObjectApi.makeApiClient(config);
    let answer = "";
    const refused = async (): Promise<boolean> => {
      try {
        await api.create(invalidGateway(args.namespace), undefined, "All");
        answer = "the webhook is not called yet: an invalid Gateway is accepted";
        return false;
      } catch (error) {
        answer = apiMessage(error);
        // "admission webhook ... denied the request" is istiod's own verdict; "failed calling webhook" is not.
        return answer.includes("denied the request");
      }
    };
    try {
      while (!(await refused())) await setTimeout(POLL_MS, undefined, { signal });
    } catch (error) {
      throw new Error(
        `istiod's validation webhook did not answer within ${args.timeoutSeconds} s: ${answer}\n` +
          `Look at the pods of istiod in namespace ${args.namespace}, then run the same command again.`,
        { cause: error },
      );
    }
  });
  return { afterCreate: [hook], afterUpdate: [hook] };
}

/** Valid for the CRD's schema, refused by istiod: a host may not be empty. */
function invalidGateway(namespace: string): KubernetesObject {
  const gateway = {
    apiVersion: "networking.istio.io/v1",
    kind: "Gateway",
    metadata: { name: "shopzier-mesh-webhook-probe", namespace },
    spec: { selector: {}, servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [""] }] },
  };
  return gateway;
}
