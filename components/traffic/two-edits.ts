/** Edits that no order of writes makes safe in one `pulumi up`, and how to make them otherwise. In words. */

export interface TwoEdits {
  /** What one edit does, as a sentence without its end. */
  readonly happens: string;
  /** How to make it instead. */
  readonly instead: string;
}

/** As one message. */
export const twoEditsText = ({ happens, instead }: TwoEdits): string => `${happens}. ${instead}`;

/** Before and after an edit. */
export type Change<T> = readonly [before: T, after: T];

/**
 * Whether the pods of a version go before the requests that they answer: both fall, so for a while fewer pods get the share that more had.
 * Pods of a version that gets no requests after the edit change last.
 */
export const isShortOfPods = (pods: Change<number>, share: Change<number>): boolean =>
  pods[1] < pods[0] && share[1] < share[0] && pods[1] > 0 && share[1] > 0;

export function shortOfPods(version: string, pods: Change<number>, share: Change<number>): TwoEdits {
  const times = Number((pods[0] / pods[1]).toFixed(1));
  return {
    happens:
      `${version} gets fewer pods (${pods.join(" → ")}) and fewer requests (${share.join(" → ")} %) in one edit: ` +
      `its pods change first, and for a while each gets ${times} times the requests`,
    instead: "First change the weights, and in a second edit the number of pods",
  };
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

/** Kubernetes: a Deployment that loses `replicas` has one pod until an autoscaler counts, unless another field manager owns the field. */
export const toAutoscaler = ({ name, namespace }: Named, replicas: number): TwoEdits => ({
  happens: `${name} goes from ${replicas} replicas to an autoscaler: it drops to one pod until the autoscaler counts`,
  instead: `First run kubectl scale deployment/${name} -n ${namespace} --replicas=${replicas + 1}, so that the number stays, then up`,
});

/** The autoscaler owns the field `replicas` (Kubernetes: server-side apply). */
export const toReplicas = ({ name, namespace }: Named, replicas: number): TwoEdits => ({
  happens: `${name} goes from an autoscaler to ${replicas} replicas: up ends in a conflict, because the autoscaler owns the number`,
  instead: `First run kubectl delete hpa ${name} -n ${namespace}, then kubectl scale deployment/${name} -n ${namespace} --replicas=${replicas}, then up`,
});

export const otherPort = (service: string, port: Change<number>): TwoEdits => ({
  happens:
    `${service} gets another port (${port.join(" → ")}): Service, policies and pods cannot change at the same moment, and requests fail ` +
    "until the pods are replaced",
  instead:
    "First send the hosts to a second stack that has the new port, then change this one; or do it in quiet hours",
});

/** The gateway's Service loses `externalTrafficPolicy: Local` before the lists change. */
export const LAST_ADDRESSES: TwoEdits = {
  happens:
    "the gateway's Service stops to keep the addresses of clients before the lists change: a list of addresses that is enforced refuses " +
    "clients in between",
  instead:
    "First remove the last addresses with istio.values.gateway.service.externalTrafficPolicy: Local, then remove that value",
};
