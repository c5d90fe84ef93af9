/** Edits that no order of writes makes safe in one `pulumi up`, and how to make them otherwise. In words. */

/** Before and after an edit. */
export type Change<T> = readonly [before: T, after: T];

/**
 * Whether the pods of a version go before the requests that they answer: both fall, so for a while fewer pods get the share that more had.
 * Pods of a version that gets no requests after the edit change last.
 */
export const isShortOfPods = (pods: Change<number>, share: Change<number>): boolean =>
  pods[1] < pods[0] && share[1] < share[0] && pods[1] > 0 && share[1] > 0;

export function shortOfPodsText(version: string, pods: Change<number>, share: Change<number>): string {
  const times = Number((pods[0] / pods[1]).toFixed(1));
  return (
    `${version} gets fewer pods (${pods.join(" → ")}) and fewer requests (${share.join(" → ")} %) in one edit: ` +
    `its pods change first, and for a while each gets ${times} times the requests. ` +
    "First change the weights, and in a second edit the number of pods"
  );
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

/** Kubernetes: a Deployment that loses `replicas` has one pod until an autoscaler counts, unless somebody else owns the field. */
export const toAutoscalerText = ({ name, namespace }: Named, replicas: number): string =>
  `${name} goes from ${replicas} replicas to an autoscaler: it drops to one pod until the autoscaler counts. ` +
  `First run kubectl scale deployment/${name} -n ${namespace} --replicas=${replicas + 1}, so that the number stays, then up`;

/** The autoscaler owns the field `replicas` (Kubernetes: server-side apply). */
export const toReplicasText = ({ name, namespace }: Named, replicas: number): string =>
  `${name} goes from an autoscaler to ${replicas} replicas: up ends in a conflict, because the autoscaler owns the number. ` +
  `First run kubectl delete hpa ${name} -n ${namespace}, then kubectl scale deployment/${name} -n ${namespace} --replicas=${replicas}, then up`;

export const otherPortText = (service: string, port: Change<number>): string =>
  `${service} gets another port (${port.join(" → ")}): Service, policies and pods cannot change at the same moment, and requests fail ` +
  "until the pods are replaced. First send the hosts to a second stack that has the new port, then change this one; or do it in quiet hours";

/** The gateway's Service loses `externalTrafficPolicy: Local` before the lists change. */
export const LAST_ADDRESSES_TEXT =
  "the gateway's Service stops to keep the addresses of clients before the lists change: a list of addresses that is enforced refuses " +
  "clients in between. First remove the last addresses with istio.values.gateway.service.externalTrafficPolicy: Local, then remove that value";
