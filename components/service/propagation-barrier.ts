import * as pulumi from "@pulumi/pulumi";
import { setTimeout } from "node:timers/promises";
import type { VirtualServiceSpec } from "../istio/virtual-service";
import { apiMessage, type ClusterAccess } from "../mesh/cluster-access";
import { GatewayProxies, type GatewayPods } from "../mesh/gateway-proxies";
import {
  clustersWithoutEndpoint,
  expectedRoutes,
  hostOf,
  namedClusters,
  namedHosts,
  requestsInFlight,
  routedClusters,
  routeLag,
  subsetOf,
  type ClusterStatuses,
  type RouteConfigDump,
  type VirtualServiceIdentity,
} from "../traffic/propagation";

export interface PropagationBarrierArgs {
  /** Pods that must have the routes. */
  readonly gateway: GatewayPods;
  readonly cluster?: ClusterAccess;
  /** After so many seconds the update fails. Default 60. */
  readonly timeoutSeconds?: number;
}

const ROUTES = "config_dump?resource=dynamic_route_configs";
const CLUSTERS = "clusters?format=json";

/** How often Envoy is asked again. */
const POLL_MS = 50;

interface VirtualServiceInputs {
  readonly metadata: VirtualServiceIdentity;
  readonly spec: VirtualServiceSpec;
}

/**
 * Hooks for a VirtualService that make `pulumi up` wait for the gateways (resource hooks: Pulumi concepts, "Hooks").
 *
 * Before an update: every ready gateway pod has a healthy endpoint for each version that is about to get traffic.
 * After it, and after the creation: every ready gateway pod routes as just written, to healthy endpoints, and requests
 * in flight to versions that the route no longer names have ended. Pulumi deletes after all updates, so nothing that still gets traffic is deleted.
 *
 * Beyond the limit the update fails with the names of the pods that lag. Previews run no hooks. Known limit: the run
 * after such a failure finds the route unchanged and does not ask again before it deletes.
 */
export function propagationBarrier(name: string, args: PropagationBarrierArgs): pulumi.ResourceHookBinding {
  const limit = (args.timeoutSeconds ?? 60) * 1000;
  const before = new pulumi.ResourceHook(`${name}-endpoints`, async ({ newInputs, oldInputs }) => {
    const known = namedHosts((oldInputs as VirtualServiceInputs).spec);
    // A gateway may hold only the services that its routes name already (PILOT_FILTER_GATEWAY_CLUSTER_CONFIG).
    const wanted = routedClusters((newInputs as VirtualServiceInputs).spec).filter((c) =>
      known.has(hostOf(c)),
    );
    await everyGateway(args, limit, "Nothing was changed.", async (proxies, pod, signal) =>
      endpointLag(await proxies.admin<ClusterStatuses>(pod, CLUSTERS, signal), wanted),
    );
  });
  const after = new pulumi.ResourceHook(`${name}-routes`, async ({ newInputs, oldInputs }) => {
    const { metadata, spec } = newInputs as VirtualServiceInputs;
    const expected = expectedRoutes(spec);
    const wanted = routedClusters(spec);
    const named = namedClusters(spec);
    const gone = oldInputs
      ? [...namedClusters((oldInputs as VirtualServiceInputs).spec)].filter((c) => !named.has(c))
      : [];
    // A failed hook does not undo the write: the engine keeps the route as updated, and hooks run on changes only.
    const state =
      "The new route is written; nothing was deleted. The next run takes the route as done and deletes " +
      "without asking again, so repair this first.";
    await everyGateway(args, limit, state, async (proxies, pod, signal) => {
      const lag = routeLag(await proxies.admin<RouteConfigDump>(pod, ROUTES, signal), metadata, expected);
      if (lag !== undefined) return lag;
      const statuses = await proxies.admin<ClusterStatuses>(pod, CLUSTERS, signal);
      return endpointLag(statuses, wanted) ?? flightLag(statuses, gone);
    });
  });
  return { beforeUpdate: [before], afterCreate: [after], afterUpdate: [after] };
}

function endpointLag(statuses: ClusterStatuses, wanted: readonly string[]): string | undefined {
  const missing = clustersWithoutEndpoint(statuses, wanted);
  if (missing.length > 0) return `knows no healthy endpoint of ${missing.map(subsetOf).join(", ")}`;
}

function flightLag(statuses: ClusterStatuses, gone: readonly string[]): string | undefined {
  const busy = gone.filter((c) => requestsInFlight(statuses, c) > 0);
  if (busy.length > 0) {
    return `still has ${busy.map((c) => `${requestsInFlight(statuses, c)} requests in flight to ${subsetOf(c)}`).join(", ")}`;
  }
}

/**
 * Asks every ready gateway pod until each has nothing left to say.
 *
 * @throws Error naming each pod that lags and what it lacks, when the limit is reached or no pod is ready.
 */
async function everyGateway(
  args: PropagationBarrierArgs,
  limit: number,
  state: string,
  lagOf: (proxies: GatewayProxies, pod: string, signal: AbortSignal) => Promise<string | undefined>,
): Promise<void> {
  const signal = AbortSignal.timeout(limit);
  const proxies = await GatewayProxies.connect(args.gateway, args.cluster ?? {});
  const selector = Object.entries(args.gateway.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  let lagging = ["no pod was asked"];
  const settled = async (): Promise<boolean> => {
    const pods = await proxies.ready(signal);
    const lags = await Promise.all(
      pods.map(async (pod) => {
        // A pod that cannot be asked lags until it answers, or is no longer ready.
        const lag = await lagOf(proxies, pod, signal).catch(
          (error: unknown) => `does not answer: ${apiMessage(error)}`,
        );
        return lag === undefined ? [] : [`gateway pod ${pod} ${lag}`];
      }),
    );
    // What the limit broke off says less than what was seen before.
    signal.throwIfAborted();
    lagging =
      pods.length > 0
        ? lags.flat()
        : [`no pod in namespace ${args.gateway.namespace} with ${selector} is ready`];
    return lagging.length === 0;
  };
  try {
    while (!(await settled())) await setTimeout(POLL_MS, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) {
      throw new Error(
        `The gateways could not be asked for their routes: ${apiMessage(error)}\n${state} ` +
          `Waiting needs the right to list pods and to create pods/portforward in namespace ${args.gateway.namespace}. ` +
          "Where that cannot be had, switch it off: shopzier:propagation: { wait: false }.",
        { cause: error },
      );
    }
    throw new Error(
      `The gateways did not take up the routes within ${limit / 1000} s:\n` +
        lagging.map((line) => `  - ${line}`).join("\n") +
        `\n${state} Look at these pods and at istiod (istioctl proxy-status), then run the same command again.`,
      { cause: error },
    );
  } finally {
    await proxies.close();
  }
}
