import * as pulumi from "@pulumi/pulumi";
import type { EnvoyFilter } from "../istio/envoy-filter";
import { hostOf } from "../istio/cluster-name";
import type { DestinationRule } from "../istio/destination-rule";
import type { VirtualService, VirtualServiceSpec } from "../istio/virtual-service";
import { apiMessage, isFinal, type KubernetesAccess } from "../kubernetes/api-server";
import { changesCluster, kubernetesAccess, type ClusterAccess } from "../kubernetes/cluster-access";
import type { GatewayPods } from "../kubernetes/pods";
import { GatewayProxies, lagOfPods } from "./gateway-proxies";
import type { GatewayAccess } from "../security/gateway-access";
import type { GatewayPolicies } from "../security/written-policies";
import {
  LISTENERS_QUESTION,
  NO_LISTENER,
  pendingLag,
  policyLag,
  type ListenerDump,
} from "./gateway-policies";
import { LiveState } from "./live-state";
import {
  expectedRoutes,
  hasHost,
  namedHosts,
  withHint,
  patchesLag,
  routeConfigsOf,
  routedClusters,
  routeLag,
  ROUTES_QUESTION,
  routesQuestion,
  specFor,
  type RouteConfigDump,
  PROPAGATION_TIMEOUT_SECONDS,
  type VirtualServiceIdentity,
} from "./propagation";
import {
  clustersQuestion,
  endpointLag,
  flightLag,
  inFlightToUnrouted,
  type ClusterStatuses,
} from "./proxy-endpoints";
import type { PatchesMark } from "../traffic/rule-version";
import { withoutStack } from "../kubernetes/without-stack";

export interface PropagationBarrierArgs {
  /** Gateway pods that must have the routes. */
  readonly gateway: GatewayPods;
  readonly cluster?: ClusterAccess;
  /** The update fails after this time. Default {@link PROPAGATION_TIMEOUT_SECONDS}. */
  readonly timeoutSeconds?: number;
}

/** Wait before the second question to Envoy. */
const POLL_MS = 50;

/** Istio's injector sets this label on pods with a sidecar. */
const SIDECARS = { "security.istio.io/tlsMode": "istio" };

interface WrittenVirtualService {
  readonly metadata: VirtualServiceIdentity & { readonly uid?: string };
  readonly spec: VirtualServiceSpec;
}

/** What a message says when the time limit is reached, before or after the write: the failure, and the state of the cluster. */
interface Side {
  readonly lack: string;
  readonly state: string;
}
const UNCHANGED = "The route was not changed.";
const BEFORE: Side = { lack: "did not find the versions' pods", state: UNCHANGED };
const POLICIES: Side = { lack: "did not load the policies", state: UNCHANGED };
const AFTER: Side = { lack: "did not load the written configuration", state: "Nothing was deleted." };

/** What one gateway pod lacks, in words; undefined where it lacks nothing. */
type LagOf = (proxies: GatewayProxies, pod: string, signal: AbortSignal) => Promise<string | undefined>;

/**
 * Makes `pulumi up` wait for the gateways before and after the write of a VirtualService.
 *
 * Pulumi deletes objects only after the program has ended without an error. If {@link routed} rejects, nothing is deleted,
 * in this run and in each later one until the gateways have the routes. A hook after the update would prevent deletion only
 * once: the engine records a resource whose after-hook failed as updated, and sees no change in the next run.
 * In a preview nothing is asked.
 */
export class PropagationBarrier {
  /** Hook for the VirtualService, before its update: each version that gets requests has a healthy endpoint in every gateway. */
  readonly beforeUpdate: pulumi.ResourceHook;
  private readonly proxies: Promise<GatewayProxies> | undefined;
  private readonly live: LiveState;

  constructor(
    name: string,
    private readonly args: PropagationBarrierArgs,
  ) {
    if (changesCluster())
      this.proxies = kubernetesAccess(args.cluster).then(
        (access) => new GatewayProxies(args.gateway, access),
      );
    this.live = new LiveState(this.proxies, args.timeoutSeconds ?? PROPAGATION_TIMEOUT_SECONDS);
    // Saves time while the engine still compares. A failed connection is reported by the first question.
    this.proxies?.then((proxies) => proxies.warmUp(AbortSignal.timeout(5000))).catch(() => undefined);
    this.beforeUpdate = new pulumi.ResourceHook(
      `${name}-endpoints`,
      async ({ newInputs, oldInputs, oldOutputs }) => {
        const { spec } = newInputs as WrittenVirtualService;
        const known = namedHosts((oldInputs as WrittenVirtualService).spec);
        // A gateway may have only the services that its routes already name (PILOT_FILTER_GATEWAY_CLUSTER_CONFIG).
        const wanted = routedClusters(spec).filter((c) => known.has(hostOf(c)));
        await this.live.refuseOtherCluster({
          kind: "VirtualService",
          ...(oldOutputs as WrittenVirtualService).metadata,
        });
        await this.everyGateway(BEFORE, async (proxies, pod, signal) =>
          endpointLag(await proxies.admin<ClusterStatuses>(pod, clustersQuestion(spec), signal), wanted),
        );
      },
    );
  }

  /**
   * Hook for the VirtualService, before it is created or updated: every ready gateway pod has the policies of `guards`. Otherwise a
   * route could open what a policy that is written already refuses. Undefined without guards.
   */
  policiesHeld(name: string, guards: readonly GatewayAccess[]): pulumi.ResourceHook | undefined {
    if (guards.length === 0) return undefined;
    return new pulumi.ResourceHook(`${name}-policies`, async () => {
      const written = await new Promise<readonly GatewayPolicies[]>((resolve) => {
        pulumi.all(guards.map(({ policies }) => policies)).apply(resolve);
      });
      const access = written.flatMap((one) => one.access);
      const tokens = written.flatMap((one) => one.tokens);
      await this.everyGateway(POLICIES, async (proxies, pod, signal) => {
        const listeners = await proxies.admin<ListenerDump>(pod, LISTENERS_QUESTION, signal);
        const lag = policyLag(listeners, { access, tokens });
        return lag === NO_LISTENER ? undefined : lag;
      });
    });
  }

  /**
   * Resolves once every ready gateway pod has
   * - the policies of `guards` and the `patches` of its proxy,
   * - the routes of `route`, to healthy endpoints,
   * - and no request in flight to a version that no route names.
   *
   * It rejects at once if the route, a policy or one of its `destinations` is not in the cluster as it was written.
   * It rejects after the time limit with the pods that lag. Do not use the result as an input of a resource: Pulumi would
   * report the rejection as a fault of that input. Left alone, it ends the program.
   */
  routed(
    route: VirtualService,
    guards: readonly GatewayAccess[] = [],
    patches?: { readonly filter: EnvoyFilter; readonly mark: PatchesMark },
    destinations: readonly DestinationRule[] = [],
  ): pulumi.Output<void> {
    const guarded = pulumi.all(guards.map(({ policies }) => policies));
    const filter = patches && pulumi.all([patches.filter.metadata, patches.filter.spec]);
    const rules = pulumi.all(destinations.map((one) => pulumi.all([one.metadata, one.spec])));
    const written = pulumi.all([route.metadata, route.spec, guarded, filter, rules]);
    return written.apply(async ([metadata, spec, policies, patched, subsets]) => {
      if (this.proxies === undefined) return;
      const expected = expectedRoutes(spec);
      const wanted = routedClusters(spec);
      try {
        const access = policies.flatMap((p) => p.access);
        const tokens = policies.flatMap((p) => p.tokens);
        await Promise.all([
          this.live.refuseDrift({ kind: "VirtualService", ...metadata }, spec, metadata.uid),
          ...subsets.map(([key, rule]) => this.live.refuseDrift({ kind: "DestinationRule", ...key }, rule)),
          ...access.map((p) => this.live.refuseDrift({ kind: "AuthorizationPolicy", ...p.metadata }, p.spec)),
          ...tokens.map((p) =>
            this.live.refuseDrift({ kind: "RequestAuthentication", ...p.metadata }, p.spec),
          ),
          patched && this.live.refuseDrift({ kind: "EnvoyFilter", ...patched[0] }, patched[1]),
        ]);
        const issuers = tokens.length > 0 ? await this.live.issuers() : undefined;
        await this.everyGateway(AFTER, async (proxies, pod, signal) => {
          const routes = await proxies.admin<RouteConfigDump>(pod, ROUTES_QUESTION, signal);
          const lags = [
            routeLag(routes, metadata, expected),
            patches && patchesLag(routes, metadata, patches.mark),
          ];
          if (patches || access.length + tokens.length > 0) {
            const listeners = await proxies.admin<ListenerDump>(pod, LISTENERS_QUESTION, signal);
            lags.push(
              patches && pendingLag(listeners, routeConfigsOf(routes, metadata)),
              policyLag(listeners, { access, tokens }, issuers),
            );
          }
          const lag = lags.filter((l) => l !== undefined).join("; ");
          if (lag !== "") return withHint(lag);
          const statuses = await proxies.admin<ClusterStatuses>(pod, clustersQuestion(spec), signal);
          return endpointLag(statuses, wanted) ?? flightLag(inFlightToUnrouted(routes, statuses, spec));
        });
      } catch (error) {
        throw withoutStack(error as Error);
      }
      await (await this.proxies).close();
    });
  }

  /**
   * As {@link routed}, for the sidecars of all callers in `namespaces` and a `route` of the mesh. A namespace is named in a
   * warning if the caller may not ask its sidecars.
   */
  callersRouted(route: VirtualService, namespaces: readonly string[]): pulumi.Output<void> {
    return pulumi.all([route.metadata, route.spec]).apply(async ([metadata, spec]) => {
      if (this.proxies === undefined) return;
      try {
        const { access } = await this.proxies;
        await this.live.refuseDrift({ kind: "VirtualService", ...metadata }, spec, metadata.uid);
        const lags = await Promise.all(
          namespaces.map((namespace) =>
            this.callersLag(access, namespace, metadata, spec).catch((error: unknown) => {
              if (!isFinal(error)) throw error;
              void pulumi.log.warn(
                `The sidecars in namespace ${namespace} may not be asked for their routes (${apiMessage(error)}): ` +
                  "they may still send requests to deleted versions.",
                route,
              );
              return undefined;
            }),
          ),
        );
        const lag = lags.filter((l) => l !== undefined).join("\n");
        if (lag !== "") throw this.lagging("callers' sidecars", AFTER, lag);
      } catch (error) {
        throw withoutStack(error as Error);
      }
    });
  }

  private async callersLag(
    access: KubernetesAccess,
    namespace: string,
    identity: VirtualServiceIdentity,
    written: VirtualServiceSpec,
  ): Promise<string | undefined> {
    const { timeoutSeconds = PROPAGATION_TIMEOUT_SECONDS } = this.args;
    const spec = specFor(written, namespace);
    const proxies = new GatewayProxies({ namespace, labels: SIDECARS }, access);
    try {
      return await lagOfPods(
        proxies,
        { timeoutSeconds, pollMs: POLL_MS },
        async (pod, signal) => {
          const routes = await proxies.admin<RouteConfigDump>(pod, routesQuestion(spec), signal);
          if (!hasHost(routes, spec.hosts)) return undefined;
          const lag = routeLag(routes, identity, expectedRoutes(spec));
          if (lag !== undefined) return withHint(lag);
          const statuses = await proxies.admin<ClusterStatuses>(pod, clustersQuestion(spec), signal);
          return flightLag(inFlightToUnrouted(routes, statuses, spec));
        },
        "sidecar",
      );
    } finally {
      await proxies.close();
    }
  }

  /**
   * Asks every ready gateway pod until none lacks anything.
   *
   * @throws Error with each pod that lags and what it lacks, after the time limit; at once if the caller may not ask the pods.
   */
  private async everyGateway(side: Side, lagOf: LagOf): Promise<void> {
    const { state } = side;
    const { gateway, timeoutSeconds = PROPAGATION_TIMEOUT_SECONDS } = this.args;
    const refused = (error: unknown): Error =>
      new Error(
        `The gateways could not be asked for their routes: ${apiMessage(error)}\n${state} ` +
          `Waiting needs the rights to list pods, and to get and create pods/portforward, in namespace ${gateway.namespace}. ` +
          "Without these rights, do not wait: propagation: { wait: false }.",
        { cause: error },
      );
    const proxies = await this.proxies;
    const lag =
      proxies &&
      (await lagOfPods(proxies, { timeoutSeconds, pollMs: POLL_MS }, (pod, signal) =>
        lagOf(proxies, pod, signal),
      ).catch((error: unknown) => {
        throw refused(error);
      }));
    if (lag !== undefined) throw this.lagging("gateways", side, lag);
  }

  private lagging(who: string, { lack, state }: Side, lag: string): Error {
    const { timeoutSeconds = PROPAGATION_TIMEOUT_SECONDS } = this.args;
    return new Error(
      `The ${who} ${lack} within ${timeoutSeconds} s:\n${lag}\n` +
        `${state} Once the reason is gone, run the same command again.`,
    );
  }
}
