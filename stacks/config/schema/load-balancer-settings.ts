import { z } from "zod";
import { LoadBalancerAlgorithm, type Warmup } from "../../../components/traffic/load-balancer";
import { choice, field, map, object, orNone, path, refuse, text } from "./fields";
import { cookieName, headerName } from "./http-names";
import { duration, integer, numeric, percent } from "./number-fields";

const ALGORITHMS = Object.values(LoadBalancerAlgorithm);
const algorithm = choice(
  ALGORITHMS,
  { description: "An algorithm by its Istio name.", example: "LEAST_REQUEST" },
  { LEAST_CONN: "LEAST_REQUEST" },
);

const warmup = object(
  {
    duration: duration("milliseconds", 1, 86_400_000, {
      description: "Time until a new pod has its whole share.",
      range: 'from "1ms" to "24h"',
      example: "60s",
    }),
    aggression: field(
      (value) => {
        const n = numeric(value);
        return n !== undefined && n > 0 ? n : refuse();
      },
      {
        title: "a number above 0",
        type: ["number", "string"],
        pattern: "^\\d+(\\.\\d+)?$",
        exclusiveMinimum: 0,
        description:
          "Form of the rise: 1 (the default) is a straight line, more is steeper at first. Below 1 needs Istio 1.31.",
        example: 1,
      },
    ).exactOptional(),
    minimumPercent: percent({
      description: "Share to begin with, in percent of the whole one. Default 10.",
      example: 10,
    }).exactOptional(),
  },
  "Slow start: a new pod gets its share little by little. With ROUND_ROBIN and LEAST_REQUEST.",
)
  .transform(({ duration, ...rest }): Warmup => ({ ...rest, durationMs: duration }))
  .meta({ required: ["duration"] });

const PLACE = "[^/*\\s]+";
const LOCALITY = {
  pattern: new RegExp(`^(\\*|${PLACE}(/${PLACE}){0,2}|${PLACE}(/${PLACE})?/\\*)$`),
  allowed: "region, region/zone or region/zone/subzone, with * in the last place for all",
  kind: "locality",
};
const REGION = { pattern: new RegExp(`^${PLACE}$`), allowed: "the name of a region", kind: "region" };

const locality = orNone(
  object(
    {
      distribute: map(
        LOCALITY,
        map(
          LOCALITY,
          integer(1, 100, { description: "Percent, whole.", example: 80 }),
          "Locality of pods → percent; the sum is 100.",
        ),
        "Locality of the gateway pod → localities of pods → percent, summing to 100; others get nothing.",
      ).exactOptional(),
      failover: map(
        REGION,
        text(REGION.pattern, REGION.allowed, { description: "Region that takes over.", example: "eu-west" }),
        "Region → region that gets its requests when it has no healthy pods. Needs outlier detection.",
      ).exactOptional(),
    },
    "Where requests go by the place of the pods: exactly one of distribute and failover.",
  ),
  "an object with distribute, failover",
  "Load balancing by the locality of the pods. Default: with outlier detection, the nearest pods get all requests while they are healthy; without it, all pods are equal. none: all are equal.",
);

export const loadBalancer = z
  .union(
    [
      algorithm,
      object(
        {
          algorithm: algorithm.exactOptional(),
          consistentHash: object(
            {
              httpHeader: headerName("Hash the value of this request header.", "x-user").exactOptional(),
              httpCookie: object(
                {
                  name: cookieName("Name of the cookie.", "shop-session"),
                  path: path("Path for which the cookie is valid.").exactOptional(),
                  ttl: duration("milliseconds", 0, 31_536_000_000, {
                    description:
                      'Lifetime; "0s" is a session cookie. With it the gateway makes a missing cookie, without it only an existing one counts.',
                    range: 'from "0s" to "8760h"',
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
                        : refuse(...(n !== undefined && n >= 2 && n < 5_000_011 ? [primeUpTo(n)] : []));
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
          ).exactOptional(),
          choiceCount: integer(2, 1000, {
            description: "How many random pods LEAST_REQUEST compares. Default 2.",
            example: 3,
          }).exactOptional(),
          warmup: warmup.exactOptional(),
          locality: locality.exactOptional(),
        },
        "An algorithm or a consistent hash, and how it is used.",
      ),
    ],
    {
      error: () =>
        `${ALGORITHMS.join(", ")}, or an object with algorithm, consistentHash, choiceCount, warmup, locality`,
    },
  )
  .meta({ description: "How the gateway picks a pod of a version." });

function isPrime(n: number): boolean {
  if (!Number.isInteger(n) || n < 2) return false;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}

/** The largest prime up to `n`, and at least 2. */
function primeUpTo(n: number): number {
  let p = Math.floor(n);
  while (!isPrime(p)) p--;
  return p;
}
