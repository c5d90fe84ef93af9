import { texts, type Claims } from "../traffic/claims";
import type { WrittenRequestAuthenticationSpec } from "./written-policies";

/**
 * A token (JWT) in a place where the gateway looks for tokens of its issuer: its claims, where its issuer signed them and
 * they hold now, else `invalid`.
 */
export type Token = Claims | "invalid";

/** Claims that Istio takes for lists with blanks between the items. */
const LISTS = ["scope", "permission"];

/** What Envoy knows of the tokens of one issuer. */
interface Issuer {
  /** Of each rule; none: any. */
  readonly audiences: readonly ReadonlySet<string>[];
  readonly lists: readonly string[];
}

/**
 * What becomes of tokens: the claims that policies and routes see, or the status by which a request is refused. A valid
 * token for another audience is forbidden (Envoy: jwt_authn). Of several rules for one issuer one is enough.
 */
export function verification({
  jwtRules,
}: WrittenRequestAuthenticationSpec): (token: Token) => Claims | 401 | 403 {
  const issuers = new Map<string, Issuer>();
  for (const { issuer, audiences, spaceDelimitedClaims } of jwtRules ?? []) {
    const { audiences: others = [], lists = LISTS } = issuers.get(issuer) ?? {};
    issuers.set(issuer, {
      audiences: [...others, new Set(audiences?.map(audience))],
      lists: [...lists, ...(spaceDelimitedClaims ?? [])],
    });
  }
  return (token) => {
    const known = token === "invalid" ? undefined : issuers.get(String(token.iss));
    if (token === "invalid" || !known) return 401;
    const own = texts(token.aud);
    const isFor = (wanted: ReadonlySet<string>): boolean =>
      wanted.size === 0 || own.some((aud) => wanted.has(audience(aud)));
    if (!known.audiences.some(isFor)) return 403;
    return known.lists.some((name) => typeof token[name] === "string")
      ? Object.fromEntries(
          Object.entries(token).map(([name, value]) => [
            name,
            known.lists.includes(name) && typeof value === "string"
              ? value.split(" ").filter(Boolean)
              : value,
          ]),
        )
      : token;
  };
}

/** The scheme and a slash at the end make no difference (Envoy: jwt_verify_lib, CheckAudience). */
const audience = (text: string): string => text.replace(/^https?:\/\//, "").replace(/\/$/, "");
