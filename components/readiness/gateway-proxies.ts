import type { CoreV1Api, PortForward, V1Pod } from "@kubernetes/client-node";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  apiMessage,
  endingWith,
  FinalError,
  isFinal,
  lagAfter,
  type KubernetesAccess,
} from "../kubernetes/api-server";
import { labelSelector, type GatewayPods } from "../kubernetes/pods";
import { withHint } from "./propagation";

/** Envoy's admin port, which listens on the pod's loopback only. */
const ADMIN_PORT = 15000;
/** Time limit of one question. It is shorter than that of the whole wait, so that a proxy that hangs is named and asked again. */
const ANSWER_MS = 5000;

/** Reads Envoy's admin port in the gateway pods, through the Kubernetes API's port forwarding. */
export class GatewayProxies {
  private readonly forwards = new Map<string, Promise<Server>>();
  private readonly sockets = new Set<Socket>();
  /** Pod → why no port of it can be forwarded. */
  private readonly refusals = new Map<string, FinalError>();

  private readonly api: CoreV1Api;
  private readonly forward: PortForward;

  constructor(
    readonly pods: GatewayPods,
    readonly access: KubernetesAccess,
  ) {
    const { client, config } = access;
    this.api = config.makeApiClient(client.CoreV1Api);
    this.forward = new client.PortForward(config);
  }

  /** Names of the pods that are ready and do not terminate. */
  async ready(signal: AbortSignal): Promise<string[]> {
    const { items } = await this.api.listNamespacedPod(
      { namespace: this.pods.namespace, labelSelector: labelSelector(this.pods) },
      endingWith(this.access.client, signal),
    );
    return items.filter(isReady).map((pod) => pod.metadata?.name ?? "");
  }

  /**
   * The parsed body of `GET path` on the admin port of a pod.
   *
   * @throws FinalError if the caller may not forward ports of the pod.
   */
  async admin<Body>(pod: string, path: string, signal: AbortSignal): Promise<Body> {
    let server = this.forwards.get(pod);
    if (!server) this.forwards.set(pod, (server = this.listen(pod)));
    const { port } = (await server).address() as AddressInfo;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    try {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, { signal: limit });
      if (!response.ok) throw new Error(`Envoy answered ${response.status} to ${path}`);
      return (await response.json()) as Body;
    } catch (error) {
      throw this.refusals.get(pod) ?? error;
    }
  }

  /** Connects to the pods that are ready now, so that the first question need not. The caller may ignore a rejection. */
  async warmUp(signal: AbortSignal): Promise<void> {
    const pods = await this.ready(signal);
    await Promise.all(pods.map((pod) => this.admin(pod, "stats?filter=server.live&format=json", signal)));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    for (const server of this.forwards.values()) (await server).close();
  }

  /** A loopback port that is forwarded to the admin port of a pod, once for each connection. */
  private listen(pod: string): Promise<Server> {
    const server = createServer((socket) => {
      // An open socket must not keep a failed program running.
      this.sockets.add(socket.unref());
      const { namespace } = this.pods;
      this.forward.portForward(namespace, pod, [ADMIN_PORT], socket, null, socket).then(
        (connection: unknown) => {
          const end = (): void => {
            this.sockets.delete(socket);
            (connection as { close: () => void }).close();
          };
          if (socket.destroyed) end();
          else socket.once("close", end);
        },
        (error: unknown) => {
          // The WebSocket client gives the status of the answer only in its message.
          const [status] = /\b40[13]\b/.exec((error as Partial<Error>).message ?? "") ?? [];
          if (status !== undefined) {
            this.refusals.set(pod, new FinalError(`forwarding a port of pod ${pod} was answered ${status}`));
          }
          socket.destroy();
        },
      );
      // The question over this connection fails with it.
      socket.on("error", () => socket.destroy());
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject).listen(0, "127.0.0.1", () => {
        resolve(server.unref());
      });
    });
  }
}

/**
 * Asks every ready pod until none lacks anything.
 *
 * @param kind name of the pods in the result. At least one gateway pod has to be ready.
 * @param lagOf what one pod lacks, in words; undefined where it lacks nothing.
 * @returns what each pod lacks after the time limit, in lines; undefined once no pod lacks anything.
 * @throws an error that a later question cannot change ({@link isFinal}): the caller may not ask.
 */
export function lagOfPods(
  proxies: GatewayProxies,
  limit: Parameters<typeof lagAfter>[0],
  lagOf: (pod: string, signal: AbortSignal) => Promise<string | undefined>,
  kind: "gateway pod" | "sidecar" = "gateway pod",
): Promise<string | undefined> {
  return lagAfter(limit, async (signal) => {
    const pods = await proxies.ready(signal);
    if (pods.length === 0 && kind === "gateway pod") {
      return `  - no pod in namespace ${proxies.pods.namespace} with ${labelSelector(proxies.pods)} is ready`;
    }
    const lags = await Promise.all(
      pods.map(async (pod) => {
        // A pod that does not answer lags until it answers, or until it is no longer ready.
        const lag = await lagOf(pod, signal).catch((error: unknown) => {
          if (isFinal(error)) throw error;
          return withHint(`does not answer: ${apiMessage(error)}`);
        });
        return lag === undefined
          ? []
          : [`  - ${kind} ${kind === "sidecar" ? `of ${proxies.pods.namespace}/` : ""}${pod} ${lag}`];
      }),
    );
    return lags.flat().join("\n") || undefined;
  });
}

function isReady(pod: V1Pod): boolean {
  return (
    pod.metadata?.deletionTimestamp === undefined &&
    (pod.status?.conditions ?? []).some((c) => c.type === "Ready" && c.status === "True")
  );
}
