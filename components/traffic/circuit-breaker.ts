/**
 * Limits of what a proxy sends to a version, and what it does with pods that fail.
 *
 * Sources: Istio DestinationRule, ConnectionPoolSettings and OutlierDetection; Envoy, circuit breaking and outlier
 * detection. Every limit holds for each gateway pod and each version by itself.
 */
import { defined } from "../istio/defined";
import { duration } from "../istio/duration";
import type {
  ConnectionPoolSettings,
  OutlierDetectionSettings,
  RetryBudgetSettings,
} from "../istio/destination-rule";
import type { PolicyProblem } from "./policy-problem";

/** Limits without default are off. What is above one is answered 503 at once, with the header `x-envoy-overloaded`. */
export interface CircuitBreaker {
  /** Connections to all pods together, at least 1. */
  readonly maxConnections?: number;
  /** Requests that wait for a connection, at least 1. */
  readonly maxPendingRequests?: number;
  /** Requests in flight, at least 1. */
  readonly maxRequests?: number;
  /** Requests after which a connection is closed, at least 1. */
  readonly maxRequestsPerConnection?: number;
  /** Retries in flight, at least 1. Not together with `retryBudget`. */
  readonly maxRetries?: number;
  /** Retries in flight in relation to the requests in flight. */
  readonly retryBudget?: RetryBudget;
  readonly outlierDetection?: OutlierDetection;
}

export interface RetryBudget {
  /** Retries per hundred requests in flight or waiting, 0 to 100. */
  readonly percent: number;
  /** Retries in flight that are always allowed, at least 1. Default 3. */
  readonly minRetryConcurrency?: number;
}

/** Takes pods that fail out of the load balancing for a while. A lone pod stays in it, failing or not. */
export interface OutlierDetection {
  /** 5xx answers and missing answers in a row; 0 does not count them. Default 5. */
  readonly consecutive5xxErrors?: number;
  /** 502, 503, 504 and missing answers in a row; 0 does not count them. Default 0. */
  readonly consecutiveGatewayErrors?: number;
  /** How often pods are let back in, in milliseconds. Default 10 seconds. */
  readonly intervalMs?: number;
  /** How long a pod is out, times how often it has been, in milliseconds. Default 30 seconds. */
  readonly baseEjectionTimeMs?: number;
  /** Most pods that may be out at a time, in percent, 1 to 100. Default: {@link maxEjectionPercent}. */
  readonly maxEjectionPercent?: number;
}

/** The circuit breaker of a version: its own keys beside those that hold for all versions. */
export function circuitBreakerOf(
  all: CircuitBreaker | undefined,
  own: CircuitBreaker | undefined,
): CircuitBreaker {
  return { ...all, ...(own && defined(own)) };
}

/** The limits in Istio's words; undefined when there are none. */
export function connectionPool(breaker: CircuitBreaker): ConnectionPoolSettings | undefined {
  const { maxConnections, maxPendingRequests, maxRequests, maxRequestsPerConnection, maxRetries } = breaker;
  const http = defined({
    http1MaxPendingRequests: maxPendingRequests,
    http2MaxRequests: maxRequests,
    maxRequestsPerConnection,
    maxRetries,
  });
  const pool = {
    ...(maxConnections !== undefined && { tcp: { maxConnections } }),
    ...(Object.keys(http).length > 0 && { http }),
  };
  return Object.keys(pool).length > 0 ? pool : undefined;
}

/** The retry budget in Istio's words. */
export function retryBudgetSettings({ percent, minRetryConcurrency = 3 }: RetryBudget): RetryBudgetSettings {
  return { percent, minRetryConcurrency };
}

/**
 * The smallest share that lets one of `pods` be out, and at least Istio's ten percent. Envoy ejects a pod only if all
 * that are out then stay within the share: with ten percent it never ejects one of nine or fewer. Of a lone pod nothing
 * would be left, so it counts as two.
 */
export function maxEjectionPercent(pods: number): number {
  return Math.max(10, Math.ceil(100 / Math.max(2, pods)));
}

/** Outlier detection in Istio's words, for a version of at least `pods` pods. */
export function outlierDetectionSettings(
  detection: OutlierDetection,
  pods: number,
): OutlierDetectionSettings {
  const { consecutive5xxErrors, consecutiveGatewayErrors, intervalMs, baseEjectionTimeMs } = detection;
  return defined({
    consecutive5xxErrors: consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors,
    interval: duration(intervalMs ?? 10_000),
    baseEjectionTime: duration(baseEjectionTimeMs ?? 30_000),
    maxEjectionPercent: detection.maxEjectionPercent ?? maxEjectionPercent(pods),
  });
}

/** What is wrong with a circuit breaker, by the name `circuitBreaker`; `mostPods` is the largest that the version may grow. */
export function circuitBreakerProblems(breaker: CircuitBreaker, mostPods?: number): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  if (breaker.maxRetries !== undefined && breaker.retryBudget) {
    problems.push({
      path: ["circuitBreaker"],
      found: "both maxRetries and retryBudget",
      allowed: "one of the two",
      hint: "with a budget Envoy ignores maxRetries",
      repairs: [{ remove: ["circuitBreaker", "maxRetries"] }, { remove: ["circuitBreaker", "retryBudget"] }],
    });
  }
  const { consecutive5xxErrors = 5, consecutiveGatewayErrors, ...detection } = breaker.outlierDetection ?? {};
  const at = ["circuitBreaker", "outlierDetection"];
  if (consecutive5xxErrors === 0 && (consecutiveGatewayErrors ?? 0) === 0) {
    problems.push({
      path: at,
      found: "no errors that count",
      allowed: "consecutive5xxErrors or consecutiveGatewayErrors of at least 1",
      repairs: [
        { path: [...at, "consecutive5xxErrors"], set: 5 },
        { path: [...at, "consecutiveGatewayErrors"], set: 5 },
      ],
    });
  }
  if (consecutive5xxErrors > 0 && (consecutiveGatewayErrors ?? 0) >= consecutive5xxErrors) {
    problems.push({
      path: [...at, "consecutiveGatewayErrors"],
      found: `${consecutiveGatewayErrors ?? 0}, with consecutive5xxErrors ${consecutive5xxErrors}`,
      allowed: "fewer than consecutive5xxErrors, unless that is 0",
      hint: "every gateway error is a 5xx too, so the other limit is always reached first",
      repairs: [
        ...(consecutive5xxErrors > 1
          ? [{ path: [...at, "consecutiveGatewayErrors"], set: consecutive5xxErrors - 1 }]
          : []),
        { path: [...at, "consecutive5xxErrors"], set: 0 },
      ],
    });
  }
  const percent = detection.maxEjectionPercent;
  if (percent !== undefined && mostPods !== undefined && mostPods >= 2 && 100 / mostPods > percent) {
    problems.push({
      path: [...at, "maxEjectionPercent"],
      found: `${percent} percent of at most ${mostPods} pods`,
      allowed: `at least ${maxEjectionPercent(mostPods)}, which is one pod`,
      hint: "Envoy would never eject a pod",
      repairs: [
        { remove: [...at, "maxEjectionPercent"] },
        { path: [...at, "maxEjectionPercent"], set: maxEjectionPercent(mostPods) },
      ],
    });
  }
  return problems;
}
