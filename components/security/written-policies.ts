import type { AuthorizationPolicySpec } from "../istio/authorization-policy";
import type { RequestAuthenticationSpec } from "../istio/request-authentication";

export interface Written<Spec> {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Spec;
}

/** The policies that were written to the cluster. */
export interface GatewayPolicies {
  readonly access: readonly Written<AuthorizationPolicySpec>[];
  readonly tokens: readonly Written<RequestAuthenticationSpec>[];
}
