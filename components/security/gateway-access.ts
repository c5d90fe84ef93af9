import * as pulumi from "@pulumi/pulumi";
import { AuthorizationPolicy, type AuthorizationPolicySpec } from "../istio/authorization-policy";
import { RequestAuthentication } from "../istio/request-authentication";
import { planAuthentication, type Authentication } from "./authentication";
import { planAccess, type AccessLists } from "./access-lists";
import type { GatewayPolicies } from "./written-policies";
import type { GatewayPods } from "../kubernetes/pods";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface GatewayAccessArgs {
  /** The gateway, or its pods. */
  readonly gateway: GatewayPods | { readonly pods: GatewayPods };
  /** Allow and deny lists. */
  readonly lists?: AccessLists & {
    /**
     * Refuse nothing. Envoy's statistics and dynamic metadata show what would be refused (Istio: `istio.io/dry-run`). Default
     * false.
     */
    readonly dryRun?: boolean;
  };
  /**
   * Hosts that the lists apply to, without `*`, at a gateway with other users. The gateway's own settings then determine the
   * address of the client, and only addresses, paths and methods can be conditions. Default: every host of the gateway.
   */
  readonly hosts?: readonly string[];
  /** With `hosts`: whether CORS preflights of allowed requests pass. An IngressGateway answers them before the lists. Default false. */
  readonly preflights?: boolean;
  /** The requests that need a token. Not with `hosts`, since it applies to every host; use ServiceAccess there. */
  readonly authentication?: Authentication;
  /** Number of proxies in front of the gateway that append to `X-Forwarded-For`, as in the gateway's arguments. Default 0. */
  readonly trustedProxies?: number;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * The access through a gateway: allow and deny lists, and tokens. They apply to every host of the gateway, or to `hosts`.
 *
 * Make the routes depend on this component, so that the policies are written before a route is open.
 */
export class GatewayAccess extends pulumi.ComponentResource {
  /** The policies that were written, so that a barrier can wait until the gateway's pods have them. */
  readonly policies: pulumi.Output<GatewayPolicies>;

  constructor(name: string, args: GatewayAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { namespace, labels } = "pods" in args.gateway ? args.gateway.pods : args.gateway;
    super("shopzier-mesh:index:GatewayAccess", name, { namespace }, guarded(args.cluster, opts));
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
      // Deleted before the verification of tokens, which it needs; otherwise it would refuse all requests in between.
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
