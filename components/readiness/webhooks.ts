import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { apiMessage, endingWith, FinalError, isFinal, lagAfter } from "../kubernetes/api-server";
import { changesCluster, kubernetesAccess, type ClusterAccess } from "../kubernetes/cluster-access";
import { otherObject } from "../kubernetes/drift";
import { withoutStack } from "../kubernetes/without-stack";

/** Wait before the second question. */
const POLL_MS = 100;
/** Helm has waited for istiod's pods, so the webhook needs only seconds more. */
const TIMEOUT_SECONDS = 60;

/** A refusal by one of istiod's own webhooks. "failed calling webhook", and the refusal of another webhook, do not match. */
const VERDICT = /admission webhook "(\S+\.)?validation\.istio\.io" denied the request/;

/**
 * Resolves once istiod's webhooks answer. Rejects after a minute, in each `up` until they do.
 *
 * istiod is ready before the API server can call its webhooks, since it has to patch certificates into the webhook objects.
 * Until then, an Istio object is refused with "failed calling webhook". The probe is the same as istiod's own: a dry run of
 * an Istio object that validation must refuse (istio/istio pkg/webhooks/validation/controller).
 */
export function webhooksAnswer(
  istiod: pulumi.Resource,
  { namespace, cluster }: { readonly namespace: k8s.core.v1.Namespace; readonly cluster?: ClusterAccess },
): pulumi.Output<unknown> {
  // A preview knows the URN, but not the outputs.
  return istiod.urn.apply((urn) =>
    changesCluster()
      ? namespace.metadata.apply((metadata) => verdictGiven(metadata, cluster))
      : pulumi.output<unknown>(urn),
  );
}

/** Exported for tests. */
export async function verdictGiven(
  { name: namespace, uid }: { readonly name: string; readonly uid: string },
  cluster?: ClusterAccess,
): Promise<void> {
  try {
    const { client, config } = await kubernetesAccess(cluster);
    const api = config.makeApiClient(client.CustomObjectsApi);
    const core = config.makeApiClient(client.CoreV1Api);
    const lag = await lagAfter({ timeoutSeconds: TIMEOUT_SECONDS, pollMs: POLL_MS }, async (signal) => {
      const until = endingWith(client, signal);
      const live = await core.readNamespace({ name: namespace }, until).catch((error: unknown) => {
        if ((error as { code?: number }).code === 404) return undefined;
        throw error;
      });
      const other = otherObject(live, uid);
      if (other !== undefined) throw new FinalError(`Namespace ${namespace} ${other}`);
      try {
        await api.createNamespacedCustomObject(
          { ...GATEWAYS, namespace, body: invalidGateway(namespace), dryRun: "All" },
          until,
        );
        return "it is not called yet: an invalid Gateway is accepted";
      } catch (error) {
        const said = apiMessage(error);
        if (VERDICT.test(said)) return undefined;
        if (isFinal(error) && !said.includes("admission webhook")) throw error;
        return said;
      }
    });
    if (lag !== undefined) {
      throw new Error(
        `istiod's validation webhook did not answer within ${TIMEOUT_SECONDS} s: ${lag}\n` +
          `Look at the pods of istiod in namespace ${namespace}, then run the same command again.`,
      );
    }
  } catch (error) {
    const rights = `get namespace ${namespace}, and to create Gateways (dry run) in it`;
    throw withoutStack(
      isFinal(error)
        ? new Error(
            `istiod's validation webhook could not be asked: ${apiMessage(error)}` +
              (error instanceof FinalError ? "" : `\nWaiting needs the rights to ${rights}.`),
          )
        : (error as Error),
    );
  }
}

const GATEWAYS = { group: "networking.istio.io", version: "v1", plural: "gateways" };

/** An object that the CRD's schema allows and istiod refuses, because a host may not be empty. */
function invalidGateway(namespace: string): object {
  return {
    apiVersion: `${GATEWAYS.group}/${GATEWAYS.version}`,
    kind: "Gateway",
    metadata: { name: "shopzier-mesh-webhook-probe", namespace },
    spec: { selector: {}, servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [""] }] },
  };
}
