import type { RequestAuthenticationSpec } from "../istio/request-authentication";
import { texts, type Claims } from "../traffic/claims";

/**
 * A token (JWT) in a place where the gateway looks for tokens of its issuer: its claims, where its issuer signed them and
 * they hold now, else `invalid`.
 */
export type Token = Claims | "invalid";

/** Claims that Istio takes for lists with blanks between the items. */
const LISTS = ["scope", "permission"];

/**
 * What becomes of tokens: the claims that policies and routes see, or the status by which a request is refused. A valid
 * token for somebody else is forbidden (Envoy: jwt_authn).
 */
export function verification({ jwtRules }: RequestAuthenticationSpec): (token: Token) => Claims | 401 | 403 {
  const audiences = new Map(jwtRules.map((rule) => [rule.issuer, new Set(rule.audiences?.map(audience))]));
  return (token) => {
    const wanted = token === "invalid" ? undefined : audiences.get(String(token.iss));
    if (token === "invalid" || !wanted) return 401;
    if (wanted.size > 0 && !texts(token.aud).some((aud) => wanted.has(audience(aud)))) return 403;
    return LISTS.some((name) => typeof token[name] === "string")
      ? Object.fromEntries(
          Object.entries(token).map(([name, value]) => [
            name,
            LISTS.includes(name) && typeof value === "string" ? value.split(" ").filter(Boolean) : value,
          ]),
        )
      : token;
  };
}

/** The scheme and a slash at the end make no difference (Envoy: jwt_verify_lib, CheckAudience). */
const audience = (text: string): string => text.replace(/^https?:\/\//, "").replace(/\/$/, "");
