import * as pulumi from "@pulumi/pulumi";
import { DestinationRule } from "../istio/destination-rule";
import { EnvoyFilter, type EnvoyConfigPatch } from "../istio/envoy-filter";
import { ServiceEntry } from "../istio/service-entry";
import { VirtualService } from "../istio/virtual-service";
import { changesCluster } from "../kubernetes/cluster-access";
import type { GatewayAccess } from "../security/gateway-access";
import type { GatewayPods } from "../kubernetes/pods";
import { metricsAnnotation, type RouteMetrics } from "../observability/route-metrics";
import { rateLimitServiceEntry } from "../traffic/rate-limit";
import { markPatch, patchesMark, type PatchesMark } from "../traffic/rule-version";
import { planRoutes, type RoutedPath, type RoutedService, type Traffic } from "../traffic/route-plan";
import type { Shares } from "../traffic/weights";
import { PropagationBarrier } from "../readiness/propagation-barrier";
import { stepAnnotations } from "../traffic/route-risks";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";
import { evidenceGate, type EvidenceGateArgs, type GateOverride } from "./evidence-gate";
import { beforeUpdate, routePreview } from "./preview";

/** A gateway that routes can be bound to: an IngressGateway or an ExistingGateway. */
export interface RoutedGateway {
  /** The Gateway object as `namespace/name`. */
  readonly gateway: pulumi.Input<string>;
  readonly pods: GatewayPods;
}

/** The wait of `pulumi up` for the proxies, see {@link PropagationBarrier}. */
export interface Propagation {
  /**
   * Whether `up` waits until the gateway's pods have the routes. Default true. Without the wait, a removed version may be
   * deleted while a gateway still sends requests to it.
   */
  readonly wait?: boolean;
  /** Namespaces of callers within the mesh. If routes apply to callers, `up` waits for their sidecars too. Default: none. */
  readonly callers?: readonly string[];
  /** Time limit of the wait. Default 60. */
  readonly timeoutSeconds?: number;
}

export interface VersionRoutesArgs {
  /** The service whose versions get the traffic. */
  readonly service: RoutedService;
  /** Hosts of the service at the gateway. */
  readonly hosts: readonly string[];
  readonly gateway: RoutedGateway;
  /** Paths that reach the service; other paths get 404. Default: every path. */
  readonly paths?: readonly RoutedPath[];
  readonly traffic: Traffic;
  /**
   * Whether weights, rules and policies apply to callers within the mesh too; rate limits always apply only at the gateway.
   * Default false: only rules that name a caller's namespace apply, and other requests go to any pod of the service.
   */
  readonly meshCallers?: boolean;
  /** Version → lowest number of its pods, from which the share follows that outlier detection may remove. Default 1. */
  readonly pods?: Readonly<Record<string, number>>;
  readonly propagation?: Propagation;
  /** Where the requests of the versions are counted: for `shopzier watch`, and for `gate`. It is written as an annotation. Default: nowhere. */
  readonly metrics?: RouteMetrics;
  /** Whether `pulumi up` refuses more requests for a version that the evidence calls worse. Needs `metrics`. Default: no. */
  readonly gate?: EvidenceGateArgs;
  /** The access policies of the gateway. `pulumi up` waits until the gateway pods have them too. Default: none. */
  readonly guards?: readonly GatewayAccess[];
  /** The cluster of the gateway pods. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * The traffic to the versions of a service: one VirtualService, one DestinationRule with the policy that all versions
 * share, and one DestinationRule for each version with its subset (Istio merges DestinationRules of one host).
 *
 * The route depends on the subsets: a version's subset is created before a route names it, and deleted after no route names
 * it. For the same reason, make the component depend on the versions that get requests (`rolledOut` of VersionedService),
 * and make versions without requests depend on {@link routed}.
 */
export class VersionRoutes extends pulumi.ComponentResource {
  /** Version → share of the requests in percent. */
  readonly shares: pulumi.Output<Shares>;
  /** This component, once every gateway pod has the routes; without the wait, once the routes are written. */
  readonly routed: pulumi.Output<pulumi.Resource>;
  /** The override of the gate, with its reason; undefined where there is none. */
  readonly gateOverride: pulumi.Output<GateOverride | undefined>;

  constructor(name: string, args: VersionRoutesArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { cluster, guards = [], gateway, service, traffic } = args;
    // A preview prints all inputs of a component that changes, so these do not repeat what the objects contain.
    const inputs = { ...traffic, weights: undefined, rules: traffic.rules?.map((rule) => rule.name) };
    super("shopzier-mesh:index:VersionRoutes", name, inputs, guarded(cluster, opts));
    const { wait = true, callers = [], timeoutSeconds } = args.propagation ?? {};
    const plan = this.planned(name, () => planRoutes({ ...args, ...traffic, gateways: [] }));
    const metadata = { name: service.name, namespace: service.namespace };
    const steps = this.planned(name, () => stepAnnotations(traffic));
    const { metrics, gate } = args;
    const annotations = metrics ? { ...steps, ...metricsAnnotation(metrics) } : steps;
    if (gate && !metrics) {
      throw new pulumi.ResourceError(
        `VersionRoutes "${name}": gate needs metrics, which say where requests are counted`,
        this,
      );
    }
    const gated =
      gate &&
      metrics &&
      evidenceGate(
        `${name}-route`,
        { metrics, gate, gatewayNamespace: gateway.pods.namespace, ...(cluster && { cluster }) },
        this,
      );
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
        {
          metadata: { ...metadata, annotations: steps, name: `${service.name}-mesh` },
          spec: plan.meshVirtualService,
        },
        {
          parent: this,
          dependsOn: [policy, ...subsets],
          hooks: beforeUpdate(routePreview(`${name}-mesh-route`, service, this, "callers in the mesh: ")),
        },
      );
    const mark = patchesMark(service, plan.gatewayPatches);
    const filter = this.gatewayPatches(name, args, plan.gatewayPatches, mark);
    const barrier = wait
      ? new PropagationBarrier(`${name}-propagation`, { gateway: gateway.pods, cluster, timeoutSeconds })
      : undefined;
    const policiesHeld = barrier?.policiesHeld(`${name}-propagation`, guards);
    const route = new VirtualService(
      `${name}-route`,
      {
        metadata: { ...metadata, annotations },
        spec: pulumi
          .output(gateway.gateway)
          .apply((bound) => ({ ...plan.virtualService, gateways: [bound] })),
      },
      {
        parent: this,
        dependsOn: [policy, ...subsets, ...(filter ? [filter] : [])],
        hooks: {
          ...beforeUpdate(
            gated,
            policiesHeld,
            barrier?.beforeUpdate,
            routePreview(`${name}-route`, service, this),
          ),
          ...(policiesHeld && { beforeCreate: [policiesHeld] }),
        },
      },
    );
    const waited =
      barrier &&
      pulumi.all([
        barrier.routed(route, guards, filter && { filter, mark }, [policy, ...subsets]),
        meshRoute && callers.length > 0 ? barrier.callersRouted(meshRoute, callers) : undefined,
      ]);
    // A preview knows the URN, but not the outputs.
    const done: pulumi.Output<unknown> = (changesCluster() && waited) || route.urn;
    this.routed = done.apply((): pulumi.Resource => this);
    this.shares = pulumi.output(plan.shares);
    this.gateOverride = pulumi.output(gate?.override);
    this.registerOutputs({ shares: this.shares, gateOverride: this.gateOverride });
  }

  private planned<Plan>(name: string, plan: () => Plan): Plan {
    try {
      return plan();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // A ResourceError is shown without a stack.
      throw new pulumi.ResourceError(`VersionRoutes "${name}": ${error.message}`, this);
    }
  }

  /** Patches of the gateway's Envoy, for settings that Istio has no field for. */
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
      {
        parent: this,
        // The Gateway is written once all of its pods have the label by which this object selects them.
        dependsOn: pulumi.output(gateway).apply((): pulumi.Resource[] => entries),
      },
    );
  }
}
