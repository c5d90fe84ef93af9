import { defined } from "../istio/defined";
import type { AuthorizationPolicySpec, AuthorizationRule } from "../istio/authorization-policy";
import type { JwtRuleSpec, RequestAuthenticationSpec } from "../istio/request-authentication";
import type { RoutedPath } from "../traffic/paths";
import { claimKey, type ClaimValues } from "../traffic/claims";
import { principal, type ServiceIdentity } from "./identity";
import { operationOf, policyPaths, toOperation, type RequestCondition } from "./request-condition";

/** Where a token stands; the first place that has one counts. */
export interface TokenPlaces {
  /** `prefix` is what stands before the token, with its space: `Bearer `. */
  readonly headers?: readonly { readonly name: string; readonly prefix?: string }[];
  /** Query parameters. A refused request stands with its query in logs and traces. */
  readonly params?: readonly string[];
  readonly cookies?: readonly string[];
}

/** Public keys of an issuer (RFC 7517). */
export type KeySource =
  /** istiod fetches the URL, at first and every twenty minutes; while it cannot, no token of the issuer is valid. */
  | { readonly jwksUri: string }
  /** A JWK set as JSON text. */
  | { readonly jwks: string };

/** Whom tokens are for; an issuer has other applications too. Where both are given, both must hold. */
export type Recipients =
  | {
      /** The claim `aud` must name one of them. */
      readonly audiences: readonly string[];
      readonly claims?: ClaimValues;
    }
  | {
      /** Any, and none too. */
      readonly audiences?: undefined;
      /** Claims that every token must have, such as `client_id`. */
      readonly claims: ClaimValues;
    };

/** Tokens (JWT, RFC 7519) of one issuer. */
export type JwtIssuer = KeySource &
  Recipients & {
    /** The claim `iss`, exactly. */
    readonly issuer: string;
    /** Default: the header `Authorization: Bearer <token>`, and nowhere else. */
    readonly from?: TokenPlaces;
    /** Hand the token on to the service. Default false. */
    readonly forward?: boolean;
  };

/** Who has to show a token. A token that is shown must be valid wherever it is shown. */
export interface Authentication {
  /** At least one, each issuer once. */
  readonly jwt: readonly JwtIssuer[];
  /** Requests that need a token. Default: all. */
  readonly required?: readonly RequestCondition[];
  /** Paths that never need one. Default: none. */
  readonly optional?: readonly RoutedPath[];
}

/** What makes the gateway verify tokens: 401 for one that is not valid, 403 where one is missing. */
export interface AuthenticationPlan {
  readonly requestAuthentication: RequestAuthenticationSpec;
  readonly required: AuthorizationPolicySpec;
}

type Selector = RequestAuthenticationSpec["selector"];

/**
 * Plans the verification of tokens by the proxies that `selector` names.
 *
 * A token without subject is not taken as one: Istio's `requestPrincipals: ["*"]` asks for issuer and subject.
 *
 * @param from whose requests need one. Default: everybody's.
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

/** Tokens of an issuer that lack one of its claims: valid, and meant for somebody else. */
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
    // Left out, Istio would also take a token from the query, and with it into logs.
    ...(headers
      ? { fromHeaders: headers }
      : !elsewhere && { fromHeaders: [{ name: "authorization", prefix: "Bearer " }] }),
    fromParams: params,
    fromCookies: cookies,
    ...(issuer.forward === true && { forwardOriginalToken: true }),
  });
}
