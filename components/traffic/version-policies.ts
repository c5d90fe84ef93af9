/** Policies between a proxy and the pods of a version (Istio: DestinationRule, TrafficPolicy). */
import { defined } from "../istio/without-undefined";
import type { TrafficPolicy } from "../istio/destination-rule";
import {
  circuitBreakerOf,
  connectionPool,
  outlierDetectionSettings,
  retryBudgetSettings,
  type CircuitBreaker,
} from "./circuit-breaker";
import { loadBalancerSettings, type LoadBalancer } from "./load-balancer";

/** Policies of one version that differ from those of all versions. */
export interface VersionPolicies {
  /** Replaces the load balancer of all versions as a whole. */
  readonly loadBalancer?: LoadBalancer;
  /** Each key replaces the key of the same name of all versions. */
  readonly circuitBreaker?: CircuitBreaker;
}

/** The policies of all versions, without outlier detection, whose largest share depends on the pods of each version. */
export function sharedPolicy(loadBalancer: LoadBalancer, breaker: CircuitBreaker = {}): TrafficPolicy {
  return defined({
    loadBalancer: loadBalancerSettings(loadBalancer),
    connectionPool: connectionPool(breaker),
    retryBudget: breaker.retryBudget && retryBudgetSettings(breaker.retryBudget),
  });
}

/** The policies of a version of at least `pods` pods. Each block replaces the shared block as a whole. */
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
