import { istioObject } from "./custom-resource";

/** Istio: JWTRule. */
export interface JwtRuleSpec {
  readonly issuer: string;
  /** Default: any. */
  readonly audiences?: readonly string[];
  /** Exactly one of the two. */
  readonly jwksUri?: string;
  readonly jwks?: string;
  /** Without any place, Istio also reads the query parameter `access_token`. */
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

/** The tokens that a proxy verifies. A request without a token passes (Istio: RequestAuthentication). */
export class RequestAuthentication extends istioObject<RequestAuthenticationSpec>(
  "security.istio.io/v1",
  "RequestAuthentication",
) {}
