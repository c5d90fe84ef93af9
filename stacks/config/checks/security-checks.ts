/** Checks between the settings of security. */
import { problem, type Path } from "../report/catalogue";
import { check, type Check } from "./check";

const namespaces = check({ namespaces: "keys of security.mtls.namespaces" }, function* ({ namespaces }) {
  const path = ["security", "mtls", "namespaces", "istio-system"];
  if (namespaces.includes("istio-system")) yield problem("namespaceOfMesh", path, {}, { remove: path });
});

const issuers = check({ issuers: "security.authentication.jwt.*?.issuer" }, function* ({ issuers }) {
  for (const [i, issuer] of issuers) {
    if (issuers.findIndex(([, other]) => other === issuer) === issuers.findIndex(([j]) => j === i)) continue;
    yield problem("issuerTwice", ["security", "authentication", "jwt", i, "issuer"], { issuer });
  }
});

/** The claims of an entry of an access list, or of a match of a rule. */
interface Claiming {
  readonly claims?: object;
}
type Entries<T> = { readonly entries: readonly (readonly [number, T])[] };

interface ClaimUse {
  readonly needs: { readonly entries: string };
  readonly place: "lists" | "rules";
  readonly uses: (values: { readonly entries: never }) => Path[];
}

/** The places of claims: entries of access lists, and matches of rules. */
export const CLAIM_USES: readonly ClaimUse[] = [
  ...(["deny", "allow"] as const).map((list) => ({
    needs: { entries: `security.access.${list}.*?.claims` } as const,
    place: "lists" as const,
    uses: ({ entries }: Entries<Claiming["claims"]>): Path[] =>
      entries.flatMap(([i, claims]) => (claims ? [["security", "access", list, i, "claims"]] : [])),
  })),
  {
    needs: { entries: "traffic.rules.*?.match" } as const,
    place: "rules" as const,
    uses: ({ entries }: Entries<Claiming | readonly Claiming[]>): Path[] =>
      entries.flatMap(([i, match]) => {
        const at = ["traffic", "rules", i, "match"];
        if (!isList(match)) return match.claims ? [[...at, "claims"]] : [];
        return match.flatMap(({ claims }, j) => (claims ? [[...at, j, "claims"]] : []));
      }),
  },
];

const isList = (match: Claiming | readonly Claiming[]): match is readonly Claiming[] => Array.isArray(match);

const verified = CLAIM_USES.map(({ needs, uses }) =>
  check({ ...needs, keys: "keys of security" }, (c) =>
    c.keys.includes("authentication")
      ? []
      : uses(c as never).map((path) => problem("claimsUnverified", path, {})),
  ),
);

export const SECURITY_CHECKS: readonly Check[] = [namespaces, issuers, ...verified];
