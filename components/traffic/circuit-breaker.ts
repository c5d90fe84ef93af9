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
import { trafficProblem, type TrafficProblem } from "./traffic-messages";

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
