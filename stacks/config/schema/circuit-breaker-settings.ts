import type { OutlierDetection } from "../../../components/traffic/circuit-breaker";
import { object } from "./fields";
import { duration, integer, percent } from "./number-fields";

/** A limit. Istio's limits are 32-bit integers, and 0 means no limit. */
const limit = (description: string, example: number) =>
  integer(1, 2_147_483_647, { description, example }).exactOptional();

const outlierDetection = object(
  {
    consecutive5xxErrors: integer(0, 1_000_000, {
      description:
        "5xx and missing answers in a row after which a pod is out; 0 does not count them. Default 5.",
      example: 5,
    }).exactOptional(),
    consecutiveGatewayErrors: integer(0, 1_000_000, {
      description:
        "502, 503, 504 and missing answers in a row after which a pod is out; 0 does not count them. Default 0.",
      example: 3,
    }).exactOptional(),
    interval: duration("milliseconds", 1, 3_600_000, {
      description: "How often pods that are out are looked at. Default 10s.",
      range: 'from "1ms" to "1h"',
      example: "10s",
    }).exactOptional(),
    baseEjectionTime: duration("milliseconds", 1, 3_600_000, {
      description: "How long a pod is out, times how often it has been. Default 30s.",
      range: 'from "1ms" to "1h"',
      example: "30s",
    }).exactOptional(),
    maxEjectionPercent: integer(1, 100, {
      description:
        "Most pods of a version that may be out at a time. Default: one pod of the fewest that the version has, at least 10; a lone pod is never out.",
      example: 50,
    }).exactOptional(),
  },
  "Takes pods that fail out of the load balancing for a while.",
).transform(({ interval, baseEjectionTime, ...rest }): OutlierDetection => ({
  ...rest,
  ...(interval !== undefined && { intervalMs: interval }),
  ...(baseEjectionTime !== undefined && { baseEjectionTimeMs: baseEjectionTime }),
}));

/** Keys with their limits. A request above a limit gets 503 at once. */
export const circuitBreaker = object(
  {
    maxConnections: limit("Connections to a version.", 100),
    maxPendingRequests: limit("Requests that wait for a connection.", 100),
    maxRequests: limit("Requests in flight.", 200),
    maxRequestsPerConnection: limit("Requests after which a connection is closed.", 1000),
    maxRetries: limit("Retries in flight. Not together with retryBudget.", 10),
    retryBudget: object(
      {
        percent: percent({
          description: "Retries in flight per hundred requests in flight or waiting.",
          example: 20,
        }),
        minRetryConcurrency: limit("Retries in flight that are always allowed. Default 3.", 3),
      },
      "Retries in relation to requests, so that retries cannot make an overload worse.",
    )
      .meta({ required: ["percent"] })
      .exactOptional(),
    outlierDetection: outlierDetection.exactOptional(),
  },
  "Limits of the requests from a gateway pod to a version, for each version separately. A request above a limit gets 503 at once. A limit that is absent is off.",
);
