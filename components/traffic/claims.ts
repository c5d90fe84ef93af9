/**
 * Claims of a verified token: a name, or for a nested claim the names from the outermost on, with "." between them. A name
 * that contains dots is in brackets: `[https://example.com/roles]`.
 */

/** The syntax of a claim. */
export const CLAIM = /^([\w:/-]+(\.[\w:/-]+)*|(\[[^[\]\s]+\])+)$/;

/** Claim → values. The claim must be one of them or, if it is a list, contain one. A number or boolean never matches. */
export type ClaimValues = Readonly<Record<string, readonly string[]>>;

/** The claim in brackets, a form that AuthorizationPolicy and VirtualService share. */
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

/** The claims of one token, by name. */
export type Claims = Readonly<Record<string, unknown>>;

/** The texts of a claim, whose name is in brackets as above: the claim itself, or the items of a list. */
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

/** The texts of a value: itself, or the items of a list. */
export function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
