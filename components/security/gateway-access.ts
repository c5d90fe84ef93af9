import * as pulumi from "@pulumi/pulumi";
import { AuthorizationPolicy, type AuthorizationPolicySpec } from "../istio/authorization-policy";
import { RequestAuthentication } from "../istio/request-authentication";
import { planAuthentication, type Authentication } from "./authentication";
import { planAccess, type AccessLists } from "./access-lists";
import type { GatewayPolicies } from "./written-policies";
import type { GatewayPods } from "../kubernetes/pods";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { guarded, withoutCluster } from "../kubernetes/ownership";

export interface GatewayAccessArgs {
  /** The gateway's pods: `pods` of an IngressGateway. */
  readonly gateway: GatewayPods;
  /** Who may ask for what. */
  readonly lists?: AccessLists & {
    /** Refuse nothing: say what would be refused in Envoy's statistics and dynamic metadata (Istio: `istio.io/dry-run`). */
    readonly dryRun?: boolean;
  };
  /**
   * Hosts that the lists are about, none with `*`, at a gateway that serves others too. There the client is who the gateway
   * itself takes for it, and nothing else than addresses, paths and methods can be judged. Default: every host of the gateway.
   */
  readonly hosts?: readonly string[];
  /** With `hosts`: whether CORS preflights of what is allowed pass. A gateway of our own answers them before. Default false. */
  readonly preflights?: boolean;
  /** Who has to show a token. Not with `hosts`: it would hold for every host; see ServiceAccess. */
  readonly authentication?: Authentication;
  /** Proxies in front of the gateway that append to `X-Forwarded-For`; the same as the gateway's. Default 0. */
  readonly trustedProxies?: number;
  /** The cluster that is asked whether an object is there already; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * Who may come in through a gateway: allow and deny lists, and tokens. All of it holds for every host of the gateway, unless
 * `hosts` says otherwise.
 *
 * Make the routes depend on this component: then no route is open before its policies are written.
 */
export class GatewayAccess extends pulumi.ComponentResource {
  /** What was written, for those who wait until the gateway's pods have it. */
  readonly policies: pulumi.Output<GatewayPolicies>;

  constructor(name: string, args: GatewayAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:GatewayAccess", name, withoutCluster(args), guarded(args.cluster, opts));
    const { namespace, labels } = args.gateway;
    const selector = { matchLabels: labels };
    const access: AuthorizationPolicy[] = [];
    const tokens: RequestAuthentication[] = [];
    const policy = (
      kind: string,
      spec: AuthorizationPolicySpec,
      { dryRun = false, dependsOn = [] as pulumi.Resource[] } = {},
    ): void => {
      access.push(
        new AuthorizationPolicy(
          `${name}-${kind}`,
          {
            metadata: {
              name: `${name}-${kind}`,
              namespace,
              ...(dryRun && { annotations: { "istio.io/dry-run": "true" } }),
            },
            spec,
          },
          { parent: this, dependsOn },
        ),
      );
    };

    if (args.lists) {
      const { dryRun = false, ...lists } = args.lists;
      const { deny, allow } = this.planned(name, () =>
        planAccess(lists, {
          selector,
          trustedProxies: args.trustedProxies ?? 0,
          ...(args.hosts && { shared: { hosts: args.hosts, preflights: args.preflights ?? false } }),
        }),
      );
      if (deny) policy("deny", deny, { dryRun });
      if (allow) policy("allow", allow, { dryRun });
    }
    if (args.authentication) {
      if (args.hosts) {
        throw new pulumi.ResourceError(
          `GatewayAccess "${name}": authentication would hold for every host of the gateway, not for hosts alone; give it to ServiceAccess`,
          this,
        );
      }
      const plan = planAuthentication(args.authentication, selector);
      tokens.push(
        new RequestAuthentication(
          `${name}-tokens`,
          { metadata: { name, namespace }, spec: plan.requestAuthentication },
          { parent: this },
        ),
      );
      // Deleted before the verification of tokens is, or everything would be refused meanwhile.
      policy("authentication", plan.required, { dependsOn: tokens });
    }
    this.policies = pulumi
      .all([
        access.map(({ metadata, spec }) => ({ metadata, spec })),
        tokens.map(({ metadata, spec }) => ({ metadata, spec })),
      ])
      .apply(([access, tokens]): GatewayPolicies => ({ access, tokens }));
    this.registerOutputs({});
  }

  private planned<Plan>(name: string, plan: () => Plan): Plan {
    try {
      return plan();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new pulumi.ResourceError(`GatewayAccess "${name}": ${error.message}`, this);
    }
  }
}
