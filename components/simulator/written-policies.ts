/** Policies as anybody writes them: all that Istio's API has of them and that decides about HTTP requests. */
import type { JwtRuleSpec } from "../istio/request-authentication";

/** Istio: Source. All given fields must hold. */
export interface WrittenSource {
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  /** `<account>` in the namespace of the policy, or `<namespace>/<account>`. */
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  readonly trustDomains?: readonly string[];
  readonly notTrustDomains?: readonly string[];
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
}

/** Istio: Operation. All given fields must hold. */
export interface WrittenOperation {
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
  readonly ports?: readonly string[];
  readonly notPorts?: readonly string[];
}

/** Istio: Condition. */
export interface WrittenCondition {
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

/** Istio: Rule. One of `from`, one of `to` and all of `when` must match; what is left out or empty matches everything. */
export interface WrittenPolicyRule {
  readonly from?: readonly { readonly source?: WrittenSource }[];
  readonly to?: readonly { readonly operation?: WrittenOperation }[];
  readonly when?: readonly WrittenCondition[];
}

/** Istio: PolicyTargetReference. */
export interface WrittenTarget {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
}

/** Which proxies a policy is for. Default: all of its namespace, or of the mesh where that is the root namespace. */
export interface WrittenScope {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly targetRef?: WrittenTarget;
  readonly targetRefs?: readonly WrittenTarget[];
}

/** An AuthorizationPolicy as it is written to the cluster. */
export interface WrittenPolicy {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: WrittenScope & {
    /** ALLOW (default), DENY, AUDIT or CUSTOM. */
    readonly action?: string;
    /** Without rules a policy matches nothing: ALLOW then allows nothing. */
    readonly rules?: readonly WrittenPolicyRule[];
    /** Of CUSTOM: the external authorizer. */
    readonly provider?: { readonly name?: string };
  };
}

/** Istio: JWTRule. */
export interface WrittenJwtRule extends JwtRuleSpec {
  readonly outputPayloadToHeader?: string;
  /** Beside `scope` and `permission`. */
  readonly spaceDelimitedClaims?: readonly string[];
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
}

/** Istio: RequestAuthentication. The rules of several for one proxy count as those of one. */
export interface WrittenRequestAuthenticationSpec extends WrittenScope {
  readonly jwtRules?: readonly WrittenJwtRule[];
}
