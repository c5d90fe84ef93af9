import { defined } from "../istio/without-undefined";
import type { AuthorizationPolicySpec, AuthorizationRule } from "../istio/authorization-policy";
import type { JwtRuleSpec, RequestAuthenticationSpec } from "../istio/request-authentication";
import type { RoutedPath } from "../traffic/paths";
import { claimKey, type ClaimValues } from "../traffic/claims";
import { principal, type ServiceIdentity } from "./identity";
import { operationOf, policyPaths, toOperation, type RequestCondition } from "./request-condition";

/** Places of a token in a request. The first place that has a token counts. */
export interface TokenPlaces {
  /** `prefix` is the text before the token, with its space: `Bearer `. */
  readonly headers?: readonly { readonly name: string; readonly prefix?: string }[];
  /** Query parameters. Logs and traces contain the query of a refused request, and so the token. */
  readonly params?: readonly string[];
  readonly cookies?: readonly string[];
}

/** Public keys of an issuer (RFC 7517). */
export type KeySource =
  /** URL that istiod fetches at the start and every 20 minutes. If it never could, no token of the issuer is valid. */
  | { readonly jwksUri: string }
  /** A JWK set as JSON text. */
  | { readonly jwks: string };

/** The application that tokens must be for, since an issuer has several. If both fields are given, both must hold. */
export type Recipients =
  | {
      /** The claim `aud` must contain one of them. */
      readonly audiences: readonly string[];
      readonly claims?: ClaimValues;
    }
  | {
      /** Default: any audience, or none. */
      readonly audiences?: undefined;
      /** Claims that every token must have, such as `client_id`. */
      readonly claims: ClaimValues;
    };

/** Tokens (JWT, RFC 7519) of one issuer. */
export type JwtIssuer = KeySource &
  Recipients & {
    /** Value of the claim `iss`. */
    readonly issuer: string;
    /** Default: only the header `Authorization: Bearer <token>`. */
    readonly from?: TokenPlaces;
    /** Whether the service gets the token. Default false. */
    readonly forward?: boolean;
  };

/** The requests that need a token. A token in any other request must be valid too. */
export interface Authentication {
  /** At least one issuer, each of them once. */
  readonly jwt: readonly JwtIssuer[];
  /** Requests that need a token. Default: all. */
  readonly required?: readonly RequestCondition[];
  /** Paths that never need a token. Default: none. */
  readonly optional?: readonly RoutedPath[];
}

/** The policies that verify tokens: 401 for an invalid token, 403 for a missing one. */
export interface AuthenticationPlan {
  readonly requestAuthentication: RequestAuthenticationSpec;
  readonly required: AuthorizationPolicySpec;
}

type Selector = RequestAuthenticationSpec["selector"];

/**
 * Plans the verification of tokens by the proxies that `selector` names.
 *
 * A token without a subject counts as missing, since Istio's `requestPrincipals: ["*"]` requires issuer and subject.
 *
 * @param from callers whose requests need a token. Default: all.
 */
export function planAuthentication(
  { jwt, required = [{}], optional = [] }: Authentication,
  selector: Selector,
  from?: readonly ServiceIdentity[],
): AuthenticationPlan {
  const principals = from && { principals: from.map(principal) };
  const rules = required.map((condition): AuthorizationRule => ({
    from: [{ source: { ...principals, notRequestPrincipals: ["*"] } }],
    ...toOperation({
      ...operationOf(condition),
      ...(optional.length > 0 && { notPaths: policyPaths(optional) }),
    }),
  }));
  return {
    requestAuthentication: { selector, jwtRules: jwt.map(jwtRule) },
    required: { selector, action: "DENY", rules: [...rules, ...jwt.flatMap(othersTokens)] },
  };
}

/** Rules that match valid tokens of an issuer without one of the required claims; they are for another application. */
const othersTokens = ({ issuer, claims = {} }: JwtIssuer): AuthorizationRule[] =>
  Object.entries(claims).map(([claim, values]) => ({
    when: [
      { key: claimKey("iss"), values: [issuer] },
      { key: claimKey(claim), notValues: values },
    ],
  }));

function jwtRule(issuer: JwtIssuer): JwtRuleSpec {
  const { headers, params, cookies } = issuer.from ?? {};
  const elsewhere = params !== undefined || cookies !== undefined;
  return defined({
    issuer: issuer.issuer,
    audiences: issuer.audiences,
    ...("jwks" in issuer ? { jwks: issuer.jwks } : { jwksUri: issuer.jwksUri }),
    // Without places, Istio would also accept a token in the query, which is logged.
    ...(headers
      ? { fromHeaders: headers }
      : !elsewhere && { fromHeaders: [{ name: "authorization", prefix: "Bearer " }] }),
    fromParams: params,
    fromCookies: cookies,
    ...(issuer.forward === true && { forwardOriginalToken: true }),
  });
}
