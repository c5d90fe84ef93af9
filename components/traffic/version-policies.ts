/** Policies that hold between a proxy and the pods of a version (Istio: DestinationRule, TrafficPolicy). */
import { defined } from "../istio/defined";
import type { TrafficPolicy } from "../istio/destination-rule";
import {
  circuitBreakerOf,
  connectionPool,
  outlierDetectionSettings,
  retryBudgetSettings,
  type CircuitBreaker,
} from "./circuit-breaker";
import { loadBalancerSettings, type LoadBalancer } from "./load-balancer";

/** What one version does otherwise than all of them. */
export interface VersionPolicies {
  /** Replaces the one that all versions share, as a whole. */
  readonly loadBalancer?: LoadBalancer;
  /** Each key replaces the one of the same name that all versions share. */
  readonly circuitBreaker?: CircuitBreaker;
}

/** What all versions share. Not outlier detection: how many pods may be out depends on how many a version has. */
export function sharedPolicy(loadBalancer: LoadBalancer, breaker: CircuitBreaker = {}): TrafficPolicy {
  return defined({
    loadBalancer: loadBalancerSettings(loadBalancer),
    connectionPool: connectionPool(breaker),
    retryBudget: breaker.retryBudget && retryBudgetSettings(breaker.retryBudget),
  });
}

/** What stands with a version of at least `pods` pods: its own blocks, which replace shared ones as a whole. */
export function subsetPolicy(
  own: VersionPolicies,
  shared: CircuitBreaker | undefined,
  pods: number,
): TrafficPolicy | undefined {
  const breaker = circuitBreakerOf(shared, own.circuitBreaker);
  const pool = own.circuitBreaker && connectionPool(own.circuitBreaker) && connectionPool(breaker);
  const budget = own.circuitBreaker?.retryBudget;
  const policy: TrafficPolicy = defined({
    loadBalancer: own.loadBalancer && loadBalancerSettings(own.loadBalancer),
    connectionPool: pool,
    outlierDetection: breaker.outlierDetection && outlierDetectionSettings(breaker.outlierDetection, pods),
    retryBudget: budget && retryBudgetSettings(budget),
  });
  return Object.keys(policy).length > 0 ? policy : undefined;
}
