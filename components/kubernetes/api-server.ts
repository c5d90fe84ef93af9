/** The API server of a cluster, without Pulumi: the command `shopzier` starts faster without its SDK. */
import type { ApiException, ConfigurationOptions, KubeConfig } from "@kubernetes/client-node";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";

type KubernetesClient = typeof import("./kubernetes-client");

const BUNDLE = "shopzier-mesh/dist/kubernetes-client.cjs";

/** Names that the bundle must export. The type makes the compiler check that the list is complete. */
const EXPORTS: Readonly<Record<keyof KubernetesClient, true>> = {
  AdmissionregistrationV1Api: true,
  AppsV1Api: true,
  CoreV1Api: true,
  CustomObjectsApi: true,
  KubeConfig: true,
  KubernetesObjectApi: true,
  loadYaml: true,
  Observable: true,
  PortForward: true,
  VersionApi: true,
};

/**
 * The Kubernetes client. It is not imported at the top of a file, because most previews do not need it. It comes from a bundle,
 * which loads in a sixth of the time of the client's 900 files, and which the package contains.
 *
 * @throws Error if the bundle is missing, or from other sources than this file.
 */
function loadKubernetesClient(): KubernetesClient {
  let bundle: Partial<KubernetesClient> = {};
  let why = "";
  try {
    bundle = createRequire(__filename)(BUNDLE) as Partial<KubernetesClient>;
  } catch (error) {
    why = `: ${(error as Error).message.split("\n", 1)[0] ?? ""}`;
  }
  const missing = Object.keys(EXPORTS).filter((name) => !(name in bundle));
  if (missing.length === 0) return bundle as KubernetesClient;
  throw new Error(
    `${BUNDLE} has no ${missing.join(", ")}${why}\n` +
      "Install shopzier-mesh again. In a clone of its repository: npm run bundle -w components",
  );
}

/** The Kubernetes client and the cluster that it connects to. */
export interface KubernetesAccess {
  readonly client: KubernetesClient;
  readonly config: KubeConfig;
}

/** Which cluster. Default: the current one of the ambient kubeconfig (`KUBECONFIG`, `~/.kube/config`, in-cluster). */
export interface ClusterNames {
  /** Contents of a kubeconfig, or a path to one. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
}

/** @throws Error if the kubeconfig cannot be read, or the client's bundle is missing. */
export function connect({ kubeconfig, context, cluster }: ClusterNames): KubernetesAccess {
  const client = loadKubernetesClient();
  const config = keepingConnections(new client.KubeConfig());
  if (kubeconfig === undefined) config.loadFromDefault();
  else if (existsSync(kubeconfig)) config.loadFromFile(kubeconfig);
  else config.loadFromString(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  if (cluster !== undefined) {
    const current = config.getCurrentContext();
    config.contexts = config.contexts.map((c) => (c.name === current ? { ...c, cluster } : c));
  }
  return { client, config };
}

/**
 * `config`, whose requests share connections. The client (2.0) makes an agent, and with it a TLS connection, for each request.
 * Other options, such as those of a renewed certificate, get another agent.
 */
function keepingConnections(config: KubeConfig): KubeConfig {
  const agents = new Map<string, unknown>();
  const maker = config as unknown as { createDispatcher: (...options: unknown[]) => unknown };
  const make = maker.createDispatcher.bind(config);
  maker.createDispatcher = (...options) => {
    const key = JSON.stringify(options);
    const agent = agents.get(key) ?? make(...options);
    agents.set(key, agent);
    return agent;
  };
  return config;
}

/** Options of a call to the API server that `signal` ends. Without them the client waits for an answer without a limit. */
export function endingWith(client: KubernetesClient, signal: AbortSignal): ConfigurationOptions {
  return {
    middleware: [
      {
        pre: (request) => {
          request.setSignal(signal);
          return new client.Observable(Promise.resolve(request));
        },
        post: (response) => new client.Observable(Promise.resolve(response)),
      },
    ],
  };
}

/** An error that retrying cannot fix. */
export class FinalError extends Error {}

/** Whether retrying cannot fix an error: a {@link FinalError}, or a caller who is unknown (401) or has no right (403). */
export function isFinal(error: unknown): boolean {
  if (error instanceof FinalError) return true;
  const { code } = error as Partial<ApiException<unknown>>;
  return code === 401 || code === 403;
}

/** Wait before a question that got no answer is asked again. */
const REPEAT_MS = 200;

/**
 * Asks once more while the cluster cannot answer: no connection, too many requests (429), a server error (5xx).
 *
 * @throws any other error of `ask`; the last one when `signal` ends the wait.
 */
export async function answer<Answer>(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const { code } = error as Partial<ApiException<unknown>>;
      const mayPass = typeof code !== "number" || code === 429 || code >= 500;
      if (signal.aborted || isFinal(error) || !mayPass) throw error;
      await setTimeout(REPEAT_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Longest wait between two questions. */
const SLOWEST_POLL_MS = 1000;

/**
 * Asks until nothing is lacking or the time limit is reached.
 *
 * @param pollMs wait before the second question. Each later wait is 1.5 times as long, up to {@link SLOWEST_POLL_MS}.
 * @param ask returns what is lacking, in words; undefined where nothing is. If it throws an error that is not final, the
 *   error counts as lacking, since the next question may succeed.
 * @returns what is lacking at the limit; undefined once nothing is.
 * @throws the error of `ask` if it is final ({@link isFinal}).
 */
export async function lagAfter(
  { timeoutSeconds, pollMs }: { readonly timeoutSeconds: number; readonly pollMs: number },
  ask: (signal: AbortSignal) => Promise<string | undefined>,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  let lag: string | undefined;
  for (let wait = pollMs; ; wait = Math.max(pollMs, Math.min(wait * 1.5, SLOWEST_POLL_MS))) {
    let seen: string | undefined;
    try {
      seen = await ask(signal);
      if (seen === undefined) return undefined;
    } catch (error) {
      if (isFinal(error)) throw error;
      seen = signal.aborted
        ? "the cluster has not answered"
        : `the cluster does not answer: ${apiMessage(error)}`;
    }
    // An answer that the limit cut off says less than the one before.
    if (signal.aborted) return lag ?? seen;
    lag = seen;
    await setTimeout(wait, undefined, { signal }).catch(() => undefined);
  }
}

/** The message of an error of the API server, or of the connection to it. */
export function apiMessage(error: unknown): string {
  const body = (error as ApiException<{ message?: string } | string>).body as
    { message?: string } | string | undefined;
  if (typeof body === "string") {
    try {
      return (JSON.parse(body) as { message?: string }).message ?? body;
    } catch {
      return body;
    }
  }
  if (body?.message !== undefined) return body.message;
  if (!(error instanceof Error)) return String(error);
  // The message of fetch is "fetch failed"; the reason is in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
