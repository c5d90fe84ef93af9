import { z } from "zod";
import { LoadBalancerAlgorithm } from "../../components/traffic/load-balancer";
import { choice, duration, field, integer, isObject, numeric, object, path, refuse, text } from "./fields";
import type { Repair } from "./problem";

const ALGORITHMS = Object.values(LoadBalancerAlgorithm);
export const loadBalancer = z
  .union(
    [
      choice(
        ALGORITHMS,
        { description: "An algorithm by its Istio name.", example: "LEAST_REQUEST" },
        {
          LEAST_CONN: {
            hint: "Istio has deprecated LEAST_CONN; it means LEAST_REQUEST",
            set: "LEAST_REQUEST",
          },
        },
      ),
      object(
        {
          consistentHash: object(
            {
              httpHeader: text(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "the name of an HTTP header", {
                description: "Hash the value of this request header.",
                example: "x-user",
              }).exactOptional(),
              httpCookie: object(
                {
                  name: text(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "the name of a cookie", {
                    description: "Name of the cookie.",
                    example: "shop-session",
                  }),
                  path: path("Path for which the cookie is valid.").exactOptional(),
                  ttl: duration("milliseconds", 0, Infinity, {
                    description:
                      'Lifetime; "0s" is a session cookie. With it the gateway makes a missing cookie, without it only an existing one counts.',
                    range: "of at least 0s",
                    example: "1h",
                  }).exactOptional(),
                },
                "Hash the value of this cookie.",
              )
                .transform(({ ttl, ...cookie }) => ({
                  ...cookie,
                  ...(ttl === undefined ? {} : { ttlMs: ttl }),
                }))
                .exactOptional(),
              sourceIp: field((value) => (value === true || value === "true" ? (true as const) : refuse()), {
                title: "true, or leave it out",
                enum: [true, "true"],
                description:
                  "Hash the client's address as the gateway sees it (behind a load balancer it may be that of a node).",
                example: true,
              }).exactOptional(),
              queryParameter: text(/^[^\s&=#?]+$/, "the name of a query parameter", {
                description: "Hash the value of this query parameter.",
                example: "user",
              }).exactOptional(),
              ringHash: object(
                {
                  minimumRingSize: integer(1, 8_388_608, {
                    description: "Fewest entries of the ring. Default 1024.",
                    example: 1024,
                  }).exactOptional(),
                },
                "Place endpoints on a ring (the default).",
              ).exactOptional(),
              maglev: object(
                {
                  tableSize: field(
                    (value) => {
                      const n = numeric(value);
                      return n !== undefined && isPrime(n) && n < 5_000_011
                        ? n
                        : refuse({
                            ...(n !== undefined && n >= 2 && n < 5_000_011
                              ? { repairs: [{ set: primeUpTo(n) }] }
                              : {}),
                          });
                    },
                    {
                      title: "a prime number below 5000011",
                      type: ["integer", "string"],
                      pattern: "^\\d+$",
                      minimum: 2,
                      exclusiveMaximum: 5_000_011,
                      description: "Entries of the table, a prime number below 5000011. Default 65537.",
                      example: 65537,
                    },
                  ).exactOptional(),
                },
                "Place endpoints in a Maglev table.",
              ).exactOptional(),
            },
            "Equal keys go to the same pod. Exactly one key, and at most one of ringHash and maglev.",
          )
            .superRefine(hashRules, { when: (payload) => isObject(payload.value) })
            .prefault({}),
        },
        "Consistent hashing.",
      ),
    ],
    { error: () => `${ALGORITHMS.join(", ")}, or an object with consistentHash` },
  )
  .meta({ description: "How the gateway picks a pod of a version." });

const KEYS = ["httpHeader", "httpCookie", "sourceIp", "queryParameter"];

/** Which keys are there together; looks at names only, so it holds for a hash with other problems too. */
function hashRules(hash: object, context: z.core.$RefinementCtx): void {
  const at = ["loadBalancer", "consistentHash"];
  const report = (found: readonly string[], allowed: string, repairs: readonly Repair[]): void => {
    context.addIssue({
      code: "custom",
      message: allowed,
      params: { found: found.join(" and ") || "none of them", repairs },
    });
  };
  const keys = KEYS.filter((key) => key in hash);
  // A misspelt key is reported as such; it may be the one that is missing.
  const misspelt = context.issues.some((issue) => issue.code === "unrecognized_keys");
  if (keys.length > 1 || (keys.length === 0 && !misspelt)) {
    report(
      keys,
      `exactly one key: ${KEYS.join(", ")}`,
      keys.length === 0
        ? [{ at: [...at, "httpHeader"], set: "x-user", example: true }]
        : keys.map((key) => ({ remove: [...at, key] })),
    );
  }
  const algorithms = ["ringHash", "maglev"].filter((algorithm) => algorithm in hash);
  if (algorithms.length > 1) {
    report(
      algorithms,
      "at most one of ringHash and maglev",
      algorithms.map((algorithm) => ({ remove: [...at, algorithm] })),
    );
  }
}

function isPrime(n: number): boolean {
  if (!Number.isInteger(n) || n < 2) return false;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}

/** The largest prime that is at most `n`, at least 2. */
function primeUpTo(n: number): number {
  let p = Math.floor(n);
  while (!isPrime(p)) p--;
  return p;
}
