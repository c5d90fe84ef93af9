/**
 * Claims of a verified token: a name, or the names on the way to a nested claim with "." between them. A name that has
 * dots of its own stands in brackets: `[https://example.com/roles]`.
 */

/** The syntax of a claim. */
export const CLAIM = /^([\w:/-]+(\.[\w:/-]+)*|(\[[^[\]\s]+\])+)$/;

/** Claim → any of the values that it must have, or contain where it is a list; a number or a switch never matches. */
export type ClaimValues = Readonly<Record<string, readonly string[]>>;

/** In the brackets that both places take. */
const bracketed = (claim: string): string =>
  claim.startsWith("[")
    ? claim
    : claim
        .split(".")
        .map((name) => `[${name}]`)
        .join("");

/** Key of a claim in an AuthorizationPolicy's condition (Istio: "Authorization Policy Conditions"). */
export const claimKey = (claim: string): string => `request.auth.claims${bracketed(claim)}`;

/** Name of a claim among the headers of a VirtualService's match, at gateways only (Istio: "JWT claim based routing"). */
export const claimHeader = (claim: string): string => `@request.auth.claims${bracketed(claim)}`;

/** Claims of one token, by name. */
export type Claims = Readonly<Record<string, unknown>>;

/** Reads the texts of a claim, whose name stands in brackets as above: itself, or the items of a list. */
export function claimTexts(name: string): (claims: Claims) => readonly string[] {
  const names = name.slice(1, -1).split("][");
  return (claims) =>
    texts(
      names.reduce<unknown>(
        (at, key) => (typeof at === "object" && at !== null ? (at as Claims)[key] : undefined),
        claims,
      ),
    );
}

/** A text, or the texts of a list. */
export function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
