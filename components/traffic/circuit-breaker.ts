/**
 * Limits of the requests from a proxy to a version, and outlier detection.
 *
 * Sources: Istio DestinationRule, ConnectionPoolSettings and OutlierDetection; Envoy, circuit breaking and outlier
 * detection. Each gateway pod counts for itself, and for each version separately.
 */
import { defined } from "../istio/without-undefined";
import { duration } from "../istio/duration";
import type {
  ConnectionPoolSettings,
  OutlierDetectionSettings,
  RetryBudgetSettings,
} from "../istio/destination-rule";
import { trafficProblem, type TrafficProblem } from "./traffic-messages";

/** A limit without a default is off. A request above a limit gets 503 at once, with the header `x-envoy-overloaded`. */
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

/** Removes failing pods from load balancing for some time. The only pod of a version is never removed. */
export interface OutlierDetection {
  /** 5xx answers and missing answers in a row; 0 does not count them. Default 5. */
  readonly consecutive5xxErrors?: number;
  /** 502, 503, 504 and missing answers in a row; 0 does not count them. Default 0. */
  readonly consecutiveGatewayErrors?: number;
  /** Interval in milliseconds in which removed pods may return. Default 10 seconds. */
  readonly intervalMs?: number;
  /** Time for which a pod is removed in milliseconds, multiplied by the number of its removals. Default 30 seconds. */
  readonly baseEjectionTimeMs?: number;
  /** Largest share of the pods that may be removed at a time, in percent, 1 to 100. Default: {@link maxEjectionPercent}. */
  readonly maxEjectionPercent?: number;
}

/** The circuit breaker of a version: its own keys, and for the others those of all versions. */
export function circuitBreakerOf(
  all: CircuitBreaker | undefined,
  own: CircuitBreaker | undefined,
): CircuitBreaker {
  return { ...all, ...(own && defined(own)) };
}

/** The limits as Istio's ConnectionPoolSettings; undefined where there are none. */
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

/** The retry budget as Istio's field. */
export function retryBudgetSettings({ percent, minRetryConcurrency = 3 }: RetryBudget): RetryBudgetSettings {
  return { percent, minRetryConcurrency };
}

/**
 * The smallest share that allows the removal of one of `pods`, and at least Istio's default of 10 percent. Envoy removes a
 * pod only if all removed pods then stay within the share, so with 10 percent it removes none of nine or fewer. One pod
 * counts as two, because the removal of the only pod would leave none.
 */
export function maxEjectionPercent(pods: number): number {
  return Math.max(10, Math.ceil(100 / Math.max(2, pods)));
}

/** Outlier detection as Istio's OutlierDetection, for a version of at least `pods` pods. */
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

/** The problems of a circuit breaker, with paths below `circuitBreaker`; `mostPods` is the largest number of the version's pods. */
export function circuitBreakerProblems(
  breaker: CircuitBreaker,
  mostPods?: number,
): readonly TrafficProblem[] {
  const problems: TrafficProblem[] = [];
  const at = (...path: string[]): string[] => ["circuitBreaker", ...path];
  if (breaker.maxRetries !== undefined && breaker.retryBudget) {
    const either = [{ remove: at("maxRetries") }, { remove: at("retryBudget") }];
    problems.push(trafficProblem("breakerRetriesTwice", at(), {}, ...either));
  }
  const { consecutive5xxErrors: all = 5, consecutiveGatewayErrors: gateway = 0 } =
    breaker.outlierDetection ?? {};
  const detection = at("outlierDetection");
  const [ofAll, ofGateway] = [
    [...detection, "consecutive5xxErrors"],
    [...detection, "consecutiveGatewayErrors"],
  ];
  if (all === 0 && gateway === 0) {
    const either = [
      { at: ofAll, set: 5 },
      { at: ofGateway, set: 5 },
    ];
    problems.push(trafficProblem("outliersNever", detection, {}, ...either));
  }
  if (all > 0 && gateway >= all) {
    const fewer = all > 1 ? [{ at: ofGateway, set: all - 1 }] : [];
    problems.push(
      trafficProblem("outliersGatewayUnused", ofGateway, { gateway, all }, ...fewer, { at: ofAll, set: 0 }),
    );
  }
  const percent = breaker.outlierDetection?.maxEjectionPercent;
  if (percent !== undefined && mostPods !== undefined && mostPods >= 2 && 100 / mostPods > percent) {
    const most = [...detection, "maxEjectionPercent"];
    const least = maxEjectionPercent(mostPods);
    const either = [{ remove: most }, { at: most, set: least }];
    problems.push(trafficProblem("outliersTooFew", most, { percent, pods: mostPods, least }, ...either));
  }
  return problems;
}
