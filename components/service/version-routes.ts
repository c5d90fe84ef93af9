import * as pulumi from "@pulumi/pulumi";
import { DestinationRule } from "../istio/destination-rule";
import { EnvoyFilter, type EnvoyConfigPatch } from "../istio/envoy-filter";
import { ServiceEntry } from "../istio/service-entry";
import { VirtualService } from "../istio/virtual-service";
import { changesCluster, type ClusterAccess } from "../kubernetes/cluster-access";
import type { GatewayAccess } from "../security/gateway-access";
import type { GatewayPods } from "../kubernetes/pods";
import { rateLimitServiceEntry } from "../traffic/rate-limit";
import { markPatch, patchesMark, type PatchesMark } from "../traffic/rule-version";
import {
  planRoutes,
  type RoutedPath,
  type RoutedService,
  type RoutePlan,
  type Traffic,
} from "../traffic/route-plan";
import type { Shares } from "../traffic/weights";
import { PropagationBarrier } from "../readiness/propagation-barrier";
import { guarded } from "../kubernetes/ownership";

/** A gateway that routes can be bound to: an IngressGateway or an ExistingGateway. */
export interface RoutedGateway {
  /** The Gateway object as `namespace/name`. */
  readonly gateway: pulumi.Input<string>;
  readonly pods: GatewayPods;
}

/** What `pulumi up` waits for, see {@link PropagationBarrier}. */
export interface Propagation {
  /**
   * Whether it waits until the gateway's pods route as written. Default true. Without it a version that is removed may be
   * deleted while a gateway still sends to it.
   */
  readonly wait?: boolean;
  /** Namespaces of callers within the mesh, whose sidecars are waited for too where routes hold for them. Default: none. */
  readonly callers?: readonly string[];
  /** Default 60. */
  readonly timeoutSeconds?: number;
}

export interface VersionRoutesArgs {
  /** The service whose versions get the traffic. */
  readonly service: RoutedService;
  /** Hosts by which clients ask for it. */
  readonly hosts: readonly string[];
  readonly gateway: RoutedGateway;
  /** Paths that reach the service; all others are answered 404. Default: every path. */
  readonly paths?: readonly RoutedPath[];
  readonly traffic: Traffic;
  /**
   * Whether weights, rules and policies also hold for callers within the mesh; limits stay the gateway's. Default false:
   * only rules that name the callers' namespaces do, and all others get any pod of the service.
   */
  readonly meshCallers?: boolean;
  /** Version → how many pods it has at least, for how many of them outlier detection may take out. Default 1. */
  readonly pods?: Readonly<Record<string, number>>;
  readonly propagation?: Propagation;
  /** What stands before the routes: `pulumi up` waits until the gateway pods have it too. */
  readonly guards?: readonly GatewayAccess[];
  /** The cluster whose gateway pods are asked; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * The traffic to the versions of a service: one VirtualService, one DestinationRule with the policy that all versions
 * share, and one DestinationRule for each version with its subset alone (Istio merges rules of one host).
 *
 * The route depends on the subsets: a version's subset exists before the route names it and is deleted after the
 * route has let go of it. Make the component depend on the versions that get requests for the same reason
 * (`rolledOut` of VersionedService), and those that get none come after {@link routed}.
 */
export class VersionRoutes extends pulumi.ComponentResource {
  /** What each version gets, in percent. */
  readonly shares: pulumi.Output<Shares>;
  /** This component, once every gateway pod routes as written; where nothing waits for them, once it is written. */
  readonly routed: pulumi.Output<pulumi.Resource>;

  constructor(name: string, args: VersionRoutesArgs, opts?: pulumi.ComponentResourceOptions) {
    // Component inputs are kept in the state: a kubeconfig may not be among them, and a gateway not as a whole.
    const { cluster, guards = [], gateway, ...inputs } = args;
    super("shopzier-mesh:index:VersionRoutes", name, inputs, guarded(cluster, opts));
    const { service, traffic } = args;
    const { wait = true, callers = [], timeoutSeconds } = args.propagation ?? {};
    const plan = this.planned(name, () => planRoutes({ ...args, ...traffic, gateways: [] }));
    const metadata = { name: service.name, namespace: service.namespace };
    if (!wait) {
      void pulumi.log.warn(
        "Nothing waits for the gateways: a version that is removed may be deleted while they still send to it.",
        this,
      );
    }

    const policy = new DestinationRule(`${name}-policy`, { metadata, spec: plan.policy }, { parent: this });
    const subsets = Object.entries(plan.subsets).map(
      ([version, spec]) =>
        new DestinationRule(
          `${name}-${version}-subset`,
          { metadata: { ...metadata, name: `${service.name}-${version}` }, spec },
          { parent: this },
        ),
    );
    const meshRoute =
      plan.meshVirtualService &&
      new VirtualService(
        `${name}-mesh-route`,
        { metadata: { ...metadata, name: `${service.name}-mesh` }, spec: plan.meshVirtualService },
        { parent: this, dependsOn: [policy, ...subsets] },
      );
    const mark = patchesMark(service, plan.gatewayPatches);
    const filter = this.gatewayPatches(name, args, plan.gatewayPatches, mark);
    const barrier = wait
      ? new PropagationBarrier(`${name}-propagation`, { gateway: gateway.pods, cluster, timeoutSeconds })
      : undefined;
    const route = new VirtualService(
      `${name}-route`,
      {
        metadata,
        spec: pulumi
          .output(gateway.gateway)
          .apply((bound) => ({ ...plan.virtualService, gateways: [bound] })),
      },
      {
        parent: this,
        dependsOn: [policy, ...subsets, ...(filter ? [filter] : [])],
        ...(barrier && { hooks: { beforeUpdate: [barrier.beforeUpdate] } }),
      },
    );
    const waited =
      barrier &&
      pulumi.all([
        barrier.routed(route, guards, filter && { filter, mark }),
        meshRoute && callers.length > 0 ? barrier.callersRouted(meshRoute, callers) : undefined,
      ]);
    // Its URN, unlike what was written, is known in previews.
    const done: pulumi.Output<unknown> = (changesCluster() && waited) || route.urn;
    this.routed = done.apply((): pulumi.Resource => this);
    this.shares = pulumi.output(plan.shares);
    this.registerOutputs({ shares: this.shares });
  }

  private planned(name: string, plan: () => RoutePlan): RoutePlan {
    try {
      return plan();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // A ResourceError is shown without a stack.
      throw new pulumi.ResourceError(`VersionRoutes "${name}": ${error.message}`, this);
    }
  }

  /** What the gateway's Envoy does that Istio has no field for. */
  private gatewayPatches(
    name: string,
    { service, hosts, gateway: { gateway, pods }, traffic: { globalRateLimit } }: VersionRoutesArgs,
    patches: readonly EnvoyConfigPatch[],
    mark: PatchesMark,
  ): EnvoyFilter | undefined {
    if (patches.length === 0) return undefined;
    const metadata = { name: `${service.namespace}-${service.name}`, namespace: pods.namespace };
    const limiter = globalRateLimit && rateLimitServiceEntry(globalRateLimit);
    const entries = limiter
      ? [
          new ServiceEntry(
            `${name}-rate-limit-service`,
            { metadata: { ...metadata, name: `${metadata.name}-rate-limit` }, spec: limiter },
            { parent: this },
          ),
        ]
      : [];
    const configPatches = [...patches, ...hosts.map((host) => markPatch(host, mark))];
    return new EnvoyFilter(
      `${name}-gateway-patches`,
      { metadata, spec: { workloadSelector: { labels: pods.labels }, configPatches } },
      // After the Gateway, which is written once all of its pods have the labels.
      { parent: this, dependsOn: pulumi.output(gateway).apply((): pulumi.Resource[] => entries) },
    );
  }
}
