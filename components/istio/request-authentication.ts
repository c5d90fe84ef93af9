import { istioObject } from "./custom-resource";

/** Istio: JWTRule. */
export interface JwtRuleSpec {
  readonly issuer: string;
  /** Any when absent. */
  readonly audiences?: readonly string[];
  /** Exactly one of the two. */
  readonly jwksUri?: string;
  readonly jwks?: string;
  /** Without any place Istio also looks into the query parameter `access_token`. */
  readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly forwardOriginalToken?: boolean;
}

/** security.istio.io/v1 RequestAuthenticationSpec, the part that we write. */
export interface RequestAuthenticationSpec {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly jwtRules: readonly JwtRuleSpec[];
}

/** Which tokens a proxy verifies; a request without one passes (Istio: RequestAuthentication). */
export class RequestAuthentication extends istioObject<RequestAuthenticationSpec>(
  "security.istio.io/v1",
  "RequestAuthentication",
) {}
