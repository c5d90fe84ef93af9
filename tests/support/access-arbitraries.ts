/** Access lists, tokens and addresses from small pools of values, so that they often match each other. */
import fc from "fast-check";
import type { AuthorizationPolicySpec } from "../../components/istio/authorization-policy";
import { planAuthentication, type Authentication } from "../../components/security/authentication";
import type { WrittenPolicy } from "../../components/simulator/authorization";
import type { ClaimValues } from "../../components/traffic/claims";
import { planAccess, type AccessEntry, type AccessLists } from "../../components/security/access-lists";
import type { RequestCondition } from "../../components/security/request-condition";
import type { Token } from "../../components/simulator/token";
import type { RoutedPath } from "../../components/traffic/paths";

export const ISSUERS = ["https://id.example.com/", "https://staff.example.com/"] as const;
export const AUDIENCE = "shop";

const GROUPS = ["staff", "guest", "banned"] as const;
const PATHS = [
  "/api/v1",
  "/api/v1/category",
  "/api/v1/category/tree",
  "/api/v2",
  "/old",
  "/actuator",
] as const;

const pick = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(pick(values), { minLength: 1, maxLength: 2 });

const path: fc.Arbitrary<RoutedPath> = fc.oneof(
  pick(PATHS).map((exact) => ({ exact })),
  { weight: 2, arbitrary: pick(PATHS).map((prefix) => ({ prefix })) },
);
const paths = fc.uniqueArray(path, {
  minLength: 1,
  maxLength: 2,
  selector: (p) => JSON.stringify(p),
});
const methods = some(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]);

/** Conditions on claims of a rule or of an entry of a list. */
export const claimValues: fc.Arbitrary<ClaimValues> = fc.dictionary(
  pick(["groups", "realm_access.roles", "scope", "sub"]),
  some([...GROUPS, "*"]),
  { minKeys: 1, maxKeys: 2 },
);

const condition: fc.Arbitrary<RequestCondition> = fc.oneof(
  fc.record({ paths }),
  fc.record({ methods }),
  fc.record({ paths, methods }),
);
const addresses = some(["203.0.113.0/24", "198.51.100.66", "2001:db8::/32", "10.88.0.0/16", "192.0.2.0/25"]);
const entry: fc.Arbitrary<AccessEntry> = fc.oneof(
  condition,
  fc.record({ addresses }),
  fc.record({ claims: claimValues }),
  fc.record({ paths, addresses }),
  fc.record({ methods, claims: claimValues }),
);

/** Policies of a gateway for one host. */
export interface Guard {
  readonly lists: AccessLists;
  readonly authentication?: Pick<Authentication, "required" | "optional">;
  readonly trustedProxies: 0 | 1;
}
export const guard: fc.Arbitrary<Guard> = fc.record(
  {
    lists: fc.record(
      {
        deny: fc.array(entry, { minLength: 1, maxLength: 3 }),
        // One wide entry, because few requests would pass otherwise.
        allow: fc
          .tuple(
            fc.oneof(
              fc.record({ paths: fc.constant<RoutedPath[]>([{ prefix: "/api" }, { prefix: "/old" }]) }),
              fc.record({ methods: fc.constant(["GET", "HEAD", "POST", "OPTIONS"]) }),
            ),
            fc.array(entry, { maxLength: 2 }),
          )
          .map(([wide, others]) => [wide, ...others]),
      },
      { requiredKeys: [] },
    ),
    authentication: fc.record(
      { required: fc.array(condition, { minLength: 1, maxLength: 2 }), optional: paths },
      { requiredKeys: ["required"] },
    ),
    trustedProxies: pick([0, 1] as const),
  },
  { requiredKeys: ["lists", "trustedProxies"] },
);

/** The gateway's pods. */
export const SELECTOR = { matchLabels: { istio: "agreement" } };

/** Verifies the tokens of both issuers, whose keys are `jwks`. */
export const requestAuthentication = (jwks: readonly object[]) =>
  planAuthentication(
    {
      jwt: ISSUERS.map((issuer, i) => ({
        ...{ issuer, audiences: [AUDIENCE], jwks: JSON.stringify(jwks[i] ?? { keys: [] }) },
      })),
    },
    SELECTOR,
  ).requestAuthentication;

/** Allows everything. */
export const OPEN: Guard = { lists: {}, trustedProxies: 0 };

/** The policies of some hosts at a gateway with other hosts. Without an allow list everything is allowed. */
export function guardPolicies(
  name: string,
  hosts: readonly string[],
  { lists, authentication, trustedProxies }: Guard,
): (WrittenPolicy & { readonly spec: AuthorizationPolicySpec })[] {
  const { deny, allow } = planAccess(lists, { selector: SELECTOR, trustedProxies });
  const required = authentication && planAuthentication({ jwt: [], ...authentication }, SELECTOR).required;
  const specs: Record<string, AuthorizationPolicySpec | undefined> = {
    deny,
    required,
    allow: allow ?? { selector: SELECTOR, action: "ALLOW", rules: [{}] },
  };
  const patterns = hosts.flatMap((host) => [host, `${host}:*`, `*.${host}`, `a.${host}:8080`]);
  return Object.entries(specs).flatMap(([kind, spec]) =>
    spec
      ? [
          {
            metadata: { name: `${name}-${kind}` },
            spec: {
              ...spec,
              rules: (spec.rules ?? []).map((rule) => ({
                ...rule,
                to: (rule.to ?? [{ operation: {} }]).map(({ operation }) => ({
                  operation: { ...operation, hosts: patterns },
                })),
              })),
            },
          },
        ]
      : [],
  );
}

const list = fc.oneof(pick(GROUPS), fc.uniqueArray(pick(GROUPS), { maxLength: 2 }));
const valid = fc.record(
  {
    iss: pick(ISSUERS),
    aud: pick([AUDIENCE, ["other", AUDIENCE]]),
    sub: pick(["somebody", "staff"]),
    groups: list,
    realm_access: fc.record({ roles: list }),
    scope: pick(["staff", "guest staff", "read write"]),
  },
  { requiredKeys: ["iss", "aud"] },
);

export const token: fc.Arbitrary<Token | undefined> = fc.oneof(
  { weight: 10, arbitrary: fc.constant(undefined) },
  { weight: 8, arbitrary: valid },
  { weight: 1, arbitrary: valid.map((claims) => ({ ...claims, aud: "other" })) },
  { weight: 1, arbitrary: valid.map((claims) => ({ ...claims, iss: "https://evil.example.com/" })) },
  { weight: 1, arbitrary: fc.constant<Token>("invalid") },
);

/** Headers in which clients and the proxy before the gateway name the origin of a request. */
export const forwardedFor: fc.Arbitrary<string | readonly string[] | undefined> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  pick([
    "203.0.113.7",
    "198.51.100.66",
    "2001:db8::7",
    "::ffff:203.0.113.7",
    "203.0.113.7, 198.51.100.1",
    "198.51.100.1,203.0.113.7 ",
    "192.0.2.127",
    "192.0.2.128",
    "203.0.113.7:443",
    "198.51.100.1, [198.51.100.66]",
    "[2001:db8::7]:443",
    "[::FFFF:198.51.100.66]:80",
    "::ffff:c633:6442",
    "203.0.113.7,",
    "unknown",
  ]),
  fc.constant(["203.0.113.7", "198.51.100.66"]),
);
