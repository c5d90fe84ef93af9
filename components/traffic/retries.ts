/**
 * Retries of a request, and the time limit of the request.
 *
 * Sources: Istio VirtualService, HTTPRetry; Envoy, router filter, x-envoy-retry-on.
 */
import { duration } from "../istio/duration";
import type { HttpRetry, HttpRoute } from "../istio/virtual-service";
import { trafficProblem, type TrafficProblem } from "./traffic-messages";

/** Conditions with Istio's names. A status code is a condition too: an answer of the service with that code. */
export const RetryCondition = {
  /** No connection could be made. */
  "connect-failure": "connect-failure",
  /** The service refused the HTTP/2 stream before it processed it. */
  "refused-stream": "refused-stream",
  /** The connection broke before the request was sent. */
  "reset-before-request": "reset-before-request",
  /** No answer: the connection broke, or a try exceeded its timeout. */
  reset: "reset",
  /** 502, 503, 504 or no answer. */
  "gateway-error": "gateway-error",
  /** Any 5xx or no answer. */
  "5xx": "5xx",
  /** 409. */
  "retriable-4xx": "retriable-4xx",
  /** A proxy in between limited the rate. */
  "envoy-ratelimited": "envoy-ratelimited",
  /** gRPC status in the headers of the answer. */
  cancelled: "cancelled",
  "deadline-exceeded": "deadline-exceeded",
  internal: "internal",
  "resource-exhausted": "resource-exhausted",
  unavailable: "unavailable",
} as const;
export type RetryCondition = (typeof RetryCondition)[keyof typeof RetryCondition];

/** Conditions under which the service has not seen the request, so that any request may be repeated. */
export const UNSEEN: readonly (RetryCondition | number)[] = [
  "connect-failure",
  "refused-stream",
  "reset-before-request",
];

/** Conditions that include a try that exceeded its timeout. */
const TIMED_OUT: readonly (RetryCondition | number)[] = ["gateway-error", "reset", "5xx"];

/** Status codes that Istio accepts as a condition. */
export const RETRIABLE_STATUS_CODES: readonly number[] = [
  ...Array.from({ length: 19 }, (_, i) => 400 + i),
  ...[421, 422, 423, 424, 425, 426, 428, 429, 431, 451],
  ...[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
];

export interface Retries {
  /** Number of retries after the first try; 0 switches retries off, including Istio's default. */
  readonly attempts: number;
  /** Time limit of each try, including the first, in milliseconds. Default: that of the request. */
  readonly perTryTimeoutMs?: number;
  /**
   * Names or status codes. Default: {@link UNSEEN}. Under any other condition the service may have processed the request,
   * so only safe methods (GET, HEAD, OPTIONS) are retried, unless `writes` is true.
   */
  readonly on?: readonly (RetryCondition | number)[];
  /** Retry requests by every method under every condition of `on`. Default false. */
  readonly writes?: boolean;
}

/** Retries as Istio's HTTPRetry. Istio's default is two retries, under conditions in which the service saw no request. */
export function httpRetry(retries: Retries | undefined): Pick<HttpRoute, "retries"> {
  if (!retries) return {};
  const { attempts, perTryTimeoutMs, on = UNSEEN } = retries;
  if (attempts === 0) return { retries: { attempts } };
  const retry: HttpRetry = {
    attempts,
    ...(perTryTimeoutMs !== undefined && { perTryTimeout: duration(perTryTimeoutMs) }),
    retryOn: on.join(","),
  };
  return { retries: retry };
}

/** The part of `retries` for unsafe methods: no condition under which the service may have processed the request. */
export function retriesOfWrites(retries: Retries | undefined): Retries | undefined {
  if (!retries || retries.writes === true || retries.attempts === 0) return retries;
  const { attempts, on = UNSEEN } = retries;
  const unseen = on.filter((condition) => UNSEEN.includes(condition));
  if (unseen.length === on.length) return retries;
  // If no retry follows a time-out, the time limit of a try would limit the request.
  return unseen.length === 0 ? { attempts: 0 } : { attempts, on: unseen };
}

/** The problems between retries and the time limit of the request, with paths below `retries` and `timeoutMs`. */
export function retryProblems(
  retries: Retries | undefined,
  timeoutMs: number | undefined,
): readonly TrafficProblem[] {
  const { attempts = 0, perTryTimeoutMs, on = UNSEEN } = retries ?? {};
  if (attempts === 0 || perTryTimeoutMs === undefined) return [];
  const ofTry = ["retries", "perTryTimeoutMs"];
  const problems: TrafficProblem[] = [];
  if (!on.some((condition) => TIMED_OUT.includes(condition))) {
    const params = { tryTimeoutMs: perTryTimeoutMs, conditions: TIMED_OUT.map(String) };
    problems.push(trafficProblem("retryTryTimeoutUnused", ofTry, params, { remove: ofTry }));
  }
  const tries = attempts + 1;
  if (timeoutMs !== undefined && tries * perTryTimeoutMs > timeoutMs) {
    const fewer = Math.floor(timeoutMs / perTryTimeoutMs) - 1;
    const shorter = Math.floor(timeoutMs / tries);
    problems.push(
      trafficProblem(
        "retriesTooLong",
        ["retries"],
        { tries, tryTimeoutMs: perTryTimeoutMs, timeoutMs },
        ...(fewer >= 1 ? [{ at: ["retries", "attempts"], set: fewer }] : []),
        ...(shorter >= 1 ? [{ at: ofTry, set: shorter }] : []),
        { at: ["timeoutMs"], set: tries * perTryTimeoutMs },
      ),
    );
  }
  return problems;
}
