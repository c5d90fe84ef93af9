import type * as pulumi from "@pulumi/pulumi";
import {
  apiMessage,
  changesCluster,
  endingWith,
  isFinal,
  kubernetesAccess,
  lagAfter,
  type ClusterAccess,
} from "../kubernetes/cluster-access";
import { withoutStack } from "../kubernetes/without-stack";

/** How often the webhook is asked again. */
const POLL_MS = 100;
/** istiod's pods are ready by then, as Helm waits for them: what is left takes seconds. */
const TIMEOUT_SECONDS = 60;

/** Its own verdict, by either of its webhooks; "failed calling webhook" is none, nor is what another webhook says. */
const VERDICT = /admission webhook "(\S+\.)?validation\.istio\.io" denied the request/;

/**
 * Resolves once istiod's webhooks answer; rejects after a minute, in each `up` until they do.
 *
 * istiod is ready before the API server can call its webhooks (it patches their certificates into the webhook
 * objects first), so what comes next may fail with "failed calling webhook". The proof is what istiod itself uses: a dry
 * run of an Istio object that validation must refuse (istio/istio pkg/webhooks/validation/controller).
 */
export function webhooksAnswer(
  istiod: pulumi.Resource,
  { namespace, cluster }: { readonly namespace: string; readonly cluster?: ClusterAccess },
): pulumi.Output<void> {
  // Its URN, unlike its status, is known in previews.
  return istiod.urn.apply(async () => {
    if (!changesCluster()) return;
    try {
      const { client, config } = await kubernetesAccess(cluster);
      const api = config.makeApiClient(client.CustomObjectsApi);
      const lag = await lagAfter({ timeoutSeconds: TIMEOUT_SECONDS, pollMs: POLL_MS }, async (signal) => {
        try {
          await api.createNamespacedCustomObject(
            { ...GATEWAYS, namespace, body: invalidGateway(namespace), dryRun: "All" },
            endingWith(client, signal),
          );
          return "it is not called yet: an invalid Gateway is accepted";
        } catch (error) {
          const answer = apiMessage(error);
          if (VERDICT.test(answer)) return undefined;
          if (isFinal(error) && !answer.includes("admission webhook")) throw error;
          return answer;
        }
      });
      if (lag !== undefined) {
        throw new Error(
          `istiod's validation webhook did not answer within ${TIMEOUT_SECONDS} s: ${lag}\n` +
            `Look at the pods of istiod in namespace ${namespace}, then run the same command again.`,
        );
      }
    } catch (error) {
      throw withoutStack(
        isFinal(error)
          ? new Error(
              `istiod's validation webhook could not be asked: ${apiMessage(error)}\n` +
                `Waiting needs the right to create Gateways (dry run) in namespace ${namespace}.`,
            )
          : (error as Error),
      );
    }
  });
}

const GATEWAYS = { group: "networking.istio.io", version: "v1", plural: "gateways" };

/** Valid for the CRD's schema, refused by istiod: a host may not be empty. */
function invalidGateway(namespace: string): object {
  return {
    apiVersion: `${GATEWAYS.group}/${GATEWAYS.version}`,
    kind: "Gateway",
    metadata: { name: "shopzier-mesh-webhook-probe", namespace },
    spec: { selector: {}, servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [""] }] },
  };
}
